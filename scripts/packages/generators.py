"""What the two generator tools write from a contract: how each is configured, called, and held to what it left out."""

import contextlib
import hashlib
import io
import json
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.contracts import security, shapes
from scripts.contracts.errors import ContractError, one_line
from scripts.contracts.openapi import operations
from scripts.contracts.pointers import child, resolve
from scripts.contracts.providers import package_name
from scripts.packages import exported, literals, styles
from scripts.packages.alternatives import in_order
from scripts.packages.overrides import CLIENT, OURS, SCHEMAS
from scripts.packages.prepared import Prepared, prepared
from scripts.packages.servers import servers

if TYPE_CHECKING:
    from jinja2 import Environment
    from openapi_python_client.parser.errors import GeneratorError

# The options of each tool; the lock holds a hash of them. The client's are those of the tool's configuration file.
CONFIGURATION: Mapping[str, Any] = {
    "client": {"post_hooks": []},
    "schemas": {
        "input_file_type": "openapi",
        "input_filename": "contract.json",
        "output_model_type": "pydantic_v2.BaseModel",
        "target_python_version": "3.11",
        "target_pydantic_version": "2",
        "disable_timestamp": True,
        "strict_refs": True,
        "allow_remote_refs": False,
        "formatters": ["builtin"],
        "use_annotated": True,
        # A null is read where OpenAPI 3.0 documents one with `nullable`, beside `required` too.
        "strict_nullable": True,
        "field_constraints": True,
        "snake_case_field": True,
        "allow_population_by_field_name": True,
        # The names of `prepared.member_names`, as they are.
        "capitalise_enum_members": True,
        "set_default_enum_member": True,
        "extra_fields": "allow",
        "use_schema_description": True,
        "collapse_root_models": True,
        # Paybyrd's name for a UUID, which OpenAPI does not register: carried as text.
        "type_mappings": ["string+guid=string"],
    },
    "ruff": [
        # In a temporary folder that git ignores, ruff would otherwise change nothing, and say nothing.
        ["check", ".", "--isolated", "--select", "I,F401", "--fix-only", "--no-cache", "--no-respect-gitignore"],
        ["format", ".", "--isolated", "--no-cache", "--no-respect-gitignore"],
    ],
}


class Refused(ContractError):
    """A contract that cannot be generated in full: the problem, and the JSON Pointer of the part that it is about.

    The pointer is empty when a tool does not name the part.
    """

    def __init__(self, provider: str, problem: object, pointer: str = "") -> None:
        self.pointer = pointer
        self.problem = f"{provider}: {one_line(problem)}"
        super().__init__(
            f"specs/{provider}/openapi.yaml:1: {pointer or 'document'}: {self.problem}; {remedy(provider)}"
        )


def remedy(provider: str) -> str:
    """Return the remedy for a contract that cannot be generated."""
    return f"mend it in specs/{provider}/overlay.yaml"


def secret_names(contract: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the properties that the contract marks as secret, with `format: password`."""
    schemas = contract.get("components", {}).get("schemas", {})

    def marked(schema: Any) -> bool:
        named = schemas.get(str(schema.get("$ref")).rpartition("/")[2], schema) if isinstance(schema, dict) else None
        return isinstance(named, dict) and named.get("format") == "password"

    def found(part: Any) -> Iterator[str]:
        for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from found(value)
        if isinstance(part, dict) and isinstance(part.get("properties"), dict):
            yield from (name for name, schema in part["properties"].items() if marked(schema))

    return frozenset(found(contract))


def write_client(provider: str, contract: Mapping[str, Any], folder: Path) -> None:
    """Write the attrs + httpx client of `contract` as the new folder `folder`/<package name>.

    Raises ContractError for every warning of the tool: each stands for a part of the contract that it left out.
    """
    from openapi_python_client import Project
    from openapi_python_client.config import Config, ConfigFile, MetaType
    from openapi_python_client.parser import GeneratorData
    from openapi_python_client.parser.errors import GeneratorError

    package = folder / package_name(provider)
    config = Config.from_sources(
        ConfigFile(package_name_override=package_name(provider), **CONFIGURATION["client"]),
        MetaType.NONE,
        folder / "contract.json",
        "utf-8",
        overwrite=False,
        output_path=package,
    )
    ready = prepared(contract)
    _allow_in_headers()
    first, *others = security.credentials(contract)
    parsed = GeneratorData.from_dict(deepcopy(ready.contract), config=config)
    if isinstance(parsed, GeneratorError):
        raise _client_problem(provider, contract, parsed)
    literals.make_exact(parsed, ready.contract["components"]["schemas"])
    vendored, retrieved = _origin(contract, folder)
    texts = {
        "contract.json": as_text(contract),
        "vendored.json": as_text(vendored),
        "definitions.json": as_text(exported.definitions(contract)),
    }
    project = Project(openapi=parsed, config=config, custom_template_path=CLIENT)
    environment = project.env
    environment.globals.update(
        auth_header_name=first.name,
        auth_prefix=first.prefix,
        auth_place=first.place,
        further_credentials=others,
        secret_names=secret_names(contract),
        alternatives=partial(in_order, [*parsed.models], ready.closed),
        in_contract=partial(_in_contract, contract),
        described_arguments=partial(_arguments, contract),
        on_wire=partial(_on_wire, contract),
        is_styled=partial(_is_styled, contract),
        servers=servers(contract),
        retrieved=retrieved,
        sha256=_sha256(texts["contract.json"]),
        vendored_sha256=_sha256(texts["vendored.json"]),
    )
    _share_templates(environment)
    with contextlib.redirect_stdout(io.StringIO()):
        problems = project.build()
    if problems:
        raise _client_problem(provider, contract, min(problems, key=_is_consequence), len(problems) - 1)
    for template in sorted(OURS.glob("*.jinja")):
        if template.stem == "styles.py" and not styles.is_used(contract):
            continue
        text = environment.from_string(template.read_text(encoding="utf-8")).render()
        (package / template.stem).write_text(f"{text}\n", encoding="utf-8")
    for name, text in texts.items():
        (package / name).write_text(text, encoding="utf-8")


def _allow_in_headers() -> None:
    """Let the tool take an array or an object as a header: the generated `styles` joins its parts."""
    from openapi_python_client.parser.properties import AnyProperty, ModelProperty
    from openapi_python_client.parser.properties.list_property import ListProperty
    from openapi_python_client.schema import ParameterLocation

    for kind in (AnyProperty, ListProperty, ModelProperty):
        kind._allowed_locations = {*kind._allowed_locations, ParameterLocation.HEADER}


def as_text(data: Any) -> str:
    """Return the JSON of a contract as a package holds it."""
    return f"{json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2)}\n"


def _origin(contract: Mapping[str, Any], folder: Path) -> tuple[Any, date | None]:
    """Return the vendored contract and the day it was taken. A contract that nobody took is its own vendored one."""
    path = folder / "origin.json"
    if not path.exists():
        return contract, None
    origin = json.loads(path.read_text(encoding="utf-8"))
    return origin["vendored"], date.fromisoformat(origin["retrieved"])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _in_contract(contract: Mapping[str, Any], endpoint: Any) -> tuple[str, str]:
    """Return pointer and path of an operation in the contract. The tool keeps the path with other names in it."""
    path = _nameless(endpoint.path.get_untrusted_value())
    return next(
        (pointer, own)
        for pointer, method, own, _ in operations(contract)
        if method == endpoint.method and _nameless(own) == path
    )


def _arguments(contract: Mapping[str, Any], endpoint: Any) -> list[str]:
    """Return what a docstring says of each argument: of a parameter, its own description and not its schema's."""
    described = {
        name: resolve(contract, at).get("description")
        for (_, name), at in shapes.parameters(contract, _in_contract(contract, endpoint)[0]).items()
    }
    from attrs import evolve

    said = []
    for argument in endpoint.list_all_parameters():
        own = described.get(argument.name) if argument.name != "body" else None
        said.append((evolve(argument, description=own) if own else argument).to_docstring())
    return said


def _on_wire(contract: Mapping[str, Any], endpoint: Any, place: str, parameter: Any = None, value: str = "") -> Any:
    """Return the expression of a parameter as it is sent; without one, whether the whole path is a secret."""
    operation = _in_contract(contract, endpoint)[0]
    if parameter is None:
        return styles.hides_path(contract, operation)
    return styles.written(contract, operation, place, parameter.name.get_untrusted_value(), value)


def _is_styled(contract: Mapping[str, Any], endpoint: Any) -> bool:
    operation = _in_contract(contract, endpoint)[0]
    found = shapes.parameters(contract, operation)
    sent = [key for key in found if shapes.is_sent(contract, {"in": key[0], "name": key[1]})]
    return any(styles.written(contract, operation, *key, "value") != "value" for key in sent)


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _is_consequence(problem: "GeneratorError") -> bool:
    """Whether a problem follows from another: the tool found no model, because it could not make it."""
    return "Could not find reference in parsed models" in f"{problem.header} {problem.detail}"


def _client_problem(provider: str, contract: Mapping[str, Any], problem: "GeneratorError", others: int = 0) -> Refused:
    text = re.sub(r"<\S+ object at 0x[0-9a-f]+>", "...", f"{problem.header} {problem.detail or ''}")
    part = getattr(problem, "data", None)
    where = f" in {part.model_dump_json(exclude_unset=True, by_alias=True)}" if part is not None else ""
    more = f" (and {others} more)" if others else ""
    return Refused(provider, f"openapi-python-client: {text}{where}{more}", named_in(contract, text))


def named_in(contract: Mapping[str, Any], text: str) -> str:
    """Return the pointer of the operation or of the schema that a tool's message names; empty when it names none."""
    for pointer, method, path, _ in operations(contract):
        if re.search(rf"\b{method.upper()} {re.escape(path)}(?![\w/])", text):
            return pointer
    words = set(re.findall(r"\w+", text))
    names = [name for name in contract.get("components", {}).get("schemas", {}) if name in words]
    return child("/components/schemas", max(names, key=len)) if names else ""


def _share_templates(environment: "Environment") -> None:
    """Let the providers share compiled templates: compiling them takes nine tenths of a run."""
    from jinja2.bccache import Bucket, BytecodeCache

    class Memory(BytecodeCache):
        def load_bytecode(self, bucket: Bucket) -> None:
            if bucket.key + bucket.checksum in _compiled:
                bucket.bytecode_from_string(_compiled[bucket.key + bucket.checksum])

        def dump_bytecode(self, bucket: Bucket) -> None:
            _compiled[bucket.key + bucket.checksum] = bucket.bytecode_to_string()

    environment.bytecode_cache = Memory()


_compiled: dict[str, bytes] = {}


def write_schemas(provider: str, contract: Mapping[str, Any], folder: Path) -> None:
    """Write the Pydantic models of `contract` as `folder`/schemas.py.

    Raises ContractError for every warning of the tool about the contract.
    """
    from datamodel_code_generator import Error

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            source = _models(prepared(contract))
        except Error as error:
            raise Refused(provider, f"datamodel-code-generator: {error}", named_in(contract, str(error))) from error
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            said = str(warning.message)
            raise Refused(provider, f"datamodel-code-generator: {said}", named_in(contract, said))
    if not isinstance(source, str):
        raise Refused(provider, "datamodel-code-generator: the models do not fit into one module")
    head, future, body = source.partition(_FUTURE)
    (folder / "schemas.py").write_text(head + future + _BEFORE_SCHEMAS + body, encoding="utf-8")


def _models(ready: Prepared) -> object:
    """Return the module that the tool makes; one without a class where no schema is an object, or there is none."""
    from datamodel_code_generator import Error, generate

    if not ready.contract["components"]["schemas"]:
        return _FUTURE
    try:
        return generate(
            ready.contract,
            custom_template_dir=SCHEMAS,
            extra_template_data=defaultdict(dict, {name: {"closed": True} for name in ready.closed}),
            **CONFIGURATION["schemas"],
        )
    except Error as error:
        if str(error) != "Models not found in the input data":
            raise
        return _FUTURE


_FUTURE = "from __future__ import annotations\n"
# What a module of Pydantic models begins with: our base classes of its enums, and the name of the extra that it needs.
_BEFORE_SCHEMAS = """
from .enums import OpenNumber, OpenText
from .extras import require

require("pydantic", "schemas")
"""
