"""Validators for untrusted contracts: nothing is retrieved, and no pattern backtracks."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jsonschema import FormatChecker, exceptions, validators  # type: ignore[import-untyped]  # it has no types of its own
from jsonschema_path import SchemaPath
from jsonschema_path.accessors import SchemaAccessor
from openapi_schema_validator import OAS30Validator, OAS31Validator, oas30_format_checker, oas31_format_checker
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from openapi_spec_validator.validation import keywords
from pydantic_core import SchemaError, SchemaValidator, core_schema
from pydantic_core import ValidationError as NoMatch
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from refundry.departures import FORMATS

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


class _Document30(OpenAPIV30SpecValidator):
    keyword_validators = {**OpenAPIV30SpecValidator.keyword_validators, "default": _Unchecked}


class _Document31(OpenAPIV31SpecValidator):
    keyword_validators = {**OpenAPIV31SpecValidator.keyword_validators, "default": _Unchecked}


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
