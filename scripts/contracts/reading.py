"""The events of a YAML or JSON text: its values in their order, each with its line. What they mean is said elsewhere.

JSON is read by `json`, and YAML by libyaml where PyYAML has it, which takes a tenth of the time. libyaml reads
YAML 1.1: what it refuses is read again by ruamel.yaml, which reads YAML 1.2 and says what is wrong with it.
"""

import io
import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import yaml  # type: ignore[import-untyped]  # it has no types of its own
from ruamel.yaml import YAML

# None where PyYAML was built without libyaml.
CSafeLoader: Any = getattr(yaml, "CSafeLoader", None)

Kind = Literal["mapping", "sequence", "end", "scalar", "alias", "document", "stream end"]


class Event(NamedTuple):
    """A step through a text: a mapping or a sequence begins, one of them ends, or a scalar or an alias stands there.

    `line` counts from 0. `plain` says that a scalar stands without quotes, so that it may be no text.
    """

    kind: Kind
    line: int
    value: str = ""
    plain: bool = False
    tag: str | None = None


_KINDS: dict[str, Kind] = {
    "MappingStartEvent": "mapping",
    "SequenceStartEvent": "sequence",
    "MappingEndEvent": "end",
    "SequenceEndEvent": "end",
    "ScalarEvent": "scalar",
    "AliasEvent": "alias",
    "DocumentStartEvent": "document",
    "StreamEndEvent": "stream end",
}
# YAML 1.1 ends a line at these too, and YAML 1.2 does not. A byte order mark within a text is read in several ways.
_READ_OTHERWISE = re.compile("[\x85\u2028\u2029\ufeff]")
# The tokens of a text that is known to be JSON. Possessive, so that a long text cannot be tried in several ways.
_TOKEN = re.compile(r'[{}\[\]]|"(?:[^"\\]++|\\.)*+"|[^\s{}\[\],:"]++')
_BRACKETS: dict[str, Kind] = {"{": "mapping", "[": "sequence", "}": "end", "]": "end"}


def events(text: str) -> Iterator[Event]:
    """Yield the events of a text, lazily. Raises ruamel.yaml.error.YAMLError where it is neither YAML nor JSON."""
    if _is_json(text):
        return _json_events(text)
    if CSafeLoader is not None and not _READ_OTHERWISE.search(text) and _libyaml_reads(text):
        return _yaml_events(_parsed(text))
    return _yaml_events(YAML(typ="safe", pure=True).parse(io.StringIO(text)))


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _json_events(text: str) -> Iterator[Event]:
    yield Event("document", 0)
    line = last = 0
    for token in _TOKEN.finditer(text):
        at, found = token.start(), token[0]
        line += text.count("\n", last, at)
        last = at
        if found in _BRACKETS:
            yield Event(_BRACKETS[found], line)
        elif found[0] == '"':
            yield Event("scalar", line, json.loads(found) if "\\" in found else found[1:-1])
        else:
            yield Event("scalar", line, found, plain=True)
    yield Event("end", line)
    yield Event("stream end", line)


def _parsed(text: str) -> Iterator[Any]:
    parsed: Iterator[Any] = yaml.parse(text, Loader=CSafeLoader)
    return parsed


def _libyaml_reads(text: str) -> bool:
    try:
        for _ in _parsed(text):
            pass
    except yaml.YAMLError:
        return False
    return True


def _yaml_events(found: Iterator[Any]) -> Iterator[Event]:
    for event in found:
        kind = _KINDS.get(type(event).__name__)
        if kind is None:
            if type(event).__name__ == "DocumentEndEvent":
                yield Event("end", event.start_mark.line)
        elif kind == "scalar":
            # A plain scalar has no style: None for ruamel.yaml, the empty text for libyaml.
            yield Event(kind, event.start_mark.line, event.value, not event.style, event.tag)
        else:
            yield Event(kind, event.start_mark.line, tag=getattr(event, "tag", None))
