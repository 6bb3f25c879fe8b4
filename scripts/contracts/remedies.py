"""What a fault's line says to do: the action of an overlay that mends it."""

from typing import Any

from scripts.contracts.pointers import jsonpath

OVERLAY = "mend it in overlay.yaml"


def remove(data: Any, pointer: str) -> str:
    """Return the remedy of a fault that goes with the part at `pointer`."""
    return f"{OVERLAY}: `target: {jsonpath(data, pointer)}`, `remove: true`"


def update(data: Any, pointer: str, what: str) -> str:
    """Return the remedy of a fault that goes when the part at `pointer` gets `what`."""
    return f"{OVERLAY}: `target: {jsonpath(data, pointer)}`, `update: {what}`"
