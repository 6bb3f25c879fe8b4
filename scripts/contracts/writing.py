"""Writes plain data as YAML 1.2, as the contracts in specs/ are written: in blocks, no line folded, few quotes.

ruamel.yaml writes the same, and takes twenty times as long; libyaml cannot move the entries of a list to the right.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

# Texts without quotes: no indicator of YAML at the beginning, and none within that would end the text.
_PLAIN = re.compile(r"(?![-?:] |[-?:]$)[^\s,\[\]{}#&*!|>'\"%@`=](?:[^\s:#]|:(?=[^\s])|(?<=\S)#| (?=[^\s#]))*")
# What would be read as another type without quotes: by YAML 1.2, or by one of the readers that know dates and binaries.
_OTHER_TYPE = re.compile(
    r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|<<|(---|\.\.\.).*"
    r"|[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+)"
    r"|[-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"
)
_PRINTABLE = re.compile("[ -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
# A reader may give up on a longer key, unless it is marked as one.
_LONGEST_KEY = 1000
_STEP = 2


def as_yaml(data: Any) -> str:
    """Return plain data as YAML: keys in their order, each line ended."""
    return "".join(f"{line}\n" for line in _lines(data, 0))


def _lines(value: Any, indent: int) -> Iterator[str]:
    """Yield the lines of a value that stands by itself, `indent` spaces from the left."""
    margin = " " * indent
    if isinstance(value, dict) and value:
        for key, member in value.items():
            name = _scalar(str(key))
            head = f"{margin}{name}:" if len(name) <= _LONGEST_KEY else f"{margin}? {name}\n{margin}:"
            if isinstance(member, dict | list) and member:
                yield head
                yield from _lines(member, indent + _STEP if isinstance(member, dict) else indent)
            else:
                yield f"{head} {_scalar(member)}"
    elif isinstance(value, list) and value:
        for member in value:
            first, *rest = _lines(member, indent + 2 * _STEP)
            yield f"{margin}{' ' * _STEP}- {first[indent + 2 * _STEP :]}"
            yield from rest
    else:
        yield f"{margin}{_scalar(value)}"


def _scalar(value: Any) -> str:
    """Return a value without members on one line."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and _PRINTABLE.fullmatch(value) and not _OTHER_TYPE.fullmatch(value):
        return value
    if _PRINTABLE.fullmatch(value) and ("'" not in value or '"' in value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if _PRINTABLE.fullmatch(character):
        return character
    return {"\n": "\\n", "\t": "\\t"}.get(character, f"\\U{ord(character):08x}")
