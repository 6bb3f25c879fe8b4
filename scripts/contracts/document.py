"""YAML 1.2 documents as plain data, with the file and line of each value."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scripts.contracts.errors import ContractError, one_line
from scripts.contracts.pointers import child
from scripts.contracts.reading import Event, events
from scripts.contracts.writing import as_yaml

MOST_FAULTS = 20
"""How many faults of one document are named in one run."""


class Fault(NamedTuple):
    """A fault of a document: the JSON Pointer of its cause, the problem, and the step that mends it."""

    pointer: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and the place of each part of it.

    `places` maps a JSON Pointer (RFC 6901) to "file:line". A pointer that is not listed has the place of its nearest
    listed parent.
    """

    data: Any
    places: Mapping[str, str]

    def place(self, pointer: str) -> str:
        """Return "file:line" of the value at `pointer`, or of the nearest parent whose place is known."""
        while pointer and pointer not in self.places:
            pointer = pointer.rpartition("/")[0]
        return self.places[pointer]

    def error(self, pointer: str, problem: str, remedy: str) -> ContractError:
        """Make the error to raise for the value at `pointer`."""
        return ContractError(self._line(Fault(pointer, problem, remedy)))

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Raise ContractError with one line for each fault, in their order, and nothing where there is none.

        At most `MOST_FAULTS` are named; a last line says how many more there are.
        """
        every = list(dict.fromkeys(faults))
        if not every:
            return
        lines = [self._line(fault) for fault in every[:MOST_FAULTS]]
        if more := len(every) - len(lines):
            lines.append(f"{self.places['']}: document: {more} more faults; mend these, and run it again")
        raise ContractError("\n".join(lines))

    def _line(self, fault: Fault) -> str:
        at = one_line(fault.pointer) or "document"
        return f"{self.place(fault.pointer)}: {at}: {one_line(fault.problem)}; {fault.remedy}"


# The core schema of YAML 1.2.2, section 10.3.2, less infinity and NaN, which JSON does not have.
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 100
_DEEPEST = 64


def load(path: Path) -> Document:
    """Read the YAML file at `path`. Raises ContractError when it is missing or not usable YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}:1: cannot be read: {one_line(error)}; check the file") from error
    return parse(text, str(path))


def parse(text: str, name: str, first_line: int = 1) -> Document:
    """Read one YAML 1.2 document. Messages name the text `name` and count its lines from `first_line`.

    Mapping keys are always text, as in JSON: a response status written `200` is the key "200". Refused with
    ContractError: broken YAML, a key written twice, aliases and merge keys (they can expand without limit), tags,
    numbers that JSON does not have, half a surrogate pair, several documents in one text, and nesting deeper than any
    contract needs.
    """
    try:
        return _Reader(text, name, first_line).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark else 0)
        raise ContractError(
            f"{name}:{line}: broken YAML: {one_line(error.problem or error.context)}; mend it"
        ) from error
    except YAMLError as error:
        raise ContractError(f"{name}:{first_line}: broken YAML: {one_line(error)}; mend it") from error


class _Reader:
    """Builds plain data from the events of a YAML text. Only what this class handles is interpreted."""

    def __init__(self, text: str, name: str, first_line: int) -> None:
        self._events = events(text)
        self._name = name
        self._first_line = first_line
        self._places: dict[str, str] = {}

    def document(self) -> Document:
        first = next(self._events)
        if first.kind == "stream end":
            raise self._error(first, "", "it is empty", "write the document")
        data = self._value(next(self._events), "", 0)
        next(self._events)
        if (after := next(self._events)).kind != "stream end":
            raise self._error(after, "", "a second document begins here", "keep one")
        return Document(data, self._places)

    def _place(self, event: Event) -> str:
        return f"{self._name}:{event.line + self._first_line}"

    def _error(self, event: Event, pointer: str, problem: str, remedy: str) -> ContractError:
        return ContractError(f"{self._place(event)}: {pointer or 'document'}: {problem}; {remedy}")

    def _value(self, event: Event, pointer: str, depth: int) -> Any:
        self._places.setdefault(pointer, self._place(event))
        if event.kind == "alias":
            raise self._error(event, pointer, "an alias repeats a value", "write the value out")
        if event.tag is not None:
            raise self._error(event, pointer, f"the tag {event.tag} is not JSON", "leave it out")
        if depth > _DEEPEST:
            raise self._error(event, pointer, f"nested deeper than {_DEEPEST} levels", "make it flatter")
        if event.kind == "mapping":
            return self._mapping(pointer, depth + 1)
        if event.kind == "sequence":
            items: list[Any] = []
            while (item := next(self._events)).kind != "end":
                items.append(self._value(item, child(pointer, len(items)), depth + 1))
            return items
        return self._scalar(event, pointer)

    def _mapping(self, pointer: str, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while (event := next(self._events)).kind != "end":
            if event.kind != "scalar":
                raise self._error(event, pointer, "a key is not plain text", "write the key as text")
            key = self._text(event, pointer)
            at = child(pointer, key)
            if key == "<<":
                raise self._error(event, at, "merge keys are not part of YAML 1.2", "write the keys out")
            if key in members:
                raise self._error(event, at, "the key is written twice", "keep one of them")
            self._places[at] = self._place(event)
            members[key] = self._value(next(self._events), at, depth)
        return members

    def _text(self, event: Event, pointer: str) -> str:
        text = event.value
        try:
            # JSON writes a character beyond the basic plane as two escapes, which YAML reads as two characters.
            return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            problem = f"half of a surrogate pair in {text[:20]!r} is no text"
            raise self._error(event, pointer, problem, "write the whole character") from error

    def _scalar(self, event: Event, pointer: str) -> Any:
        text = self._text(event, pointer)
        if not event.plain:
            return text
        if text in _WORDS:
            return _WORDS[text]
        make = next((make for pattern, make in _NUMBERS if pattern.fullmatch(text)), None)
        if _NOT_JSON.fullmatch(text) or (make and (len(text) > _LONGEST_NUMBER or math.isinf(make(text)))):
            raise self._error(
                event, pointer, f"{text[:20]} is a number that JSON does not have", "quote it or change it"
            )
        return make(text) if make else text


def dump(data: Any, header: str) -> str:
    """Write plain data as YAML 1.2: key order kept, no line folded, `header` as the first comment line."""
    return f"# {header}\n{as_yaml(data)}"
