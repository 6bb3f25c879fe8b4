"""A page without OpenAPI: the contract is written by hand, and ingest finds each sentence that it rests on."""

import hashlib
import json
import shutil
import tomllib
from pathlib import Path

import pytest

from scripts.contracts import evidence
from scripts.contracts.contract import vendored_document
from scripts.contracts.document import Document, parse
from scripts.contracts.pointers import resolve
from scripts.contracts.providers import SPECS
from tests.generation.ingest_support import ADDRESS, TODAY, contract_of, ingested, page_of, taken
from tests.generation.specs_support import CONTRACT, specs_with

TRANSCRIBED = """\
openapi: 3.1.0
info: {title: Invented API, version: '1', x-evidence: docs.example.com/about (A)}
servers:
  - {url: https://pay.example.com, x-evidence: docs.example.com/hosts (A)}
paths:
  /returns:
    post:
      x-evidence: ['page line 3: /returns']
      requestBody:
        x-evidence: ['page line 5: cents', github.com/example/plugin (B)]
        content:
          application/json:
            schema:
              type: object
              x-evidence: 'page line 5: cents'
              properties:
                cents: {type: integer, x-evidence: 'page line 5: cents'}
      responses:
        '200': {description: OK, x-evidence: docs.example.com/replies (D)}
"""
TRANSCRIBED_PAGE = "# Returns\n\nPOST /returns\n\n- cents, a number\n"


def transcribed(tmp_path: Path, contract: str, page: str, *options: str) -> int:
    specs_with(tmp_path, "", contract, "blink")
    return taken(tmp_path, page, "--transcribed", "--address", ADDRESS, *options, provider="blink")


def test_a_transcribed_contract_gets_its_source_and_the_hashes_of_its_sentences_and_is_not_touched_else(
    tmp_path: Path,
) -> None:
    assert transcribed(tmp_path, TRANSCRIBED, TRANSCRIBED_PAGE, "--retrieved", TODAY.isoformat()) == 0
    folder = tmp_path / "specs" / "blink"
    written = (folder / "openapi.yaml").read_text(encoding="utf-8")
    returns, cents = (evidence.sentence_hash(line) for line in ("POST /returns", "- cents, a number"))
    expected = TRANSCRIBED.replace("line 3:", f"line 3 ({returns}):").replace("line 5:", f"line 5 ({cents}):")
    assert written == expected
    assert tomllib.loads((folder / "source.toml").read_text(encoding="utf-8")) == {
        "hosts": [],
        "fetch": "by hand",
        "address": ADDRESS,
        "retrieved": TODAY,
        "kind": "transcribed",
        "page_sha256": hashlib.sha256(TRANSCRIBED_PAGE.encode()).hexdigest(),
        "contract_sha256": hashlib.sha256(expected.encode()).hexdigest(),
        "other_lines": [evidence.sentence_hash("# Returns")],
    }


def test_the_hash_of_the_page_as_published_is_recorded_when_the_saved_copy_was_altered(tmp_path: Path) -> None:
    published = hashlib.sha256(b"with a token").hexdigest()
    assert transcribed(tmp_path, TRANSCRIBED, TRANSCRIBED_PAGE, "--published-sha256", published) == 0
    source = tomllib.loads((tmp_path / "specs" / "blink" / "source.toml").read_text(encoding="utf-8"))
    assert source["page_sha256"] == published


@pytest.mark.parametrize("transcribed", [False, True])
def test_the_page_of_another_provider_is_named(
    transcribed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    specs_with(tmp_path, "", TRANSCRIBED, "blink")
    shutil.copytree(SPECS / "paybyrd", tmp_path / "specs" / "paybyrd")
    page = page_of(CONTRACT.replace("pay.example.com", "gateway.paybyrd.com"))
    options = ["--address", ADDRESS, *(["--transcribed"] if transcribed else [])]
    assert taken(tmp_path, page, *options, provider="blink") == 2
    said = "page.md:1: page: it is a page of paybyrd: it names gateway.paybyrd.com, and no host of blink; give the page"
    assert said in capsys.readouterr().err


def test_a_page_that_is_openapi_as_a_whole_is_its_own_block(tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, f"# Fetched.\n---\n{CONTRACT}")
    assert contract_of(written) == parse(CONTRACT, "page").data
    as_json, _ = ingested(tmp_path, json.dumps(parse(CONTRACT, "page").data))
    assert as_json == written


def test_a_page_without_openapi_hints_at_a_contract_that_is_written_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert taken(tmp_path, TRANSCRIBED_PAGE, "--address", ADDRESS) == 2
    assert "add --transcribed where the contract is written by hand" in capsys.readouterr().err


def test_a_page_that_differs_from_the_one_transcribed_is_seen(tmp_path: Path) -> None:
    assert transcribed(tmp_path, TRANSCRIBED, TRANSCRIBED_PAGE) == 0
    assert taken(tmp_path, TRANSCRIBED_PAGE, "--transcribed", "--check", provider="blink") == 0
    assert taken(tmp_path, TRANSCRIBED_PAGE + "More.\n", "--transcribed", "--check", provider="blink") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("      x-evidence: ['page line 3: /returns']\n", "", "7: /paths/~1returns/post: no x-evidence"),
        (", x-evidence: 'page line 5: cents'}", "}", "17: /paths/~1returns/post/requestBody/content/"),
        (", x-evidence: docs.example.com/about (A)}", "}", "2: /info: no x-evidence"),
        (", x-evidence: docs.example.com/hosts (A)}", "}", "4: /servers/0: no x-evidence"),
        (
            "            schema:\n",
            "            example: {}\n            schema:\n",
            "12: /paths/~1returns/post/requestBody/content/",
        ),
        ("['page line 3: /returns']", "[]", "8: /paths/~1returns/post: no x-evidence"),
        ("docs.example.com/hosts (A)", "docs.example.com/hosts", "4: /servers/0: evidence 'docs.example.com/hosts'"),
        ("docs.example.com/hosts (A)", "docs.example.com/hosts (E)", "4: /servers/0: evidence "),
        ("docs.example.com/hosts (A)", "it is well known (A)", "4: /servers/0: evidence "),
        ("line 3: /returns", "line 4: /returns", "8: /paths/~1returns/post: line 4 of the page has no '/returns'"),
        ("line 3: /returns", "line 99: /returns", "8: /paths/~1returns/post: line 99 of the page has no '/returns'"),
    ],
)
def test_a_node_that_does_not_rest_on_the_page_is_one_line_and_exit_2_and_writes_nothing(
    old: str, new: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in TRANSCRIBED
    assert transcribed(tmp_path, TRANSCRIBED.replace(old, new), TRANSCRIBED_PAGE) == 2
    expected = f"error: {tmp_path}/specs/blink/openapi.yaml:{message}"
    err = capsys.readouterr().err
    assert err.startswith(expected)
    assert err.count("\n") == 1
    assert not (tmp_path / "specs" / "blink" / "source.toml").exists()


def test_every_node_of_a_committed_transcribed_contract_has_evidence() -> None:
    document = vendored_document("blink")
    assert evidence.problems(document) == []
    with_one_less = parse("x: 1", "x").data | document.data
    del resolve(with_one_less, "/components/schemas/RefundRequest/properties/amount")["x-evidence"]
    assert len(evidence.problems(Document(with_one_less, document.places))) == 1
