"""Where a message departs from an OpenAPI contract: the one check of the sandbox and of strict reading.

The validator is openapi-schema-validator, in the form of the document's own version. A `Validator` loads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_OPEN: Final = "x-extensible-enum"
FORMATS: Final = (
    *("binary", "byte", "date", "date-time", "double", "email", "float"),
    *("int32", "int64", "ipv4", "ipv6", "password", "uuid"),
)
"""The formats that are checked: those that need no further distribution, so that a verdict is the same everywhere."""


# RFC 9110: a reply with one of these statuses has no content, whatever a contract describes.
_WITHOUT_CONTENT: Final = (204, 205, 304)


class Way(Enum):
    """Which way a message goes. Its value is what marks the properties that it need not have."""

    REQUEST = ("readOnly",)
    REPLY = ("writeOnly",)
    EITHER = (*REQUEST, *REPLY)


@dataclass(frozen=True, slots=True)
class Departure:
    """A rule of a contract that a message breaks, and where. It holds no value of the message.

    `pointer` is the JSON pointer of the part that breaks the rule, "" for the whole message; for a field that is
    missing, where it would be. `keyword` is the keyword of the rule, such as "type" or "required", and `rule` the JSON
    pointer of that keyword in the contract.
    """

    pointer: str
    keyword: str
    rule: str


class Validator:
    """Checks messages against the schemas of one OpenAPI document, of version 3.0 or 3.1.

    An enum value that the document does not list is a departure, in `x-extensible-enum` too. Formats are checked.
    `extra` is the extra of refundry that brings the validator, for the message of the ImportError where it is not
    installed.
    """

    def __init__(self, document: Mapping[str, Any], extra: str) -> None:
        try:
            import openapi_schema_validator as validators
            from jsonschema import FormatChecker  # type: ignore[import-untyped]  # it has no types of its own
            from jsonschema.validators import extend  # type: ignore[import-untyped]  # it has no types of its own
        except ImportError as error:
            problem = "a message is checked against its contract with openapi-schema-validator"
            raise ImportError(f"{problem}; install it: pip install 'refundry[{extra}]'") from error
        self.document = document
        if document["openapi"].startswith("3.0."):
            kind, formats = validators.OAS30Validator, validators.oas30_format_checker
        else:
            kind, formats = validators.OAS31Validator, validators.oas31_format_checker
        self._formats = FormatChecker(formats=())
        self._formats.checkers = {name: formats.checkers[name] for name in FORMATS if name in formats.checkers}
        # The `required` of 3.0 passes over what goes one way alone, whichever way the message goes.
        required = validators.OAS31Validator.VALIDATORS["required"]
        self._kind = extend(kind, {_OPEN: kind.VALIDATORS["enum"], "required": required})

    def departures(self, at: str, value: object, way: Way = Way.EITHER) -> tuple[Departure, ...]:
        """Each departure of a decoded JSON value from the schema at the JSON pointer `at` of the document.

        A property that goes the other way alone is not required.
        """
        # The reference is resolved in the whole document. Its other members are no keywords of a schema.
        schema = {**self.document, "$ref": f"#{_quoted(at)}"}
        errors = self._kind(schema, format_checker=self._formats).iter_errors(value)
        # A null breaks `type` twice in the validator of 3.0.
        return tuple(dict.fromkeys(found for error in errors for found in self._found(at, error, way)))

    def departures_of_reply(
        self, operation: str, status_code: int, content: bytes, read_json: Callable[[bytes], Any]
    ) -> tuple[Departure, ...]:
        """Each departure of a reply to the operation at this JSON pointer of the document.

        A status that the operation does not describe is one. A body that it does not describe is not looked at. Raises
        what `read_json` raises.
        """
        at = f"{operation}/responses"
        if status_code < 200 or status_code in _WITHOUT_CONTENT:
            return ()
        described = _get(self.document, operation).get("responses", {})
        exact, in_range = str(status_code), f"{status_code // 100}XX"
        status = next((key for key in (exact, in_range, "default") if key in described), None)
        if status is None:
            return (Departure("", "responses", at),)
        at, response = self._resolved(f"{at}/{status}")
        for kind, media in response.get("content", {}).items():
            if "json" in kind and "schema" in media:
                return self.departures(f"{at}/content/{_escaped(kind)}/schema", read_json(content), Way.REPLY)
        return ()

    def _resolved(self, at: str) -> tuple[str, Any]:
        value = _get(self.document, at)
        while "$ref" in value:
            at = value["$ref"].removeprefix("#")
            value = _get(self.document, at)
        return at, value

    def _found(self, root: str, error: Any, way: Way) -> Iterator[Departure]:
        where = pointer(*error.absolute_path)
        keyword = str(error.validator)
        rule = self._rule(root, error)
        if keyword != "required":
            yield Departure(where, keyword, rule)
            return
        named = error.schema.get("properties", {})
        for name in error.validator_value:
            if name not in error.instance and not self._is_marked(named.get(name), way.value):
                yield Departure(where + pointer(name), keyword, rule)

    def _is_marked(self, schema: Any, marks: tuple[str, ...]) -> bool:
        """Whether a property has one of these marks, by itself or by what it refers to."""
        while isinstance(schema, dict) and not any(schema.get(mark) for mark in marks):
            if not isinstance(schema.get("$ref"), str):
                return False
            schema = _get(self.document, schema["$ref"].removeprefix("#"))
        return isinstance(schema, dict)

    def _rule(self, root: str, error: Any) -> str:
        """The pointer in the document of the keyword that was broken.

        The path that the validator gives leaves out the references that it followed.
        """
        found = list(_paths(self.document, root, list(error.absolute_schema_path)))
        return next((at for holder, at in found if holder is error.schema), found[0][1])


def _paths(document: Any, at: str, path: list[Any]) -> Iterator[tuple[Any, str]]:
    """The keywords that a path leads to from a schema, past any reference: each with the schema that holds it."""
    holder = _get(document, at)
    if isinstance(holder, dict) and isinstance(holder.get("$ref"), str):
        yield from _paths(document, holder["$ref"].removeprefix("#"), path)
    key = path[0]
    if isinstance(holder, list) and not isinstance(key, int):
        # The validator does not say which alternative a discriminator chose.
        for index in range(len(holder)):
            yield from _paths(document, at + pointer(index), path)
    elif len(path) == 1:
        if isinstance(holder, dict) and key in holder:
            yield holder, at + pointer(key)
    elif (isinstance(holder, dict) and key in holder) or (isinstance(holder, list) and isinstance(key, int)):
        yield from _paths(document, at + pointer(key), path[1:])


def pointer(*keys: object) -> str:
    """The JSON pointer of the member that these keys lead to."""
    return "".join(f"/{_escaped(key)}" for key in keys)


def _get(document: Any, at: str) -> Any:
    for part in at.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key) if isinstance(document, list) else key]
    return document


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _quoted(pointer: str) -> str:
    from urllib.parse import quote

    return quote(pointer, safe="/~")
