"""Code hidden in any string of a contract runs neither when the packages are generated nor when they are imported."""

import ast
import contextlib
import copy
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.contracts.checks import check
from scripts.contracts.document import parse
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import package_name
from scripts.packages.generators import CONFIGURATION, write_client, write_schemas
from scripts.packages.overrides import OURS
from tests.generation.generated_support import run

REFERENCE = "#/components/schemas/"
CONTRACT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {
        "title": "Demo API",
        "version": "1",
        "description": "About the API",
        "contact": {"name": "Support"},
        "termsOfService": "https://provider.invalid/terms",
    },
    "servers": [{"url": "https://provider.invalid", "description": "Production", "x-environments": ["production"]}],
    "security": [{"key": []}],
    "tags": [{"name": "refunds", "description": "About the tag"}],
    "paths": {
        "/things/{thing_id}": {
            "summary": "About the path",
            "post": {
                "operationId": "act",
                "tags": ["refunds"],
                "summary": "Do it",
                "description": "About doing it",
                "parameters": [
                    {
                        "name": "thing_id",
                        "in": "path",
                        "required": True,
                        "description": "Which",
                        "schema": {"type": "string", "example": "t-1"},
                    },
                    {"name": "x-trace", "in": "header", "schema": {"type": "string", "default": "none"}},
                    {"name": "sort", "in": "query", "schema": {"$ref": f"{REFERENCE}Code"}},
                ],
                "requestBody": {
                    "required": True,
                    "description": "What",
                    "content": {"application/json": {"schema": {"$ref": f"{REFERENCE}Body"}}},
                },
                "responses": {
                    "200": {
                        "description": "Reply",
                        "content": {"application/json": {"schema": {"$ref": f"{REFERENCE}Reply"}}},
                    }
                },
            },
        }
    },
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key", "description": "The key"}},
        "schemas": {
            "Code": {"type": "string", "description": "Codes", "enum": ["ok", "not ok"], "default": "ok"},
            "Body": {
                "type": "object",
                "title": "A body",
                "description": "About the body",
                "example": {"amount": "1.00"},
                "required": ["amount"],
                "properties": {
                    "amount": {"type": "string", "description": "How much", "pattern": "^1$", "example": "1.00"},
                    "note": {"type": "string", "title": "A note", "default": "urn:x:nothing", "format": "uri"},
                },
            },
            "Reply": {
                "type": "object",
                "properties": {
                    "code": {"$ref": f"{REFERENCE}Code"},
                    "inner": {"type": "object", "properties": {"value": {"type": "string"}}},
                    "list": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
                },
            },
        },
    },
}

# Each escape from the place of a string: docstring, text in either quotes, f-string and str.format, comment
# line, template of the generator, a trailing backslash. Short, since the tools break long words in two.
CALL = "__import__('os').mkdir('{canary}')"
PAYLOADS: dict[str, Callable[[str], str]] = {
    "docstring": lambda call: f'x"""\n{call}\n"""',
    "docstring after a backslash": lambda call: f'x\\"""\n{call}\n"""\\',
    "double quotes": lambda call: f'x" + str({call}) + "',
    "double quotes after a backslash": lambda call: f'x\\" + str({call}) + "\\',
    "single quotes": lambda call: "x' + str(" + call.replace("'", '"') + ") + '",
    "f-string": lambda call: f"x{{{call}}}",
    "line": lambda call: f"x\n{call}\n    {call}\n",
    "line of another kind": lambda call: f"x\r{call}\u2028{call}\x0c{call}",
    "template": lambda call: f"{{{{ cycler.__init__.__globals__.__builtins__.exec({call!r}) }}}}",
}

# Where the keys are names that the provider chose; everywhere else they are OpenAPI's own words.
NAMED = ("paths", "responses", "content", "securitySchemes", "schemas", "properties", "example")


Place = tuple[tuple[str | int, ...], bool]
"""The path of a string in a contract, and whether it is the key at that path or the value."""


def strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Yield the place of every string of a contract."""
    if isinstance(value, dict):
        for key, item in value.items():
            if path and path[-1] in NAMED:
                yield (*path, key), True
            yield from strings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, (*path, index))
    elif isinstance(value, str):
        yield path, False


def replaced(texts: Mapping[Place, str]) -> dict[str, Any]:
    """Return the contract with some of its strings replaced; a key keeps its place among the others."""
    result = copy.deepcopy(CONTRACT)
    # The deepest first: the path of a string does not change before the string has.
    for (path, is_key), text in sorted(texts.items(), key=lambda item: -len(item[0][0])):
        parent: Any = result
        for step in path[:-1]:
            parent = parent[step]
        if is_key:
            items = [(text if key == path[-1] else key, value) for key, value in parent.items()]
            parent.clear()
            parent.update(items)
        else:
            parent[path[-1]] = text
    return result


def generated(source: dict[str, Any], provider: str, folder: Path) -> list[str]:
    """Generate both halves, whatever the contract's check would say; return which tools did not refuse it."""
    done = []
    for name, write in (("client", write_client), ("schemas", write_schemas)):
        scratch = folder / f"{provider}-{name}"
        scratch.mkdir()
        # A tool may stop with any error, but must not run the code.
        with contextlib.suppress(Exception):
            write(provider, source, scratch)
            done.append(name)
        if name == "schemas":
            # The modules of a package that its models are built on.
            (scratch / "__init__.py").touch()
            for module in ("enums", "extras"):
                shutil.copy(OURS / f"{module}.py.jinja", scratch / f"{module}.py")
    return done


def import_all(folder: Path, word: str) -> set[str]:
    """Import every module below a folder that has `word` in it, in a process of its own whose directory is `folder`.

    Return those that could be imported.
    """
    code = """
import importlib, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
for file in sorted(Path.cwd().rglob("*.py")):
    if sys.argv[1] in file.read_text(encoding="utf-8"):
        root = next(p for p in (file.parent, *file.parents) if not (p / "__init__.py").exists())
        sys.path.insert(0, str(root))
        try:
            importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
        except Exception:
            continue
        finally:
            sys.path.remove(str(root))
        print(file.relative_to(Path.cwd()).as_posix())
"""
    done = run("-c", code, word, cwd=folder)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


def holding(folder: Path, word: str) -> set[str]:
    """Return the modules below a folder that have `word` in them."""
    files = folder.rglob("*.py")
    return {file.relative_to(folder).as_posix() for file in files if word in file.read_text(encoding="utf-8")}


def calls(folder: Path, word: str) -> set[str]:
    """Return the modules that have `word` in them and would run the payload when one of their functions is called."""
    found = set()
    for name in holding(folder, word):
        # A file that is not Python cannot run.
        with contextlib.suppress(SyntaxError):
            nodes = ast.walk(ast.parse((folder / name).read_text(encoding="utf-8")))
            if any(isinstance(node, ast.Name) and node.id in ("__import__", "cycler") for node in nodes):
                found.add(name)
    return found


def test_the_canary_shows_when_code_runs(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(CALL.format(canary="canary1"))
    assert import_all(tmp_path, "canary") == {"bad.py"}
    assert calls(tmp_path, "canary") == {"bad.py"}
    assert (tmp_path / "canary1").exists()


def test_the_contract_without_a_payload_is_generated_and_imported(tmp_path: Path) -> None:
    check(parse(json.dumps(CONTRACT), "demo"))
    assert generated(CONTRACT, "demo", tmp_path) == ["client", "schemas"]
    imported = import_all(tmp_path, "import")
    assert {"demo-schemas/schemas.py", f"demo-client/{package_name('demo')}/api/refunds/act.py"} <= imported


# Text for people, which both tools carry unchanged: code is hidden in all of it at once. In any other string it is
# hidden alone, because a tool that refuses one string writes nothing of the others.
TEXTS = frozenset(
    (path, is_key)
    for path, is_key in strings(CONTRACT)
    if not is_key and path[-1] in ("description", "summary", "title", "termsOfService", "example")
)
OTHERS = [place for place in strings(CONTRACT) if place not in TEXTS]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_code_hidden_in_any_string_runs_neither_at_generation_nor_at_import_nor_in_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payload: Callable[[str], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    places: dict[str, Place] = {}
    groups: list[list[Place]] = [sorted(TEXTS, key=str), *([place] for place in OTHERS)]
    for number, group in enumerate(groups):
        texts: dict[Place, str] = {}
        for index, place in enumerate(group):
            places[canary := f"canary{number}-{index}"] = place
            texts[place] = payload(CALL.format(canary=canary))
        written = generated(replaced(texts), f"demo{number}", tmp_path)
        assert not list(tmp_path.glob("canary*")), "ran at generation"
        if number == 0:
            # The test would show nothing if the contract with the hidden code were refused.
            assert written == ["client", "schemas"]
    imported = import_all(tmp_path, "canary")
    assert [places[file.name] for file in tmp_path.glob("canary*")] == []
    assert calls(tmp_path, "canary") == set()
    # Nor would it show anything if one text broke the module in which another text lets code run.
    assert {name for name in holding(tmp_path, "canary") if name.startswith("demo0-")} <= imported
    assert len(imported) > 20


@pytest.mark.parametrize("key", ["customTypePath", "x-python-type", "customBasePath", "x-python-import"])
def test_a_key_that_makes_the_schema_tool_import_code_does_not_pass_the_contracts_check(key: str) -> None:
    value = {"module": "evil", "name": "Evil"} if key == "x-python-import" else "evil.Evil"
    source = copy.deepcopy(CONTRACT)
    source["components"]["schemas"]["Body"]["properties"]["amount"][key] = value
    with pytest.raises(ContractError, match=f"{key}: this key makes a generator import code"):
        check(parse(json.dumps(source), "demo"))


def test_neither_tool_is_configured_to_run_a_hook_or_to_fetch_anything() -> None:
    assert CONFIGURATION["client"]["post_hooks"] == []
    assert CONFIGURATION["schemas"]["allow_remote_refs"] is False
    assert CONFIGURATION["schemas"]["strict_refs"] is True
