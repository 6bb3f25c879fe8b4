"""Large documents in the shapes of large platforms: taken in, sliced, generated, and their messages read alike."""

import functools
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types of its own

from refundry.departures import Validator
from scripts.contracts.contract import effective_document
from scripts.contracts.openapi import operations
from scripts.contracts.pointers import get
from scripts.contracts.providers import package_name
from scripts.contracts.shapes import resolved
from scripts.packages.generate import build
from tests.generation.generated_support import ROOT
from tests.generation.platforms import PLATFORMS, Platform
from tests.generation.slices_support import specs_in, taken

SIZE = 2_900_000
SOURCE = 'hosts = ["api.example.com"]\nfetch = "by hand"\noperations = {}\n'
platform = functools.cache(lambda name: PLATFORMS[name]())


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The packages of all platforms, from their documents as pages, made in one build that compares each."""
    folder = tmp_path_factory.mktemp("platforms")
    (folder / "made").mkdir()
    documents = []
    for name in PLATFORMS:
        made: Platform = platform(name)
        specs = specs_in(folder / name, SOURCE.format(json.dumps([*made.operations])))
        assert taken(specs, made.document, name="page.json") == 0
        assert (folder / name / "page.json").stat().st_size > SIZE
        documents.append((name, effective_document("paybyrd", specs.parent)))
    build(documents, folder / "made", lambda _: None)
    sys.path.insert(0, str(folder / "made"))
    yield folder / "made"
    sys.path.remove(str(folder / "made"))


def module(name: str, part: str) -> Any:
    return importlib.import_module(f"{package_name(name)}.{part}")


def first(name: str) -> tuple[str, Any, Any]:
    """Return pointer and module of the first chosen operation, and the schema's pointer of its reply."""
    contract = module(name, "contracts").contract()
    chosen = platform(name).operations[0]
    pointer = next(
        at
        for at, method, path, operation in operations(contract)
        if chosen in (f"{method.upper()} {path}", operation.get("operationId"))
    )
    strict = f'"{pointer}"'
    folder = Path(module(name, "api").__path__[0])
    found = next(path for path in folder.rglob("*.py") if strict in path.read_text(encoding="utf-8"))
    return pointer, module(name, f"api.{found.parent.name}.{found.stem}"), contract


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", PLATFORMS)
def test_a_reply_has_one_verdict_by_client_models_and_validators(name: str) -> None:
    pointer, act, contract = first(name)
    status = next(key for key in get(contract, f"{pointer}/responses") if key.startswith("2"))
    reply = resolved(contract, f"{pointer}/responses/{status}")[1]
    kind = next(iter(reply["content"]))
    named = reply["content"][kind]["schema"]["$ref"].rpartition("/")[2]
    validator = Validator(contract, "strict")
    exported = Draft202012Validator(module(name, "contracts").schema(named))
    # A name of the contract that is none in Python is another there: by its words alone.
    models = {key.lower(): value for key, value in vars(module(name, "schemas")).items()}
    model = models["".join(letter for letter in named if letter.isalnum() or letter == "_").lower()]
    for fits, value in [(True, each) for each in platform(name).fits] + [
        (False, each) for each in platform(name).departs
    ]:
        text = json.dumps(value)
        assert act.read_reply(int(status), text.encode()).to_dict() == value
        read = model.model_validate_json(text)
        assert json.loads(read.model_dump_json(by_alias=True, exclude_unset=True)) == value
        assert (validator.departures(f"/components/schemas/{named}", value) == ()) is fits
        assert exported.is_valid(value) or not fits


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", PLATFORMS)
def test_a_request_is_on_the_wire_as_it_was_given(name: str) -> None:
    made, (pointer, act, contract) = platform(name), first(name)
    at, body = resolved(contract, f"{pointer}/requestBody")
    kind = next(kind for kind in body["content"] if kind.startswith("application/json"))
    assert Validator(contract, "strict").departures(f"{at}/content/{kind.replace('/', '~1')}/schema", made.sent) == ()
    model = act.build_request.__annotations__["body"].partition(" ")[0]
    argument = getattr(module(name, "models"), model).from_dict(made.sent)
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(201, json=made.fits[0])

    keys = {"secret": "s3cret"} if name == "keyed" else {}
    client = module(name, "client").AuthenticatedClient("https://api.example.com", token="t0ken", **keys)
    with httpx.Client(base_url="https://api.example.com", transport=httpx.MockTransport(answer)) as transport:
        act.sync_detailed(client=client.set_httpx_client(transport), body=argument, **made.arguments)
    assert json.loads(sent[0].content) == made.sent
    for header, value in made.headers.items():
        assert sent[0].headers.get_list(header) == [value]


def test_every_package_is_clean_under_strict_type_checking(packages: Path) -> None:
    environment = {**os.environ, "MYPYPATH": os.pathsep.join([str(packages), str(ROOT / "facade")])}
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(packages / "cache")]
    names = [package_name(name) for name in PLATFORMS]
    done = subprocess.run(
        [*command, *names], cwd=packages, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
