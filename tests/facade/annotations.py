"""Resolves the annotations of the public names. Importing this module loads nothing of refundry."""

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any


def functions(cls: type) -> Iterator[Callable[..., Any]]:
    """Yield the public constructors, methods and properties of a class of refundry."""
    for one in cls.__mro__:
        for name, value in vars(one).items():
            parts = (value.fget, value.fset) if isinstance(value, property) else (getattr(value, "__func__", value),)
            if not name.startswith("_") or name.endswith("__"):
                yield from (part for part in parts if inspect.isfunction(part) and _is_ours(part))


def _is_ours(function: Callable[..., Any]) -> bool:
    return function.__module__.partition(".")[0] == "refundry"


def leaves(hint: Any) -> Iterator[Any]:
    """Yield the parts of a type hint."""
    parts = [*typing.get_args(hint)] if typing.get_origin(hint) is not typing.Literal else []
    for part in parts:
        yield from leaves(part) if not isinstance(part, list) else (leaf for one in part for leaf in leaves(one))
    if not parts:
        yield hint


def unresolved(offering: Any, name: str) -> list[str]:
    """Return the annotations of a public name that do not resolve to types."""
    offered = getattr(offering, name)
    found = []
    walked: list[Any] = [offered, *functions(offered)] if isinstance(offered, type) else []
    for one in walked:
        try:
            hints = [*typing.get_type_hints(one).items(), *inspect.get_annotations(one, eval_str=True).items()]
        except (NameError, AttributeError, TypeError, ImportError) as error:
            found.append(f"{one.__qualname__}: {error!r}")
        else:
            odd = {parameter for parameter, hint in hints if not all(map(_is_resolved, leaves(hint)))}
            found += [f"{one.__qualname__}: {parameter}" for parameter in odd]
    return found


def _is_resolved(leaf: Any) -> bool:
    special = leaf in (None, ..., typing.Any, typing.Self, typing.NoReturn)
    return isinstance(leaf, type) or special or typing.get_origin(leaf) is typing.Literal
