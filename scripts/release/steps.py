"""Which version step follows from what changed: one table, for changes of a contract and of our own names alike.

`python -m scripts.release.steps` prints it. A class of change is the name of an effect in lower case with hyphens
(`Effect.BREAKS_REPLY` is `breaks-reply`), and the same word stands in the name of a news fragment.
"""

import enum
import re
from collections.abc import Iterable
from typing import NamedTuple


class Step(enum.IntEnum):
    """The part of the version that goes up. The larger of two steps includes the smaller one."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Row(NamedTuple):
    """One class of change: its heading in the changelog, the steps, and what the class is about."""

    title: str
    before_1: Step
    """The step while the version is 0.x."""
    after_1: Step
    meaning: str


TABLE: dict[str, Row] = {
    "credentials": Row(
        "Hosts and credentials", Step.MINOR, Step.MAJOR, "a server, a security scheme or a token's path"
    ),
    "breaks-request": Row("Breaks requests", Step.MINOR, Step.MAJOR, "a request that was right is now refused"),
    "breaks-reply": Row("Breaks replies", Step.MINOR, Step.MAJOR, "a reply now holds what a reader did not expect"),
    "breaks-name": Row("Breaks names", Step.MINOR, Step.MAJOR, "a name that a service uses is gone or has changed"),
    "deprecates": Row("Deprecated", Step.PATCH, Step.MINOR, "a name of ours still works, warns, and will go"),
    "adds": Row("Added", Step.PATCH, Step.MINOR, "something new; what a service has still works"),
    "fixes": Row("Fixed", Step.PATCH, Step.PATCH, "the same names do what they promised"),
    "nothing": Row("Also changed", Step.NONE, Step.NONE, "nothing that a service sends, reads or imports"),
}
"""Every class of change, the gravest first."""

_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


def change_class(effect: enum.Enum | str) -> str:
    """Return the class of an effect, or the class itself. Raises ValueError for one that the table does not have."""
    name = effect.name.lower().replace("_", "-") if isinstance(effect, enum.Enum) else effect
    if name not in TABLE:
        raise ValueError(f"{name}: no such class of change; use one of {', '.join(TABLE)}")
    return name


def gravest(effects: Iterable[enum.Enum | str]) -> str:
    """Return the class that stands first in the table among these; "nothing" when there are none."""
    found = {change_class(effect) for effect in effects}
    return next((name for name in TABLE if name in found), "nothing")


def step_of(effect: enum.Enum | str, version: str) -> Step:
    """Return the step that one change asks of the release after `version`."""
    row = TABLE[change_class(effect)]
    return row.after_1 if parts(version)[0] else row.before_1


def largest_step(effects: Iterable[enum.Enum | str], version: str) -> Step:
    """Return the largest step that these changes ask of the release after `version`."""
    return max((step_of(effect, version) for effect in effects), default=Step.NONE)


def next_version(version: str, step: Step) -> str:
    """Return the version that is one `step` after `version`."""
    major, minor, patch = parts(version)
    following = {
        Step.NONE: (major, minor, patch),
        Step.PATCH: (major, minor, patch + 1),
        Step.MINOR: (major, minor + 1, 0),
        Step.MAJOR: (major + 1, 0, 0),
    }
    return ".".join(map(str, following[step]))


def parts(version: str) -> tuple[int, int, int]:
    """Return the three numbers of a version. Raises ValueError for any other form."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"{version!r} is no version of this project; write three numbers, such as 0.4.1")
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def table() -> str:
    """Return the table as Markdown."""
    rows = [("class", "what changed", "step in 0.x", "step from 1.0 on")]
    rows += [
        (f"`{name}`", row.meaning, row.before_1.name.lower(), row.after_1.name.lower()) for name, row in TABLE.items()
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([lines[0], "|---|---|---|---|", *lines[1:]]) + "\n"


if __name__ == "__main__":
    print(table(), end="")
