"""The list of constructs has every member of the objects of OpenAPI, once, and each treatment is what happens."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it has no types of its own

from scripts.contracts.constructs import CONSTRUCTS, Treatment, not_used
from scripts.contracts.contract import effective, vendored_document
from scripts.contracts.errors import ContractError
from scripts.contracts.openapi import KINDS
from tests.generation.generated_support import contract
from tests.generation.specs_support import CONTRACT, specs_with

VOCABULARIES = ("core", "applicator", "unevaluated", "validation", "meta-data", "content", "format-annotation")
# What the meta-schemas call each kind of object. Of all others, the member that holds them is on the list.
NAMED: Mapping[str, str] = {
    "Info": "info",
    "Contact": "contact",
    "License": "license",
    "Server": "server",
    "PathItem": "path",
    "ServerVariable": "server variable",
    "Components": "components",
    "Schema": "schema",
    "Response": "response",
    "MediaType": "media type",
    "Example": "example",
    "Header": "header",
    "Operation": "operation",
    "Tag": "tag",
    "Parameter": "parameter",
    "RequestBody": "request body",
    "Link": "link",
    "Encoding": "encoding",
    **dict.fromkeys(("APIKeySecurityScheme", "HTTPSecurityScheme", "OAuth2SecurityScheme"), "security scheme"),
    "OpenIdConnectSecurityScheme": "security scheme",
    "OAuthFlows": "oauth flows",
    "media-type": "media type",
    **dict.fromkeys(("ImplicitOAuthFlow", "PasswordOAuthFlow", "ClientCredentialsFlow"), "oauth flow"),
    "AuthorizationCodeOAuthFlow": "oauth flow",
    "server-variable": "server variable",
    "path-item": "path",
    "request-body": "request body",
    "security-scheme": "security scheme",
    "oauth-flows": "oauth flows",
    **{kind: kind for kind in KINDS},
}
# The meta-schema of 3.1 misspells `server`.
MISSPELLED = {("link", "body")}


def members() -> Iterator[tuple[str, str]]:
    """Yield each kind of object with each of its members, as the meta-schemas of both versions have them."""
    folder = Path(openapi_spec_validator.__file__).parent / "resources" / "schemas"
    for version, definitions in (("v3.0", "definitions"), ("v3.1", "$defs")):
        schema = json.loads((folder / version / "schema.json").read_text(encoding="utf-8"))
        yield from (("document", name) for name in schema["properties"])
        for name, definition in schema[definitions].items():
            if name in NAMED:
                yield from ((NAMED[name], member) for member in definition.get("properties", ()))
    for vocabulary in VOCABULARIES:
        contents: Any = REGISTRY.contents(f"https://json-schema.org/draft/2020-12/meta/{vocabulary}")
        yield from (("schema", name) for name in contents["properties"])


def test_every_member_of_every_object_is_on_the_list_once() -> None:
    listed = Counter((one.kind, member) for one in CONSTRUCTS for member in one.members)
    wanted = {*members()} - MISSPELLED
    assert len(wanted) > 150
    assert wanted - listed.keys() == set()
    assert [key for key, number in listed.items() if number > 1] == []
    assert {kind for kind, _ in listed} <= {*KINDS, "any object"}


def test_what_is_not_used_is_counted_and_stays_in_the_contract() -> None:
    callback = {"{$request.body#/url}": {"post": {"responses": {"200": {"description": "OK"}}}}}
    source = contract(operation={"callbacks": {"done": callback}, "deprecated": True, "externalDocs": {"url": "x"}})
    assert not_used(source) == {"callbacks": 1, "deprecated": 1, "externalDocs": 1}
    assert not_used(contract()) == {}
    counted = {"callbacks", "deprecated", "externalDocs"}
    assert counted <= {member for one in CONSTRUCTS if one.treatment is Treatment.NOT_USED for member in one.members}


COOKIE = "        - {name: session, in: cookie, schema: {type: string}}\n"
OVERLAY = """\
overlay: 1.1.0
info: {title: t, version: '1'}
actions:
  - x-name: no-cookie
    x-reason: The session is the website's.
    x-source: ours
    x-expect: {name: session, in: cookie, schema: {type: string}}
    target: $.paths["/returns/{id}"].post.parameters[1]
    remove: true
"""


def test_an_overlay_mends_what_it_is_for(tmp_path: Path) -> None:
    text = CONTRACT.replace("      requestBody:\n", f"{COOKIE}      requestBody:\n")
    specs = specs_with(tmp_path, OVERLAY, text)
    vendored_document("paybyrd", specs)
    assert len(effective("paybyrd", specs)["paths"]["/returns/{id}"]["post"]["parameters"]) == 1
    other = OVERLAY[: OVERLAY.index("  - x-name")] + (
        "  - {x-name: a, x-reason: r, x-source: ours, x-expect: Invented API, target: $.info.title, update: B}\n"
    )
    (specs / "paybyrd" / "overlay.yaml").write_text(other, encoding="utf-8")
    action = r"`target: \$\.paths\[\"/returns/\{id\}\"\]\.post\.parameters\[1\]`, `remove: true`"
    with pytest.raises(ContractError, match=rf"openapi.yaml:19: .*cookies are not sent; mend it .*: {action}"):
        effective("paybyrd", specs)
