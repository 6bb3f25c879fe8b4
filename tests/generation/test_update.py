"""One command takes a changed page in: it says what the change can break, and writes all of it or nothing."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.contracts import fetch, update
from scripts.contracts.fetch import NotSeen
from scripts.contracts.providers import PROVIDERS
from scripts.packages import lock
from tests.generation.update_support import (
    CHANGES,
    changed_page,
    contents,
    fetching,
    git,
    page_of,
    project_in,
    saved,
    transcribed,
)

Said = Callable[[], str]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that no test writes into."""
    return project_in(tmp_path_factory.mktemp("project"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return project_in(root)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def output() -> str:
        text = capsys.readouterr()
        return text.out + text.err

    return output


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("an optional field", 0, ["The field `settledAt` of `RefundResponse` is new", "reported, adds; next: "]),
        (
            "a required field",
            1,
            [
                "`reason` of `RefundRequest` is new, and must be sent",
                "UNLISTED: schema: /components/examples/RefundRequestExample/value/reason: required; list it in ",
            ],
        ),
        ("a renamed property", 1, ["`source-transaction-descriptions`", "may be called `minorRemainingAmount` now"]),
        ("a new enum value", 0, ["No verdict table knows `BYRD998`: open facade/refundry/providers/paybyrd_codes.py"]),
        ("a new operation", 0, ["new operation POST /api/v2/void/{id}: called api_transactions_void; --name "]),
        ("another server", 1, ["**credentials:** ", "mend the actions named above in specs/paybyrd/overlay.yaml"]),
        ("another operation", 3, ["it documents none of the operations of paybyrd's contract, but POST /api/v3/"]),
        ("a key that runs code", 2, ["this key makes a generator import code", "refused; next: mend what is named"]),
    ],
)
def test_a_changed_page_is_reported_in_plain_words_and_check_writes_nothing(
    change: str, code: int, says: list[str], pristine: Path, tmp_path: Path, said: Said
) -> None:
    before = contents(pristine)
    page = saved(tmp_path, changed_page(pristine, change))
    assert update.main(["paybyrd", page, "--check"], pristine) == code
    output = said()
    assert [each for each in says if each not in output] == []
    assert re.search(r"^paybyrd: [a-z, -]+; next: .+\n\Z", output, re.MULTILINE)
    assert contents(pristine) == before


def test_every_change_above_is_tried() -> None:
    (mark,) = test_a_changed_page_is_reported_in_plain_words_and_check_writes_nothing.pytestmark  # type: ignore[attr-defined]  # set by the decorator
    assert {change for change, _, _ in mark.args[1]} == {*CHANGES}


def test_a_dropped_reply_whose_example_stays_can_be_reported(pristine: Path, tmp_path: Path, said: Said) -> None:
    page = page_of(pristine)
    start, end = page.index("        '202':\n"), page.index("        '400':\n")
    assert update.main(["paybyrd", saved(tmp_path, page[:start] + page[end:]), "--check"], pristine) == 1
    output = said()
    assert "The reply `202` of `refund_transaction`" in output
    assert "unused: /components/examples/AcceptedResponseExample: nothing refers to this example" in output


def test_several_actions_that_do_not_fit_are_all_named(pristine: Path, tmp_path: Path, said: Said) -> None:
    page = page_of(pristine).replace("isoRemainingAmount", "minorAmount").replace("rel:\n", "relation:\n")
    assert update.main(["paybyrd", saved(tmp_path, page)], pristine) == 1
    output = said()
    assert "`source-transaction-descriptions`: " in output
    assert "`link-descriptions`: " in output
    assert "2 actions of the overlay do not fit: nothing is written" in output


def test_prose_alone_writes_nothing(pristine: Path, tmp_path: Path, said: Said) -> None:
    before = contents(pristine)
    page = page_of(pristine).replace("    RefundResponse:\n", "    RefundResponse:\n      description: New words.\n")
    assert update.main(["paybyrd", saved(tmp_path, page)], pristine) == 0
    assert said() == ("paybyrd: prose alone has changed: nothing is written\npaybyrd: unchanged; next: nothing to do\n")
    assert contents(pristine) == before


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("<!DOCTYPE html><title>Sign in</title>", "it is HTML, perhaps an error page or a sign-in"),
        ("# Give money back\n\nSee gateway.paybyrd.com.\n", "no OpenAPI block"),
        ("# Refunds of api-payment.lab4pay.com\n", "it is a page of lab4pay: it names api-payment.lab4pay.com"),
    ],
)
def test_a_page_that_is_not_the_one_asked_for_is_not_seen(
    page: str, says: str, pristine: Path, tmp_path: Path, said: Said
) -> None:
    assert update.main(["paybyrd", saved(tmp_path, page)], pristine) == 3
    output = said()
    assert says in output
    assert output.endswith("paybyrd: not seen; next: nox -s update -- paybyrd PAGE\n")


def test_a_page_that_is_not_there_is_wrong_usage(pristine: Path, said: Said) -> None:
    assert update.main(["paybyrd", "gone.md"], pristine) == 2
    assert "gone.md:1: page: No such file or directory; give the path of the saved page" in said()


@pytest.mark.parametrize(
    "arguments",
    [["elsewhere"], ["--read"], ["paybyrd", "page.md", "--name", "void"], ["paybyrd", "page.md", "--unknown"]],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], pristine: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        update.main(arguments, pristine)
    assert ended.value.code == 2


def test_the_help_names_each_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        update.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert all(f"{code} " in text.partition("Exit codes:")[2] for code in range(4))
    assert all(option in text for option in ("--check", "--report", "--name", "--read", "--partial", "--other-page"))


def pages(monkeypatch: pytest.MonkeyPatch, root: Path, found: dict[str, str | Exception]) -> list[str]:
    """Let each provider's page be what is given; return the addresses that are fetched."""
    at, fetched = fetching(root, found), []

    def answer(address: str) -> bytes:
        fetched.append(address)
        page = at[address]
        if isinstance(page, Exception):
            raise page
        return page.encode()

    monkeypatch.setattr(fetch, "fetch", answer)
    return fetched


def test_without_a_name_each_provider_is_fetched_and_one_that_fails_holds_no_other_back(
    pristine: Path, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = changed_page(pristine, "a key that runs code")
    found: dict[str, str | Exception] = {
        "lab4pay": NotSeen("https://docs.example.com: HTTP 403: it is blocked; save the page"),
        "paybyrd": hostile,
        "blink": "<html>",
    }
    fetched = pages(monkeypatch, pristine, found)
    assert update.main(["--report", str(tmp_path / "all.md"), "--check"], pristine) == 2
    assert len(fetched) == len(PROVIDERS)
    assert re.findall(r"^(\w+): ([\w ]+); next:", said(), re.MULTILINE) == [
        ("blink", "not seen"),
        ("lab4pay", "not seen"),
        ("paybyrd", "refused"),
    ]
    report = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert {provider: each["exit_code"] for provider, each in report.items()} == {
        "lab4pay": 3,
        "paybyrd": 2,
        "blink": 3,
    }
    assert (tmp_path / "all.md").read_text(encoding="utf-8").count("\nNext: ") == len(PROVIDERS)
    found["paybyrd"] = page_of(pristine)
    pages(monkeypatch, pristine, found)
    assert update.main(["--check"], pristine) == 3


def test_a_provider_whose_page_is_taken_by_hand_is_not_seen(project: Path, said: Said) -> None:
    source = project / "specs/paybyrd/source.toml"
    source.write_text(re.sub(r"fetch = .*", 'fetch = "by hand"', source.read_text(encoding="utf-8")), encoding="utf-8")
    assert update.main(["paybyrd"], project) == 3
    assert "specs/paybyrd/source.toml: the page is taken by hand; save it in a browser, and give the file" in said()


def test_what_fits_is_taken_in_whole_with_a_fragment_beside_what_is_not_committed(
    project: Path, tmp_path: Path, said: Said
) -> None:
    (project / "docs/paybyrd.md").write_text("edited\n" + (project / "docs/paybyrd.md").read_text(encoding="utf-8"))
    (project / "notes.txt").write_text("new", encoding="utf-8")
    page = saved(tmp_path, changed_page(project, "an optional field"))
    assert update.main(["paybyrd", page, "--report", str(tmp_path / "report")], project) == 0
    output = said()
    assert "taken in, adds; next: git diff, then commit; nox -s release -- auto makes the version" in output
    changed = {line[3:] for line in git(project, "status", "--porcelain", "-uall").splitlines()}
    assert {"notes.txt", "docs/paybyrd.md", "specs/lock.toml", "specs/paybyrd/openapi.yaml"} <= changed
    assert "generated/refundry_paybyrd/models/refund_response.py" in changed
    assert all(path.startswith(("specs/", "generated/", "docs/", "changes/")) for path in changed - {"notes.txt"})
    assert (project / "docs/paybyrd.md").read_text(encoding="utf-8").startswith("edited\n")
    (fragment,) = (project / "changes/paybyrd").glob("*.adds.md")
    assert "The field `settledAt` of `RefundResponse` is new" in fragment.read_text(encoding="utf-8")
    assert "new and not described: /components/schemas/RefundResponse/properties/settledAt; say in specs/" in output
    made = json.loads((project / "generated/refundry_paybyrd/contract.json").read_bytes())
    added = made["components"]["schemas"]["RefundResponse"]["properties"]["settledAt"]
    assert added["description"] == "New in the provider's contract, and not described here yet."
    assert lock.differences(["paybyrd"], project) == []
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["paybyrd"]
    assert (report["verdict"], report["report"]["effect"], report["report"]["step"]) == ("taken in", "adds", "patch")
    assert update.main(["paybyrd", page], project) == 0
    assert "the page has not changed: nothing is written" in said()


def test_what_breaks_is_taken_in_too_and_each_red_test_is_named(project: Path, tmp_path: Path, said: Said) -> None:
    test = project / "tests/contract/test_small.py"
    test.write_text("def test_paybyrd_is_as_it_was() -> None:\n    assert False, 'a reply is gone'\n", encoding="utf-8")
    page = page_of(project)
    start, end = page.index("        '202':\n"), page.index("        '400':\n")
    assert update.main(["paybyrd", saved(tmp_path, page[:start] + page[end:])], project) == 1
    output = said()
    assert "FAILED tests/contract/test_small.py::test_paybyrd_is_as_it_was - AssertionError: a reply is gone" in output
    assert "the whole output: .update/paybyrd-tests.log" in output
    assert (project / ".update/paybyrd-tests.log").is_file()
    assert "taken in, breaks-reply; next: mend what is red, then nox -s tests -- tests/contract" in output
    assert list((project / "changes/paybyrd").glob("*.breaks-reply.md"))
    assert "'202'" not in (project / "specs/paybyrd/openapi.yaml").read_text(encoding="utf-8")


def test_a_host_that_no_person_has_listed_is_refused_and_the_contract_alone_can_be_written(
    project: Path, tmp_path: Path, said: Said
) -> None:
    overlay = project / "specs/paybyrd/overlay.yaml"
    overlay.write_text(overlay.read_text(encoding="utf-8").replace("//gateway.paybyrd.com", "//gateway.example.com"))
    before = contents(project)
    page = saved(tmp_path, changed_page(project, "another server"))
    assert update.main(["paybyrd", page], project) == 2
    output = said()
    assert "**credentials:** " in output
    assert (
        "specs/paybyrd/openapi.yaml:13: /servers/0/url: 'https://gateway.example.com' is no https address at a host"
        in output
    )
    assert "refused, credentials; next: mend what is named, then nox -s update -- paybyrd " in output
    assert contents(project) == before
    assert update.main(["paybyrd", page, "--partial"], project) == 1
    assert list((project / "changes/paybyrd").glob("*.credentials.md"))
    assert "gateway.example.com" in (project / "specs/paybyrd/openapi.yaml").read_text(encoding="utf-8")


def test_an_overlay_that_does_not_fit_is_corrected_and_the_verdict_stays_that_of_the_page(
    project: Path, tmp_path: Path, said: Said
) -> None:
    before = contents(project)
    page = saved(tmp_path, changed_page(project, "a renamed property"))
    assert update.main(["paybyrd", page], project) == 1
    assert "an action of the overlay does not fit: nothing is written" in said()
    assert contents(project) == before
    assert update.main(["paybyrd", page, "--partial"], project) == 1
    assert "written as published, and not generated" in said()
    changed = {line[3:] for line in git(project, "status", "--porcelain", "-uall").splitlines()}
    (fragment,) = (path for path in changed if path.startswith("changes/"))
    assert changed == {fragment, "specs/paybyrd/openapi.yaml", "specs/paybyrd/source.toml"}
    overlay = project / "specs/paybyrd/overlay.yaml"
    overlay.write_text(overlay.read_text(encoding="utf-8").replace("isoRemainingAmount", "minorRemainingAmount"))
    assert update.main(["paybyrd", page], project) == 1
    output = said()
    assert "The field `isoRemainingAmount` of `RefundSourceTransactionResponse` is gone" in output
    assert "taken in, breaks-reply" in output
    assert lock.differences(["paybyrd"], project) == []
    assert [path.name for path in (project / "changes/paybyrd").iterdir()] == [Path(fragment).name]


def test_a_new_operation_gets_the_name_that_is_given(project: Path, tmp_path: Path, said: Said) -> None:
    page = saved(tmp_path, changed_page(project, "a new operation"))
    assert update.main(["paybyrd", page, "--name", "POST /api/v2/void=void"], project) == 2
    assert "--name: POST /api/v2/void is not new; the new operations are POST /api/v2/void/{id}" in said()
    assert update.main(["paybyrd", page, "--name", "post /api/v2/void/{id}=void_transaction"], project) == 0
    assert (project / "generated/refundry_paybyrd/api/transactions/void_transaction.py").is_file()
    overlay = (project / "specs/paybyrd/overlay.yaml").read_text(encoding="utf-8")
    assert (
        "  - x-name: operation-id-void-transaction\n"
        "    x-reason: The generated module and functions need a name that is an identifier and stays.\n"
        "    x-source: ours\n"
        "    target: $.paths['/api/v2/void/{id}'].post.operationId\n"
        '    x-expect: "api-transactions-void"\n'
        "    update: void_transaction\n"
    ) in overlay


def test_a_name_is_asked_for_on_a_terminal_alone(pristine: Path, tmp_path: Path) -> None:
    page, asked = changed_page(pristine, "a new operation").encode(), []

    def ask(question: str) -> str:
        asked.append(question)
        raise KeyboardInterrupt

    options = update.Options(pristine, ask=ask)
    with pytest.raises(KeyboardInterrupt):
        update.update("paybyrd", saved(tmp_path, page.decode()), options, lambda _: None)
    assert asked == ["name of the function for POST /api/v2/void/{id} [api_transactions_void]: "]


def test_sentences_that_moved_are_followed_and_a_changed_one_waits_for_a_person(
    project: Path, tmp_path: Path, said: Said
) -> None:
    page = transcribed(project, tmp_path)
    assert update.main(["blink", saved(tmp_path, page)], project) == 0
    assert "unchanged" in said()
    before = contents(project)
    changed = page.replace("Line 27 says amount.", "Line 27 says amount, in minor units.") + "A further sentence.\n"
    assert update.main(["blink", saved(tmp_path, changed)], project) == 1
    output = said()
    assert (
        "/components/schemas/RefundRequest/properties/amount: the sentence of line 27 has changed or is gone" in output
    )
    assert re.search(r"lines of the page that are new and that nothing rests on: 27, \d+\n", output)
    assert contents(project) == before
    assert update.main(["blink", saved(tmp_path, changed), "--read"], project) == 0
    assert update.main(["blink", saved(tmp_path, changed)], project) == 0
    said()
    moved = changed.replace("\n", "\n\n\n", 1)
    assert update.main(["blink", saved(tmp_path, moved)], project) == 0
    assert "page line 29 (" in (project / "specs/blink/openapi.yaml").read_text(encoding="utf-8")
    assert lock.differences(["blink"], project) == []


@pytest.mark.parametrize("step", ["generating the package ...", "running the contract tests"])
def test_a_run_that_is_killed_leaves_the_project_as_it_was(step: str, project: Path, tmp_path: Path) -> None:
    (project / "tests/contract/test_small.py").write_text(
        "import time\n\ndef test_paybyrd() -> None:\n    time.sleep(60)\n", encoding="utf-8"
    )
    page = saved(tmp_path, changed_page(project, "an optional field"))
    before = contents(project)
    command = [sys.executable, "-m", "scripts.contracts.update", "paybyrd", page]
    environment = {**os.environ, "PYTHONPATH": str(project), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout is not None
        assert any(step in line for line in running.stdout)
        os.killpg(running.pid, signal.SIGKILL)
    assert contents(project) == before


def test_a_fetched_page_is_kept_for_the_next_command(
    project: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = changed_page(project, "a renamed property")
    monkeypatch.setattr(fetch, "fetch", functools.partial(lambda page, address: page.encode(), page))
    assert update.main(["paybyrd"], project) == 1
    assert "specs/paybyrd/overlay.yaml, then nox -s update -- paybyrd .update/paybyrd.md\n" in said()
    assert (project / ".update/paybyrd.md").read_text(encoding="utf-8") == page
    assert git(project, "status", "--porcelain") == ""
