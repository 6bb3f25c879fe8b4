"""Modules that only annotations name, without the cost of importing them.

typing.get_type_hints and FastAPI evaluate an annotation in the globals of its module, and must find its names there.
Importing all of them would double the time of `import refundry`. So a file that it loads writes `ssl.SSLContext` with a
Later for `ssl`, which a type checker takes for the module, and `refundry.Refund` for a public name, which the package
loads on first use.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Later:
    """Stands in for a module, and imports it on the first use of an attribute."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        from importlib import import_module

        return getattr(import_module(self._name), name)
