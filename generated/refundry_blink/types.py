"""Contains some shared types for properties"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, MutableMapping
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Generic, Literal, NoReturn, TypeVar
from urllib.parse import quote

from attrs import define, field

from .errors import AmbiguousJson

if TYPE_CHECKING:
    from .errors import UnreadableReply


class Unset:
    """The type of `UNSET`, which stands for a field that is not there: another thing than null"""

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        # A name, so that copy, deepcopy and pickle give back the one UNSET of this module.
        return "UNSET"


UNSET: Unset = Unset()

# The types that `httpx.Client(files=)` can accept, copied from that library.
FileContent = IO[bytes] | bytes | str
FileTypes = (
    # (filename, file (or bytes), content_type)
    tuple[str | None, FileContent, str | None]
    # (filename, file (or bytes), content_type, headers)
    | tuple[str | None, FileContent, str | None, Mapping[str, str]]
)
RequestFiles = list[tuple[str, FileTypes]]


@define
class File:
    """Contains information for file uploads"""

    payload: BinaryIO
    file_name: str | None = None
    mime_type: str | None = None

    def to_tuple(self) -> FileTypes:
        """Return a tuple representation that httpx will accept for multipart/form-data"""
        return self.file_name, self.payload, self.mime_type


def _no_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity where JSON has neither.
    raise json.JSONDecodeError("no JSON value", name, 0)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) != len(members) and any(
        _written(value) != _written(made[key]) for key, value in members
    ):
        raise AmbiguousJson
    return made


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant
).decode
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode


def read_json(content: bytes) -> Any:
    """Read UTF-8 JSON that has one meaning; raise ValueError or RecursionError where that cannot be done"""
    return _decode(content.removeprefix(b"\xef\xbb\xbf").decode())


def write_json(value: object) -> bytes:
    """Write compact UTF-8 JSON; raise ValueError on NaN, an infinity or a lone surrogate"""
    return _encode(value).encode()


def path_segment(name: str, value: object) -> str:
    """Percent-encode a path parameter, so that it stays one segment of its path

    Raises:
        ValueError: If the value is empty, "." or "..": no encoding keeps these in their place. Or if it holds a line
            break or another control character.
    """
    segment = str(value)
    if _CONTROL.search(segment):
        raise ValueError(f"{name} must not hold a control character")
    if segment in ("", ".", ".."):
        raise ValueError(
            f"{name} must not be empty, '.' or '..': the request would go to another path"
        )
    if segment.isascii() and segment.replace("-", "").isalnum():
        return segment  # of unreserved characters alone
    return quote(segment, safe="")


def header_values(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Check the header parameters of a request

    Raises:
        ValueError: If a value is empty, begins or ends with a blank, or holds a line break or another control character.
    """
    for name, value in headers.items():
        text = str(value)
        if not text or text != text.strip() or _CONTROL.search(text):
            raise ValueError(
                f"{name} must not be empty, begin or end with a blank, or hold a control character"
            )
    return dict(headers)


def has_listed(data: Mapping[str, Any], tags: Mapping[str, Collection[Any]]) -> bool:
    """Whether each tag that an object has holds one of the values that the contract lists for it"""
    return all(data[name] in values for name, values in tags.items() if name in data)


@define(frozen=True)
class Request:
    """A request as plain values: what the contract says is sent, without the authorization

    `path` is percent-encoded and begins with "/". `params` is the query, not encoded yet. `content` is None where there is
    no body; it is not in the repr, since it may hold secrets.
    """

    method: str
    path: str
    params: dict[str, Any]
    headers: dict[str, str]
    content: bytes | None = field(repr=False)


T = TypeVar("T")


@define
class Response(Generic[T]):
    """A reply as it came, and what could be read of it

    `parsed` is None for a status that the contract does not describe or describes without a schema, and where
    `problem` says why the reply could not be read. A problem says nothing about whether the request was executed.
    `content` is not in the repr, since it may hold secrets and personal data.
    """

    status_code: int
    content: bytes = field(repr=False)
    headers: MutableMapping[str, str]
    parsed: T | None
    problem: UnreadableReply | None = None


__all__ = [
    "UNSET",
    "File",
    "FileTypes",
    "Request",
    "RequestFiles",
    "Response",
    "Unset",
    "has_listed",
    "header_values",
    "path_segment",
    "read_json",
    "write_json",
]
