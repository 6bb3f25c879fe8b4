"""Which extra of refundry brings what a module of this package needs"""

from __future__ import annotations

from importlib import import_module


def require(module: str, extra: str) -> None:
    """Import a module, or say which extra brings it

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ImportError(
            f"{__package__}.{extra} needs {module}; install it: pip install 'refundry[{extra}]'"
        ) from error


__all__ = ["require"]
