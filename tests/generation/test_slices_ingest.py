"""From a document of hundreds of operations to a package of three: taken in, tied by hashes, generated, imported."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest

from scripts.contracts import ingest, slices
from scripts.contracts.contract import effective_document, vendored_document
from scripts.contracts.errors import ContractError
from scripts.packages import lock
from scripts.packages.generate import main as generate
from tests.generation.documents import CHOSEN, LARGE, SOURCE, platform
from tests.generation.generated_support import run
from tests.generation.slices_support import anew, data_of, files_of, specs_in, taken

SENTENCE = "one sentence that is not kept"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a provider into which a document of forty operations was taken."""
    made = specs_in(tmp_path)
    assert taken(made, platform(40)) == 0
    return made


@pytest.mark.parametrize("name", ["page.yaml", "page.json"])
def test_the_whole_is_kept_and_the_chosen_operations_are_written_beside_it(name: str, tmp_path: Path) -> None:
    folder = specs_in(tmp_path)
    assert taken(folder, platform(40), name=name) == 0
    whole, used = folder / "openapi.yaml", folder / "used.yaml"
    assert data_of(whole) == ingest.without_prose(platform(40))
    assert data_of(used) == ingest.without_prose(platform(0))
    source = tomllib.loads((folder / "source.toml").read_text(encoding="utf-8"))
    assert source["operations"] == [*CHOSEN]
    assert source["contract_sha256"] == hashlib.sha256(whole.read_bytes()).hexdigest()
    assert source["used_sha256"] == hashlib.sha256(used.read_bytes()).hexdigest()
    assert vendored_document("paybyrd", folder.parent).data == data_of(used)


def test_a_package_of_three_operations_is_generated_from_the_slice_and_can_be_imported(tmp_path: Path) -> None:
    assert taken(specs_in(tmp_path), platform(600)) == 0
    assert generate(["--provider", "paybyrd", "--output", str(tmp_path / "out")], tmp_path) == 0
    package = tmp_path / "out" / "refundry_paybyrd"
    assert json.loads((package / "vendored.json").read_bytes()) == ingest.without_prose(platform(0))
    modules = {path.name for path in (package / "api" / "refunds").iterdir()}
    assert modules == {"__init__.py", "cancel_refund.py", "create_refund.py", "get_refund.py"}
    code = (
        "from refundry_paybyrd import schemas\n"
        "from refundry_paybyrd.api.refunds import cancel_refund, create_refund, get_refund\n"
        'reply = b\'{"id": "r1", "reverses": {"id": "r0"}, "target": {"kind": "account", "iban": "x"}}\'\n'
        "refund = create_refund.read_reply(201, reply)\n"
        "print(refund.reverses.id, type(refund.target).__name__, schemas.Refund.model_validate_json(reply).id)\n"
    )
    done = run("-c", code, PYTHONPATH=str(tmp_path / "out"))
    assert (done.stdout, done.stderr) == ("r0 Account r1\n", "")


def test_without_a_choice_there_is_no_slice(tmp_path: Path) -> None:
    folder = specs_in(tmp_path, SOURCE.partition("operations")[0])
    assert taken(folder, platform(0)) == 0
    assert {*files_of(folder)} == {"openapi.yaml", "overlay.yaml", "source.toml"}
    assert "used_sha256" not in files_of(folder)["source.toml"]
    assert vendored_document("paybyrd", folder.parent).data == ingest.without_prose(platform(0))
    root = folder.parents[1]
    assert "used" not in lock.current("paybyrd", root)


def test_a_choice_that_matches_nothing_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = specs_in(tmp_path, SOURCE.replace("getRefund", "getRefunds"))
    before = files_of(folder)
    assert taken(folder, platform(40)) == 2
    problem = "operations: 'getRefunds' is not in the document; the nearest are getRefund"
    assert capsys.readouterr().err.startswith(f"error: {folder}/source.toml:5: {problem}")
    assert files_of(folder) == before


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("operations = []", "operations: it chooses none; list one or more, or leave the key out to use all"),
        ("operations = ['a', 1]", 'operations: it is no list of texts; write `operations = ["POST /v1/refunds"]`'),
        ("operations = 'a'", "operations: it is no list of texts; "),
        ("operations = ['a', ' ']", "operations: it is no list of texts; "),
        ("operations = ['a', 'a']", "operations: 'a' is listed twice; keep one"),
    ],
)
def test_a_choice_of_another_form_is_named_with_its_line(
    written: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = specs_in(tmp_path, SOURCE.partition("operations")[0] + written)
    assert taken(folder, platform(0)) == 2
    assert capsys.readouterr().err.startswith(f"error: {folder}/source.toml:3: {problem}")


EDITED = "used.yaml:1: document: it is not what was made from openapi.yaml, as after an edit by hand; write corrections"


@pytest.mark.parametrize(
    ("file", "change", "problem"),
    [
        ("used.yaml", ("maxLength: 36", "maxLength: 35"), f"{EDITED} into overlay.yaml, and run "),
        ("openapi.yaml", ("field_1", "field_x"), "used.yaml:1: document: the openapi.yaml beside it is not the one "),
        (
            "source.toml",
            ("    'getRefund',\n", ""),
            "source.toml:1: operations: GET /v1/refunds/{refund_id} is in used",
        ),
        (
            "source.toml",
            ("getRefund", "listResource1"),
            "source.toml:5: operations: 'listResource1' is not in used.yaml",
        ),
        ("source.toml", ("operations =", "# ="), "used.yaml:1: document: source.toml chooses no operations; list them"),
    ],
)
def test_a_slice_that_does_not_belong_to_what_is_beside_it_is_refused_with_what_to_run(
    file: str, change: tuple[str, str], problem: str, folder: Path
) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8").replace('    "getRefund",\n', "    'getRefund',\n")
    assert change[0] in text
    if change[0].startswith("operations"):
        text = re.sub(r"operations = \[[^]]*\]\n", "", text)
    path.write_text(text.replace(*change), encoding="utf-8")
    for read in (vendored_document, effective_document):
        with pytest.raises(ContractError) as raised:
            read("paybyrd", folder.parent)
        message = str(raised.value)
        assert message.startswith(f"{folder}/{problem}")
        assert "`nox -s ingest -- paybyrd" in message or "remove used.yaml" in message
    assert generate(["--provider", "paybyrd", "--output", str(folder.parents[1] / "out")], folder.parents[1]) == 2


def test_a_slice_that_is_missing_is_refused_with_what_to_run(folder: Path) -> None:
    (folder / "used.yaml").unlink()
    with pytest.raises(ContractError, match=r"there is no used.yaml; run `nox -s ingest -- paybyrd`$"):
        vendored_document("paybyrd", folder.parent)


def test_another_choice_is_made_without_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_of(folder)
    source = folder / "source.toml"
    source.write_text(before["source.toml"].replace('    "getRefund",\n', ""), encoding="utf-8")
    assert anew(folder) == 0
    assert "/v1/refunds/{refund_id}" not in data_of(folder / "used.yaml")["paths"]
    assert vendored_document("paybyrd", folder.parent).data == data_of(folder / "used.yaml")
    source.write_text(
        source.read_text(encoding="utf-8").replace('refunds",\n', 'refunds",\n    "getRefund",\n'), encoding="utf-8"
    )
    assert anew(folder, "--check") == 1
    assert "+  /v1/refunds/{refund_id}:\n" in capsys.readouterr().out
    assert anew(folder) == 0
    assert files_of(folder) == before


def test_an_edit_of_the_slice_by_hand_is_taken_back_without_the_page(folder: Path) -> None:
    before = files_of(folder)
    (folder / "used.yaml").write_text("openapi: 3.0.3\n", encoding="utf-8")
    assert anew(folder) == 0
    assert files_of(folder) == before


def test_without_the_page_an_openapi_yaml_of_a_person_is_not_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = folder / "openapi.yaml"
    whole.write_text(f"{whole.read_text(encoding='utf-8')}# a word\n", encoding="utf-8")
    before = files_of(folder)
    assert anew(folder) == 2
    problem = f"error: {whole}:1: document: it is not what was taken from the page; give the page\n"
    assert capsys.readouterr().err == problem
    assert files_of(folder) == before


def test_without_the_page_and_without_a_choice_nothing_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = specs_in(tmp_path, SOURCE.partition("operations")[0])
    assert taken(folder, platform(0)) == 0
    assert anew(folder) == 2
    assert "operations: none are chosen, so nothing follows without a page; give the page" in capsys.readouterr().err


def test_a_change_outside_of_the_choice_is_one_line_with_a_count(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used = (folder / "used.yaml").read_bytes()
    capsys.readouterr()
    assert taken(folder, platform(44)) == 0
    out = capsys.readouterr().out
    assert "outside of the chosen operations, 4 operations and 2 components have changed\n" in out
    assert "paybyrd/openapi.yaml" not in out
    assert (folder / "used.yaml").read_bytes() == used


def test_a_large_document_shows_on_standard_error_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = specs_in(tmp_path)
    assert taken(folder, platform(600, **LARGE), name="page.json") == 0
    assert (tmp_path / "page.json").stat().st_size > 2_000_000
    err = capsys.readouterr().err
    assert re.fullmatch(r"(paybyrd: [a-zA-Z0-9. ]+: \d+\.\d s\n){3}", err)
    assert SENTENCE not in (folder / "openapi.yaml").read_text(encoding="utf-8")
    assert data_of(folder / "used.yaml") == ingest.without_prose(platform(0))


def test_the_lock_has_the_hash_of_the_slice(folder: Path) -> None:
    root = folder.parents[1]
    assert (
        lock.current("paybyrd", root)["used"]
        == f"sha256:{hashlib.sha256((folder / slices.FILE).read_bytes()).hexdigest()}"
    )
    lock.write(["paybyrd"], root)
    assert lock.is_valid("paybyrd", root)
    (folder / slices.FILE).write_text("another", encoding="utf-8")
    assert not lock.is_valid("paybyrd", root)
    assert "paybyrd: used is not what the lock says (specs/paybyrd/used.yaml)" in lock.differences(["paybyrd"], root)
