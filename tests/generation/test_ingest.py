"""A published page becomes a vendored contract: exactly the contract without the prose, or an error."""

import datetime
import errno
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from scripts.contracts import ingest
from scripts.contracts.checks import check
from scripts.contracts.contract import vendored_document
from scripts.contracts.document import parse
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import PROVIDERS, SPECS
from tests.generation.ingest_support import ADDRESS, INTRODUCTION, TODAY, contract_of, ingested, page_of, taken
from tests.generation.specs_support import CONTRACT

SAMPLE = """\
  description: |
    ```
    a sample
    ```
"""


def test_the_contract_on_a_page_is_kept_exactly_and_its_source_is_recorded(tmp_path: Path) -> None:
    page = page_of(CONTRACT)
    written, source = ingested(tmp_path, page)
    assert contract_of(written) == parse(CONTRACT, "page").data
    assert written.startswith(b"# Written by `nox -s ingest` from the provider's page, never by hand.")
    assert tomllib.loads(source.decode()) == {
        "hosts": [],
        "fetch": "by hand",
        "address": ADDRESS,
        "retrieved": TODAY,
        "kind": "published",
        "page_sha256": hashlib.sha256(page.encode()).hexdigest(),
        "block_sha256": hashlib.sha256(CONTRACT.encode()).hexdigest(),
        "contract_sha256": hashlib.sha256(written).hexdigest(),
    }


def test_keys_stay_in_the_order_of_the_page(tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, page_of(CONTRACT))
    kept = [line.split(":")[0].strip() for line in written.decode().splitlines()[1:]]
    assert kept == [line.split(":")[0].strip() for line in CONTRACT.splitlines()]


@pytest.mark.parametrize(
    "page",
    [
        page_of(CONTRACT, fence="```"),
        page_of(CONTRACT, info="yml"),
        page_of(CONTRACT, info="", fence="~~~~~"),
        page_of(CONTRACT, indent="    "),
        page_of(CONTRACT, indent="\t"),
        page_of(CONTRACT).replace("\n", "\r\n"),
        "\ufeff" + page_of(CONTRACT),
        page_of(CONTRACT).removesuffix("\n"),
        page_of("# openapi: in a remark\n" + CONTRACT),
        page_of(CONTRACT) + "\n```yaml\nanother: block\n```\n",
        page_of(CONTRACT.replace("  version:", SAMPLE + "  version:")),
        page_of(CONTRACT.replace("  version:", SAMPLE + "  version:"), fence="```"),
        page_of(CONTRACT.replace("openapi:", "'openapi':", 1)),
    ],
)
def test_the_block_is_found_however_the_page_fences_it(page: str, tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, page)
    assert contract_of(written) == parse(CONTRACT, "page").data


def test_a_block_written_as_json_is_taken_too(tmp_path: Path) -> None:
    block = '{\n  "openapi": "3.1.0",\n  "info": {"title": "t", "version": "1"},\n  "paths": {}\n}\n'
    written, _ = ingested(tmp_path, page_of(block, info="json"))
    assert contract_of(written) == {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}


def test_a_large_contract_is_shown_by_the_count_of_its_lines(tmp_path: Path) -> None:
    file, text = tmp_path / "demo" / "openapi.yaml", "a: b\n" * 100_000
    assert ingest.differences({file: text}) == "demo/openapi.yaml: 100000 lines are new and 0 are gone\n"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    assert ingest.differences({file: "a: b\n"}) == "demo/openapi.yaml: 0 lines are new and 99999 are gone\n"


def test_the_block_has_one_hash_however_the_page_fences_and_ends_its_lines(tmp_path: Path) -> None:
    hashes = set()
    for number, page in enumerate([page_of(CONTRACT), page_of(CONTRACT, indent="  ").replace("\n", "\r\n")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        hashes.add(tomllib.loads(ingested(folder, page)[1].decode())["block_sha256"])
    assert len(hashes) == 1


def test_a_second_run_on_the_same_page_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = ingested(tmp_path, page_of(CONTRACT))
    capsys.readouterr()
    assert taken(tmp_path, page_of(CONTRACT)) == 0
    folder = tmp_path / "specs" / "paybyrd"
    assert ((folder / "openapi.yaml").read_bytes(), (folder / "source.toml").read_bytes()) == first
    assert capsys.readouterr().out == "paybyrd: nothing changed\n"


def test_another_page_gets_the_date_of_today_unless_one_is_given(tmp_path: Path) -> None:
    ingested(tmp_path, page_of(CONTRACT), "--retrieved", "2020-02-29")
    assert taken(tmp_path, page_of(CONTRACT) + "\nMore words.\n") == 0
    source = tomllib.loads((tmp_path / "specs" / "paybyrd" / "source.toml").read_text(encoding="utf-8"))
    assert source["retrieved"] > datetime.date(2020, 2, 29)
    assert source["address"] == ADDRESS


PROSE = """\
openapi: 3.1.0
info:
  title: Invented API
  summary: PROSE
  description: PROSE
  termsOfService: https://example.com/terms
  contact: {name: Support, email: support@example.com, x-description: PROSE}
  license: {name: MIT, url: https://example.com/licence}
  version: '1'
  x-logo: {altText: PROSE}
externalDocs: {url: https://example.com/PROSE}
servers:
  - url: https://{region}.example.com
    description: PROSE
    variables:
      region: {default: eu, enum: [eu, us], description: PROSE}
  - {url: https://test.example.com, description: Test environment}
tags:
  - {name: Returns, description: PROSE, externalDocs: {url: https://example.com/PROSE}, x-displayName: PROSE}
security:
  - oauth: [give]
paths:
  x-groups: {description: kept}
  /returns:
    summary: PROSE
    description: PROSE
    post:
      summary: PROSE
      description: PROSE
      externalDocs: {url: https://example.com/PROSE}
      x-rate-limit: 7
      x-codeSamples: [{source: PROSE}]
      parameters:
        - name: note
          in: query
          description: PROSE
          example: kept example
          schema: {type: string, description: PROSE, title: PROSE}
        - $ref: '#/components/parameters/Page'
      requestBody:
        description: PROSE
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Return', description: PROSE}
            example: {description: kept, title: kept, summary: kept}
      responses:
        '200':
          content:
            application/json:
              schema: {type: array, items: {type: string, description: PROSE}}
              examples:
                one: {summary: PROSE, description: PROSE, value: {description: kept, externalDocs: kept}}
          description: PROSE
          headers:
            X-Rest: {description: PROSE, schema: {type: integer, description: PROSE}}
          links:
            again: {operationId: back, description: PROSE}
        '422': {description: PROSE}
        5XX: {description: PROSE}
        x-order: {first: 422}
        default: {$ref: '#/components/responses/Other'}
      callbacks:
        done:
          '{$request.body#/url}':
            post: {description: PROSE, responses: {'204': {description: PROSE}}}
      operationId: back
components:
  parameters:
    Page: {name: page, in: query, description: PROSE, schema: {type: integer}}
  responses:
    Other: {description: PROSE}
  examples:
    Named: {summary: PROSE, value: [{description: kept}]}
  securitySchemes:
    oauth:
      type: oauth2
      description: PROSE
      flows:
        clientCredentials: {tokenUrl: https://example.com/token, scopes: {give: PROSE}}
  schemas:
    Return:
      title: PROSE
      description: PROSE
      $comment: PROSE
      externalDocs: {url: https://example.com/PROSE}
      type: object
      required: [description]
      x-order: [title, description]
      properties:
        description: {type: string, description: PROSE, enum: [kept one, kept two], default: kept one}
        title: {type: string, const: kept, examples: [kept]}
        summary: {anyOf: [{type: string, title: PROSE}, {type: 'null', description: PROSE}]}
        externalDocs: {type: object, additionalProperties: {type: string, description: PROSE}, default: {title: kept}}
        example: {type: string, example: kept}
      allOf:
        - {if: {description: PROSE}, then: {description: PROSE}, not: {description: PROSE, const: {description: kept}}}
"""

WITHOUT_PROSE = """\
openapi: 3.1.0
info:
  title: Invented API
  termsOfService: https://example.com/terms
  contact: {name: Support, email: support@example.com}
  license: {name: MIT, url: https://example.com/licence}
  version: '1'
servers:
  - url: https://{region}.example.com
    variables:
      region: {default: eu, enum: [eu, us]}
  - {url: https://test.example.com, description: Test environment}
tags:
  - {name: Returns}
security:
  - oauth: [give]
paths:
  x-groups: {description: kept}
  /returns:
    post:
      x-rate-limit: 7
      parameters:
        - name: note
          in: query
          example: kept example
          schema: {type: string}
        - $ref: '#/components/parameters/Page'
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Return'}
            example: {description: kept, title: kept, summary: kept}
      responses:
        '200':
          content:
            application/json:
              schema: {type: array, items: {type: string}}
              examples:
                one: {value: {description: kept, externalDocs: kept}}
          description: OK
          headers:
            X-Rest: {schema: {type: integer}}
          links:
            again: {operationId: back}
        '422': {description: Unprocessable Content}
        5XX: {description: Server Error}
        x-order: {first: 422}
        default: {$ref: '#/components/responses/Other'}
      callbacks:
        done:
          '{$request.body#/url}':
            post: {responses: {'204': {description: No Content}}}
      operationId: back
components:
  parameters:
    Page: {name: page, in: query, schema: {type: integer}}
  responses:
    Other: {description: Default}
  examples:
    Named: {value: [{description: kept}]}
  securitySchemes:
    oauth:
      type: oauth2
      flows:
        clientCredentials: {tokenUrl: https://example.com/token, scopes: {give: ''}}
  schemas:
    Return:
      type: object
      required: [description]
      x-order: [title, description]
      properties:
        description: {type: string, enum: [kept one, kept two], default: kept one}
        title: {type: string, const: kept, examples: [kept]}
        summary: {anyOf: [{type: string}, {type: 'null'}]}
        externalDocs: {type: object, additionalProperties: {type: string}, default: {title: kept}}
        example: {type: string, example: kept}
      allOf:
        - {if: {}, then: {}, not: {const: {description: kept}}}
"""


def test_prose_is_left_out_by_where_it_stands_and_everything_else_is_kept(tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, page_of(PROSE))
    assert b"PROSE" not in written
    assert contract_of(written) == parse(WITHOUT_PROSE, "expected").data


@pytest.mark.parametrize(
    ("description", "kept"),
    [
        ("Production", True),
        ("Sandbox server", True),
        ("The live API", True),
        ("server", False),
        ("Production. Ask us for keys", False),
        ("Use production and be happy", False),
        ("", False),
    ],
)
def test_what_a_server_is_called_stays_where_it_names_an_environment_and_no_more(
    description: str, kept: bool, tmp_path: Path
) -> None:
    url = "  - url: https://pay.example.com\n"
    written, _ = ingested(tmp_path, page_of(CONTRACT.replace(url, f"{url}    description: '{description}'\n")))
    assert contract_of(written)["servers"][0].get("description") == (description if kept else None)


def test_a_vendored_contract_has_no_prose_left_to_leave_out() -> None:
    for provider in ("lab4pay", "paybyrd"):
        data = vendored_document(provider).data
        assert ingest.without_prose(data) == data


FOLDED = """\
          type: string
          enum:
            - >-
              one long
              value
"""


def test_folded_text_in_an_enum_keeps_its_spaces(tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, page_of(CONTRACT.removesuffix("          type: string\n") + FOLDED))
    assert contract_of(written)["components"]["schemas"]["Return"]["properties"]["note"]["enum"] == ["one long value"]


HTML = "<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not here</body></html>\n"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("", "page.md:1: page: no OpenAPI block"),
        ("# Page not found\n\nWe looked everywhere.\n", "page.md:1: page: no OpenAPI block"),
        (INTRODUCTION, "page.md:1: page: no OpenAPI block"),
        (HTML, "page.md:1: page: it is HTML"),
        (f"\n\n{HTML.lower()}", "page.md:1: page: it is HTML"),
        (b"\xff\xfe# \x00", "page.md:1: page: it is not UTF-8 text"),
        (page_of(CONTRACT) + page_of(CONTRACT), "page.md:60: page: a second OpenAPI block"),
        (page_of(CONTRACT).removesuffix("````\n"), "page.md:9: page: this fenced block is not closed"),
        (page_of(CONTRACT.replace("paths:", "paths: [")), "page.md:17: broken YAML: "),
        (page_of(CONTRACT.replace("  title:", "\ttitle:")), "page.md:12: broken YAML: "),
        (page_of(CONTRACT + "components: {}\n"), "page.md:50: /components: the key is written twice"),
        (page_of(CONTRACT.replace("3.0.3", "2.0")), "page.md:10: /openapi: not OpenAPI 3.0 or 3.1"),
        (
            page_of(CONTRACT.replace("          type: integer", "          x-python-import: os")),
            "page.md:47: /components/",
        ),
        (page_of(CONTRACT.replace("'#/comp", "'https://evil.example.com/#/comp")), "page.md:32: /paths/"),
        (page_of("openapi: 3.0.3\n" + "a: " + "[" * 4000), "page.md:11: /a/0/0"),
    ],
)
def test_a_page_that_cannot_be_used_is_one_line_and_exit_2_and_writes_nothing(
    page: str | bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert taken(tmp_path, page, "--address", ADDRESS) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"error: {re.escape(str(tmp_path))}/{re.escape(message)}.*\n", err)
    assert not (tmp_path / "specs").exists()


def test_a_page_that_cannot_be_used_leaves_the_contract_that_is_there(tmp_path: Path) -> None:
    before = ingested(tmp_path, page_of(CONTRACT))
    assert taken(tmp_path, page_of(CONTRACT.replace("type: integer", "x-python-type: money"))) == 2
    folder = tmp_path / "specs" / "paybyrd"
    assert ((folder / "openapi.yaml").read_bytes(), (folder / "source.toml").read_bytes()) == before


@pytest.mark.parametrize(
    ("old", "new"), [("info:", "information:"), ("note:", "to_dict:"), ("application/json", "text/xml")]
)
def test_a_page_that_an_overlay_can_mend_is_taken(old: str, new: str, tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, page_of(CONTRACT.replace(old, new)))
    assert new in written.decode()
    with pytest.raises(ContractError):
        check(parse(written.decode(), "openapi.yaml"))


def test_a_page_that_is_not_there_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ingest.main(["paybyrd", str(tmp_path / "gone.md"), "--specs", str(tmp_path), "--address", ADDRESS]) == 2
    assert re.fullmatch(r"error: \S*gone.md:1: page: .*\n", capsys.readouterr().err)


def test_the_address_is_needed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert taken(tmp_path, page_of(CONTRACT)) == 2
    assert "give --address" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [("--address", "docs.example.com/a"), ("--retrieved", "yesterday"), ("--published-sha256", "abc"), ("--unknown",)],
)
def test_an_option_that_makes_no_sense_is_exit_2(options: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        taken(tmp_path, page_of(CONTRACT), *options)
    assert stopped.value.code == 2
    assert not (tmp_path / "specs").exists()


def test_a_source_that_is_no_toml_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingested(tmp_path, page_of(CONTRACT))
    (tmp_path / "specs" / "paybyrd" / "source.toml").write_text("address", encoding="utf-8")
    capsys.readouterr()
    assert taken(tmp_path, page_of(CONTRACT)) == 2
    assert re.fullmatch(r"error: \S+source.toml:1: not TOML: .*\n", capsys.readouterr().err)


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("fails_at", [0, 1])
def test_when_a_file_cannot_be_swapped_in_both_are_as_before(
    existing: bool, fails_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "specs" / "paybyrd"
    before = dict.fromkeys(["openapi.yaml", "source.toml"], b"")
    if existing:
        before = dict(zip(before, ingested(tmp_path, page_of(CONTRACT)), strict=True))
    swap, calls = Path.replace, []

    def replace(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == fails_at + 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return swap(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    changed = page_of(CONTRACT.replace("title: Invented API", "title: Another API"))
    assert taken(tmp_path, changed, "--address", ADDRESS) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == (before if existing else {})


def test_check_writes_nothing_and_shows_what_the_page_would_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ingested(tmp_path, page_of(CONTRACT))
    capsys.readouterr()
    assert taken(tmp_path, page_of(CONTRACT), "--check") == 0
    assert capsys.readouterr().out == "paybyrd: the page is the one that is vendored\n"
    assert taken(tmp_path, page_of(CONTRACT.replace("integer", "number")), "--check") == 1
    out = capsys.readouterr().out
    assert "--- paybyrd/openapi.yaml (vendored)" in out
    assert "-          type: integer\n+          type: number\n" in out
    folder = tmp_path / "specs" / "paybyrd"
    assert ((folder / "openapi.yaml").read_bytes(), (folder / "source.toml").read_bytes()) == before


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_source_of_a_committed_contract_is_recorded(provider: str) -> None:
    source = tomllib.loads((SPECS / provider / "source.toml").read_text(encoding="utf-8"))
    published = provider != "blink"
    assert source["kind"] == ("published" if published else "transcribed")
    assert source["address"].startswith("https://")
    assert isinstance(source["retrieved"], datetime.date)
    hashes = [source["page_sha256"], *([source["block_sha256"]] if published else [])]
    contract = (SPECS / provider / "openapi.yaml").read_bytes()
    assert source["contract_sha256"] == hashlib.sha256(contract).hexdigest()
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in hashes)
    header = (SPECS / provider / "openapi.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert (header == f"# {ingest.HEADER}") is published


def test_a_contract_that_ingest_writes_passes_the_check(tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, page_of(CONTRACT))
    check(parse(written.decode(), "openapi.yaml"))
    with pytest.raises(ContractError):
        check(parse(written.decode().replace("openapi: 3.0.3", "openapi: 1.0"), "openapi.yaml"))
