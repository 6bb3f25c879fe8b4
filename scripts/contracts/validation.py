"""Validators for untrusted contracts: nothing is retrieved, and no pattern backtracks."""

import json
import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

from jsonschema import Draft4Validator, FormatChecker, exceptions, validators  # type: ignore[import-untyped]  # it has no types of its own
from jsonschema_path import SchemaPath
from jsonschema_path.accessors import SchemaAccessor
from openapi_schema_validator import OAS30Validator, OAS31Validator, oas30_format_checker, oas31_format_checker
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from openapi_spec_validator.schemas import openapi_v30_schema_validator, openapi_v31_schema_validator, schema_v30
from openapi_spec_validator.validation import keywords
from pydantic_core import SchemaError, SchemaValidator, core_schema
from pydantic_core import ValidationError as NoMatch
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from refundry.departures import FORMATS
from scripts.contracts.openapi import KINDS, walk

# The longest text that a pattern is tried on. The time is linear in its length and in the pattern's, which the engine
# bounds.
_LONGEST_MATCHED = 10_000


@lru_cache
def _compiled(pattern: str) -> SchemaValidator | None:
    """Return a validator with the engine of the generated Pydantic models, which never backtracks.

    None when the engine cannot run the pattern: it looks around, refers back, or grows too large.
    """
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        return None


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[exceptions.ValidationError]:
    if not validator.is_type(instance, "string"):
        return
    compiled = _compiled(pattern)
    if compiled is None or len(instance) > _LONGEST_MATCHED:
        yield exceptions.ValidationError(f"the pattern {pattern!r} cannot be tried on it in a time that is bounded")
        return
    try:
        compiled.validate_python(instance)
    except NoMatch:
        yield exceptions.ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _: Any) -> Iterator[exceptions.ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, schema in patterns.items():
        for name, value in instance.items():
            if not any(_pattern(validator, pattern, name, None)):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[exceptions.ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        listed = name in schema.get("properties", {})
        if listed or any(not any(_pattern(validator, pattern, name, None)) for pattern in patterns):
            continue
        if allowed is False:
            yield exceptions.ValidationError(f"{name!r} is an additional property, and none is allowed")
        elif isinstance(allowed, dict):
            yield from validator.descend(value, allowed, path=name)


def _nothing(*_: object) -> Iterator[exceptions.ValidationError]:
    return iter(())


def _formats(checker: FormatChecker) -> FormatChecker:
    """Return a checker of the formats that are checked wherever a message is, whatever else is installed."""
    limited = FormatChecker(formats=())
    limited.checkers = {name: checker.checkers[name] for name in FORMATS if name in checker.checkers}
    return limited


# The library's own run a pattern that may go back without end.
_OWN: Mapping[str, Any] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "unevaluatedProperties": _nothing,
}
_VALUES: Mapping[str, tuple[Any, Any]] = {
    "3.0": (validators.extend(OAS30Validator, _OWN), _formats(oas30_format_checker)),
    "3.1": (validators.extend(OAS31Validator, _OWN), _formats(oas31_format_checker)),
}


class _Unchecked(keywords.KeywordValidator):
    """Replaces the library's check of a default, which does not say where the default stands."""

    def __call__(self, *_: object) -> Iterator[exceptions.ValidationError]:
        return iter(())


class _Seen(list[int]):
    """Replaces the library's list of what it has checked, in which it searches for each schema."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: set[int] = set()

    def __contains__(self, one: object) -> bool:
        return one in self._ids

    def append(self, one: int) -> None:
        self._ids.add(one)


class _Once:
    """Whether schemas are valid by a meta-schema. What is written in several places is checked once.

    A meta-schema says of each schema what its keywords are, and that the schemas in it are schemas. So a schema is
    valid when it is with `{}` in place of each schema in it, and each of these is. Large documents have few schemas
    that differ in this form.
    """

    def __init__(self, check: Callable[[Any], object]) -> None:
        """Take the library's check of a schema, which raises an error for one that is not valid."""
        self._check = check
        self._known: dict[str, bool] = {}

    def passes(self, schema: object) -> bool:
        """Whether a schema is valid, with all that are in it. One that is no object is left to the library."""
        return isinstance(schema, dict) and all(self.passes_alone(node.value) for node in walk(schema, "schema"))

    def passes_alone(self, schema: dict[str, Any]) -> bool:
        """Whether a schema is valid, whatever is in it."""
        alone = _alone(schema)
        text = json.dumps(alone)
        if text not in self._known:
            try:
                self._check(alone)
                self._known[text] = True
            except (exceptions.SchemaError, exceptions.ValidationError):
                self._known[text] = False
        return self._known[text]


_PLAIN_REFERENCE = re.compile(r"#(/[A-Za-z0-9._-]+)+")


def _alone(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with `{}` in place of each schema in it.

    The names of its properties are free, and left out. So is what a plain reference refers to.
    """
    made = dict(schema)
    if isinstance(reference := schema.get("$ref"), str) and _PLAIN_REFERENCE.fullmatch(reference):
        made["$ref"] = "#"
    for key in KINDS["schema"].keys() & schema.keys():
        held = schema[key]
        if isinstance(held, dict) and KINDS["schema"][key] == "schema":
            made[key] = {}
        elif isinstance(held, dict):
            made[key] = {name: {} if isinstance(part, dict) else part for name, part in held.items()}
            if key == "properties" and not any(made[key].values()):
                made[key] = {}
        elif isinstance(held, list):
            made[key] = [{} if isinstance(part, dict) else part for part in held]
    return made


class _SchemasOnce(keywords.SchemaValidator):
    """Replaces the library's check of schemas, with the same faults: it is asked for those that are not valid."""

    valid: _Once

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self.visited_schema_ids, self.meta_checked_schema_ids = _Seen(), _Seen()

    def _validate_schema_meta(self, schema: SchemaPath, schema_value: Any) -> Any:
        return None if self.valid.passes(schema_value) else super()._validate_schema_meta(schema, schema_value)


class _Schemas30(_SchemasOnce, keywords.OpenAPIV30SchemaValidator):
    valid = _Once(OAS30Validator.check_schema)


class _Schemas31(_SchemasOnce, keywords.OpenAPIV31SchemaValidator):
    valid = _Once(partial(OAS31Validator.check_schema, format_checker=oas31_format_checker))


class _DocumentOnce:
    """Replaces the library's first check, of the whole document, with the same faults."""

    def __init__(self, whole: Any, schemas: _Once | None) -> None:
        self._whole, self._schemas = whole, schemas

    def iter_errors(self, data: dict[str, Any]) -> Iterator[exceptions.ValidationError]:
        """Yield each fault of a document; of one without, only the rest of it is checked beside its schemas."""
        nodes = [node.value for node in walk(data) if node.kind == "schema"]
        if self._schemas is None or all(map(self._schemas.passes_alone, nodes)):
            rest = _without_schemas(data, {id(node) for node in nodes})
            if self._whole.is_valid(rest):
                return
        yield from self._whole.iter_errors(data)


def _without_schemas(value: Any, schemas: Container[int]) -> Any:
    if isinstance(value, dict):
        return {} if id(value) in schemas else {key: _without_schemas(part, schemas) for key, part in value.items()}
    return [_without_schemas(part, schemas) for part in value] if isinstance(value, list) else value


# In the document of 3.0, a schema is one of its own definitions, or a reference. In that of 3.1, it is any object.
_SCHEMA_OR_REFERENCE = {
    "$schema": schema_v30["$schema"],
    "oneOf": [{"$ref": "#/definitions/Schema"}, {"$ref": "#/definitions/Reference"}],
    "definitions": schema_v30["definitions"],
}


class _Document30(OpenAPIV30SpecValidator):
    schema_validator = _DocumentOnce(
        openapi_v30_schema_validator, _Once(Draft4Validator(_SCHEMA_OR_REFERENCE).validate)
    )
    keyword_validators = {
        **OpenAPIV30SpecValidator.keyword_validators,
        "default": _Unchecked,
        "schema": _Schemas30,
    }


class _Document31(OpenAPIV31SpecValidator):
    schema_validator = _DocumentOnce(openapi_v31_schema_validator, None)
    keyword_validators = {
        **OpenAPIV31SpecValidator.keyword_validators,
        "default": _Unchecked,
        "schema": _Schemas31,
    }


def version(data: Mapping[str, Any]) -> str | None:
    """Return the version of an OpenAPI document as major.minor; None for a version that cannot be validated."""
    named = ".".join(str(data.get("openapi", "")).split(".")[:2])
    return named if named in _VALUES else None


def document_errors(data: dict[str, Any]) -> Iterator[exceptions.ValidationError]:
    """Yield each error in an OpenAPI document of a known version, except those of its defaults.

    Raises whatever a library raises.
    """
    # A registry without a way to retrieve knows this one document, and raises for every other.
    registry: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(data))
    path = SchemaPath(SchemaAccessor(data, registry.resolver(), resolved_cache_maxsize=128))
    document = _Document30 if version(data) == "3.0" else _Document31
    yield from document(path).iter_errors()


def value_errors(data: dict[str, Any], pointer: str, value: Any) -> Iterator[exceptions.ValidationError]:
    """Yield each error of a value against the schema at `pointer` of an OpenAPI document of a known version.

    Formats are checked too. Raises whatever a library raises.
    """
    validator, formats = _VALUES[version(data) or ""]
    # The reference is resolved in the whole document. The other members of the document are no keywords of a schema.
    schema = {**data, "$ref": f"#{quote(pointer, safe='/~')}"}
    yield from validator(schema, registry=Registry(), format_checker=formats).iter_errors(value)
