"""Where a provider's contract contradicts itself: its examples run through its schemas and the generated models."""

import argparse
import importlib
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pydantic

from scripts.contracts import references, validation
from scripts.contracts.contract import vendored_document
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError, exit_code, one_line, short
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child, keys, resolve
from scripts.contracts.providers import PROVIDERS, SPECS, package_name

LAYERS = ("schema", "client", "pydantic", "facade")
MACHINE_LAYERS = frozenset({"schema", "client", "pydantic"})
_KEYS = {"pointer", "rule", "layer", "decision"}


@dataclass(frozen=True, order=True)
class Finding:
    """One place where an example does not fit.

    `pointer` leads to the value in the vendored contract, or to the place of a missing value. `rule` is what the value
    breaks: a keyword of the schema, an exception's name or "round trip" for the client's model, an error type of
    Pydantic. `layer` says who found it, one of LAYERS.
    """

    pointer: str
    rule: str
    layer: str


@dataclass(frozen=True)
class Example:
    """An example in a contract: the pointer of its value, the value, and the pointer of its schema."""

    pointer: str
    value: Any
    schema: str


@dataclass(frozen=True)
class Comparison:
    """The findings that are not listed, and the listed ones that are no longer found."""

    unlisted: frozenset[Finding]
    stale: frozenset[Finding]


def examples(document: Document) -> list[Example]:
    """Return every example of a contract with the schema it belongs to: of media types, parameters and schemas.

    An example among the components that nothing refers to has no schema, and is left out: see `unused`.
    """
    return list({(example.pointer, example.schema): example for example in _examples(document.data)}.values())


def unused(document: Document) -> list[str]:
    """Return the pointers of the examples among the components that no media type and no parameter refers to.

    A provider that drops a reply may keep its example. It fits no schema and breaks none.
    """
    used = {example.pointer for example in examples(document)}
    named = document.data.get("components", {}).get("examples", {})
    pointers = [child("/components/examples", name) for name in named]
    return [pointer for pointer in pointers if child(pointer, "value") not in used]


def _examples(data: Any) -> Iterator[Example]:
    for node in walk(data):
        if node.kind == "schema":
            if "example" in node.value:
                yield Example(child(node.pointer, "example"), node.value["example"], node.pointer)
            for index, value in enumerate(node.value.get("examples", ())):
                yield Example(child(child(node.pointer, "examples"), index), value, node.pointer)
        elif node.kind in ("media type", "parameter", "header") and "schema" in node.value:
            schema = child(node.pointer, "schema")
            if "example" in node.value:
                yield Example(child(node.pointer, "example"), node.value["example"], schema)
            for name, named in node.value.get("examples", {}).items():
                pointer = child(child(node.pointer, "examples"), name)
                if "$ref" in named:
                    pointer = references.target(named["$ref"])
                value = child(pointer, "value")
                yield Example(value, resolve(data, value), schema)


def schema_findings(document: Document) -> set[Finding]:
    """Return where the examples of a contract break its own schemas, formats included.

    Raises ContractError where a validator stops at an example.
    """
    found: set[Finding] = set()
    for example in examples(document):
        try:
            errors = list(validation.value_errors(document.data, example.schema, example.value))
        except Exception as stopped:
            # A validator raises whatever its code meets in a strange schema: RecursionError, KeyError, a library's own.
            problem = f"the validator stopped: {type(stopped).__name__}: {short(str(stopped))}"
            raise document.error(example.pointer, problem, "mend the example or its schema") from stopped
        for error in errors:
            at = example.pointer + "".join(child("", part) for part in error.absolute_path)
            if error.validator == "required":
                rule, instance = cast("tuple[list[str], dict[str, object]]", (error.validator_value, error.instance))
                missing = [name for name in rule if name not in instance]
                found.update(Finding(child(at, name), "required", "schema") for name in missing)
            else:
                found.add(Finding(at, str(error.validator), "schema"))
    return found


def _modelled(document: Document) -> Iterator[tuple[Example, str]]:
    for example in examples(document):
        pointer = example.schema
        while "$ref" in (schema := resolve(document.data, pointer)):
            pointer = references.target(schema["$ref"])
        if pointer.startswith("/components/schemas/") and isinstance(schema.get("properties"), dict):
            yield example, keys(pointer)[-1]


def client_findings(document: Document, models: Any) -> set[Finding]:
    """Return where an example is not the same after the client's model has read and written it."""
    found: set[Finding] = set()
    for example, name in _modelled(document):
        try:
            same = getattr(models, name).from_dict(example.value).to_dict() == example.value
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            found.add(Finding(example.pointer, type(error).__name__, "client"))
        else:
            if not same:
                found.add(Finding(example.pointer, "round trip", "client"))
    return found


def pydantic_findings(document: Document, schemas: Any) -> set[Finding]:
    """Return where the Pydantic models refuse an example."""
    found: set[Finding] = set()
    for example, name in _modelled(document):
        try:
            getattr(schemas, name).model_validate(example.value)
        except pydantic.ValidationError as refused:
            for error in refused.errors():
                at = example.pointer + "".join(child("", part) for part in error["loc"])
                found.add(Finding(at, error["type"], "pydantic"))
    return found


def find(provider: str, specs: Path = SPECS) -> set[Finding]:
    """Return every contradiction in the vendored contract's examples, in MACHINE_LAYERS.

    The models are those of the installed generated package. Raises ContractError when the contract cannot be used.
    """
    document = vendored_document(provider, specs)
    package = package_name(provider)
    try:
        models, schemas = (importlib.import_module(f"{package}.{module}") for module in ("models", "schemas"))
    except ModuleNotFoundError as error:
        place = document.place("")
        raise ContractError(f"{place}: {error.name} is not installed; install the project: pip install -e .") from error
    return schema_findings(document) | client_findings(document, models) | pydantic_findings(document, schemas)


def decisions(provider: str, specs: Path = SPECS) -> dict[Finding, str]:
    """Return the contradictions listed in contradictions.toml, each with our decision.

    A provider without contradictions has no such file. Raises ContractError when the file cannot be used.
    """
    path = specs / provider / "contradictions.toml"
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("contradiction", [])
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}:1: not TOML: {one_line(error)}; mend the file") from error
    listed: dict[Finding, str] = {}
    for number, entry in enumerate(entries, start=1):
        if set(entry) != _KEYS or not all(isinstance(value, str) and value.strip() for value in entry.values()):
            raise ContractError(f"{path}:1: entry {number}: it needs {', '.join(sorted(_KEYS))}, as texts; complete it")
        if entry["layer"] not in LAYERS:
            raise ContractError(f"{path}:1: entry {number}: layer {entry['layer']!r}; use one of {', '.join(LAYERS)}")
        finding = Finding(entry["pointer"], entry["rule"], entry["layer"])
        if finding in listed:
            raise ContractError(f"{path}:1: entry {number}: {finding.pointer} is listed twice; keep one")
        listed[finding] = entry["decision"]
    return listed


def compare(found: Iterable[Finding], listed: Iterable[Finding], layers: frozenset[str] = MACHINE_LAYERS) -> Comparison:
    """Compare the findings with the listed contradictions, in the given layers only."""
    ours = frozenset(finding for finding in listed if finding.layer in layers)
    theirs = frozenset(finding for finding in found if finding.layer in layers)
    return Comparison(unlisted=theirs - ours, stale=ours - theirs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.contracts.contradictions",
        description=(
            "Run every example of the vendored contracts through their schemas and the generated models, and compare "
            "what does not fit with specs/<provider>/contradictions.toml."
        ),
        epilog="Exit code: 0 all as listed; 1 something is unlisted or stale; 2 a contract or the list cannot be used.",
    )
    parser.add_argument("provider", nargs="*", default=PROVIDERS, help="default: all")
    providers: Sequence[str] = parser.parse_args(argv).provider
    return exit_code(lambda: int(max([_report(provider) for provider in providers], default=False)))


def _report(provider: str) -> bool:
    """Print a provider's contradictions; return whether one is unlisted or stale."""
    known = decisions(provider)
    found = find(provider)
    difference = compare(found, known)
    states = {**dict.fromkeys(difference.stale, "STALE"), **dict.fromkeys(difference.unlisted, "UNLISTED")}
    for finding in sorted(found | set(known)):
        state, said = states.get(finding, "listed"), one_line(known.get(finding, ""))
        print(f"{provider}: {state}: {finding.layer}: {finding.pointer}: {finding.rule}: {said}")
    for pointer in unused(vendored_document(provider)):
        print(f"{provider}: unused: {pointer}: no reply, request body or parameter has this example")
    if not found | set(known):
        print(f"{provider}: none")
    return bool(states)


if __name__ == "__main__":
    sys.exit(main())
