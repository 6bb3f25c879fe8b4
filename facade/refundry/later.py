"""Modules that only annotations name, for the files that `import refundry` and the names of a refund load.

typing.get_type_hints, FastAPI and the like evaluate an annotation in the globals of its module, and must find its names
there, whatever was imported before. To import those modules for it would double what the names of a refund cost. So
such a file writes `ssl.SSLContext` with a Later for `ssl`, which a type checker takes for the module, and
`refundry.Refund` for a public name, which the package loads when it is asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Later:
    """Stands in for a module, and imports it when something of it is asked for."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        from importlib import import_module

        return getattr(import_module(self._name), name)
