"""The one error of every command on the contracts, and how it becomes one line and an exit code."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

REFUSED = "the contract is refused as it stands"
"""The remedy of a fault that only the provider, or whoever changed the page, can mend."""
_LONGEST_QUOTE = 160


class ContractError(Exception):
    """A contract, overlay or page that cannot be used. Each fault is one line: place, problem, remedy."""


def exit_code(run: Callable[[], int], remedy: str = "see to the disk, and run it again") -> int:
    """Run a command and return its exit code: 2, and a line for each fault on standard error, after an error.

    The errors are ContractError, and OSError, which a full or a read-only disk raises: `remedy` says what to do then.
    """
    try:
        return run()
    except ContractError as error:
        for fault in str(error).split("\n"):
            print(f"error: {fault}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or 'disk'}:1: {one_line(error.strerror or error)}; {remedy}", file=sys.stderr)
    return 2


def local(text: object, root: Path) -> str:
    """Return `text` with each path of the project at `root` as it is from there."""
    return str(text).replace(f"{root}/", "")


def and_more(items: Sequence[object]) -> str:
    """Return how many there are beside the first, as ` (and 2 more)`; the empty text for one or none."""
    return f" (and {len(items) - 1} more)" if len(items) > 1 else ""


def one_line(text: object) -> str:
    """Return `text` with each run of white space as one space, so that a message stays on one line."""
    return " ".join(str(text).split())


def short(text: str) -> str:
    """Return `text` on one line, cut at the length that a message can carry."""
    text = one_line(text)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
