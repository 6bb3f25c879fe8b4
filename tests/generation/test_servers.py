"""The hosts that credentials go to: those of the contract that a person allowed, by environment, and no other."""

import datetime
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from refundry.accounts import KINDS
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import PROVIDERS
from scripts.contracts.sources import Source
from scripts.packages.generate import main
from scripts.packages.servers import check, servers
from tests.generation.cases import contract_of
from tests.generation.generated_support import ROOT, contract, run

any_provider = pytest.mark.parametrize("provider", PROVIDERS)
LIVE = {"url": "https://api.provider.invalid", "x-environments": ["production"]}
TEST = {"url": "https://test.provider.invalid/v1/", "x-environments": ["sandbox", "staging"]}
OTHER = "https://api.provider.invalid.example"


def source(*hosts: str) -> Source:
    return Source(
        hosts=hosts or ("api.provider.invalid", "test.provider.invalid"),
        fetch=None,
        address="https://docs.provider.invalid/page",
        retrieved=datetime.date(2026, 11, 22),
        kind="published",
        page_sha256="0" * 64,
        block_sha256=None,
        contract_sha256="0" * 64,
    )


def checked(data: dict[str, Any], *hosts: str) -> None:
    check("demo", Document(data, {"": "openapi.yaml:1"}), source(*hosts))


def with_scheme(**scheme: Any) -> dict[str, Any]:
    made = contract(servers=[LIVE])
    return {**made, "components": {**made["components"], "securitySchemes": {"token": scheme}}}


def flow(**addresses: str) -> dict[str, Any]:
    return with_scheme(type="oauth2", flows={"clientCredentials": {"scopes": {}, **addresses}})


def answered(**response: Any) -> dict[str, Any]:
    return contract(servers=[LIVE], operation={"responses": {"200": {"description": "OK", **response}}})


MOVED = {
    "a server": contract(servers=[LIVE, {"url": OTHER, "x-environments": ["sandbox"]}]),
    "the only server": contract(servers=[{**LIVE, "url": OTHER}]),
    "a server of an operation": contract(servers=[LIVE], operation={"servers": [{"url": OTHER}]}),
    "a server of a path": contract(
        servers=[LIVE], paths={"/a": {"servers": [{"url": OTHER}], "get": {"responses": {}}}}
    ),
    "a server of a link": answered(links={"next": {"operationId": "act", "server": {"url": OTHER}}}),
    "a parameter of a link": answered(links={"next": {"operationId": "act", "parameters": {"to": f"{OTHER}/x"}}}),
    "a token address": flow(tokenUrl=f"{OTHER}/token"),
    "an authorization address": flow(tokenUrl="https://api.provider.invalid/token", authorizationUrl=OTHER),
    "a refresh address": flow(tokenUrl="https://api.provider.invalid/token", refreshUrl=OTHER),
    "an OpenID address": with_scheme(type="openIdConnect", openIdConnectUrl=OTHER),
    "a default": contract(servers=[LIVE], schemas={"Body": {"type": "string", "default": f"{OTHER}/callback"}}),
    "a constant": contract(servers=[LIVE], schemas={"Body": {"const": f"{OTHER}/callback"}}),
    "an enum value": contract(servers=[LIVE], schemas={"Body": {"type": "string", "enum": [OTHER]}}),
    "a link without a scheme": contract(
        servers=[LIVE], schemas={"Body": {"default": "//api.provider.invalid.example"}}
    ),
    "a host with the allowed one before it": contract(servers=[{**LIVE, "url": OTHER}]),
    "the allowed host as a user": contract(servers=[{**LIVE, "url": "https://api.provider.invalid@example.invalid"}]),
    "plain http": contract(servers=[{**LIVE, "url": "http://api.provider.invalid"}]),
    "another port": contract(servers=[{**LIVE, "url": "https://api.provider.invalid:8443"}]),
    "a variable in the host": contract(servers=[{**LIVE, "url": "https://{region}.provider.invalid"}]),
    "an address without a host": contract(servers=[{**LIVE, "url": "/api"}]),
}


@pytest.mark.parametrize("kind", MOVED)
def test_an_address_at_a_host_that_nobody_allowed_is_refused_with_its_place_and_what_to_do(kind: str) -> None:
    problem = (
        r"openapi.yaml:1: /\S+: '\S+' is no https address at a host that is allowed; a person adds a host to `hosts`"
    )
    with pytest.raises(ContractError, match=problem):
        checked(MOVED[kind])


def test_a_contract_whose_addresses_are_all_allowed_passes_with_prose_examples_and_contacts_that_are_not() -> None:
    data = contract(
        servers=[LIVE, TEST],
        info={"title": "Demo", "version": "1", "termsOfService": OTHER, "contact": {"url": OTHER}},
        schemas={"Reply": {"type": "string", "description": f"See {OTHER}", "example": f"{OTHER}/receipt"}},
        externalDocs={"url": OTHER},
    )
    checked(data)
    checked(flow(tokenUrl="https://api.provider.invalid/token"))
    checked(contract())
    assert servers(data) == {
        "production": "https://api.provider.invalid",
        "sandbox": "https://test.provider.invalid/v1",
        "staging": "https://test.provider.invalid/v1",
    }


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ([LIVE, {"url": TEST["url"]}], "has no environment; add `x-environments"),
        ([{**LIVE, "x-environments": []}], "has no environment"),
        ([{**LIVE, "x-environments": "production"}], "has no environment"),
        ([LIVE, {**TEST, "x-environments": ["production"]}], "are both the production environment"),
    ],
)
def test_a_server_without_an_environment_and_an_environment_of_two_servers_are_refused(
    listed: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(ContractError, match=problem):
        checked(contract(servers=listed))


@pytest.mark.usefixtures("built_before")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("servers:\n", "servers:\n  - url: https://gateway.paybyrd.com.example\n"),
        ("servers:\n", "servers:\n  - url: https://gateway.paybyrd.example\n    x-environments: [sandbox]\n"),
        ("https://gateway.paybyrd.com\n", "https://gateway.paybyrd.example\n"),
    ],
)
def test_a_page_that_names_another_host_is_refused_and_nothing_is_written(
    project: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    page = project / "specs" / "paybyrd" / "openapi.yaml"
    text = page.read_text(encoding="utf-8")
    assert text.count(old) == 1
    page.write_text(text.replace(old, new), encoding="utf-8")
    before = {path: path.read_bytes() for path in (project / "generated").rglob("*.py")}
    assert main(["--provider", "paybyrd"], project) == 2
    assert re.match(r"error: \S+:\d+: ", capsys.readouterr().err)
    assert {path: path.read_bytes() for path in (project / "generated").rglob("*.py")} == before


@any_provider
def test_the_servers_of_a_package_are_those_of_its_contract_and_of_the_facade(provider: str) -> None:
    package = importlib.import_module(f"refundry_{provider}")
    assert servers(contract_of(provider)) == package.SERVERS
    assert package.SERVERS == KINDS[provider].HOSTS
    assert set(package.SERVERS) == {"production", "sandbox"}
    assert {*package.SERVERS.values()} == {server["url"] for server in contract_of(provider)["servers"]}


@any_provider
def test_a_generated_client_still_needs_its_address(provider: str) -> None:
    package = importlib.import_module(f"refundry_{provider}")
    with pytest.raises(TypeError, match="base_url"):
        package.Client()


@any_provider
def test_reading_the_servers_imports_no_other_module_of_the_package_and_neither_attrs_nor_httpx(provider: str) -> None:
    code = (
        f"import sys, refundry_{provider} as p; p.SERVERS; "
        f"print(sorted(name for name in sys.modules if name.startswith(('refundry_{provider}.', 'attr', 'httpx'))))"
    )
    done = run("-S", "-c", code, PYTHONPATH=str(ROOT / "generated"))
    assert (done.stdout, done.stderr) == ("[]\n", "")


@any_provider
def test_the_names_of_a_package_are_loaded_when_they_are_used(provider: str) -> None:
    package = importlib.import_module(f"refundry_{provider}")
    assert {getattr(package, name).__name__ for name in ("AuthenticatedClient", "Client", "contract", "schema")} == {
        *("AuthenticatedClient", "Client", "contract", "schema")
    }
    assert {*package.__all__} <= {*dir(package)}
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing
