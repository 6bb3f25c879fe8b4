"""A change request that touches specs/: what it changes in the contracts, and when its check fails."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import review
from tests.workflows.repository import Repository

PATH = "generated/refundry_paybyrd/contract.json"


def contract(*codes: str) -> str:
    """A contract whose reply has a text for each of these names."""
    schema = {"type": "object", "properties": {code: {"type": "string"} for code in codes}}
    reply = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "get_payment", "responses": {"200": reply}}
    info = {"title": "Payments", "version": "1"}
    return json.dumps({"openapi": "3.0.3", "info": info, "paths": {"/payments": {"get": operation}}})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.write(PATH, contract("code", "amount"))
    made.commit("Take it in", "person@example.com")
    # The tools of the project, as far as generating goes: they leave what is there.
    made.program(
        "nox",
        f"""
mkdir -p .nox/generate/bin
printf '*\\n' >.nox/.gitignore
cat >.nox/generate/bin/python <<'PYTHON'
#!/usr/bin/env bash
if [[ $2 == scripts.review ]]; then shift 2; exec {sys.executable} "$HOME/review.py" "$@"; fi
if [[ $2 == scripts.packages.generate && -e stale ]]; then echo newer >>generated/file; fi
PYTHON
chmod +x .nox/generate/bin/python""",
    )
    (made.temporary / "review.py").write_text(
        f"""
import sys
from pathlib import Path
sys.path[:0] = {sys.path!r}
from scripts import review
sys.exit(review.main(sys.argv[1:], Path.cwd()))
""",
        encoding="utf-8",
    )
    return made


def changed(repository: Repository, *codes: str) -> None:
    repository.write(PATH, contract(*codes))
    repository.commit("Change it", "person@example.com")


@pytest.mark.parametrize(
    ("codes", "code"),
    [(("code", "amount"), 0), (("code", "amount", "currency"), 0), (("code",), 1), (("code", "sum"), 1)],
)
def test_the_command_ends_with_1_where_something_breaks(
    repository: Repository, codes: tuple[str, ...], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = repository.git("rev-parse", "HEAD")
    changed(repository, *codes)
    report = tmp_path / "report.md"
    assert review.main([base, "--report", str(report)], repository.folder) == code
    assert report.read_text(encoding="utf-8").strip() == capsys.readouterr().out.strip()
    written: Any = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    assert bool(written["paybyrd"]["changes"]) == (codes != ("code", "amount"))


def test_a_commit_that_is_not_there_is_an_error_and_no_verdict(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review.main(["0" * 40], repository.folder) == 2
    assert "fetch it first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("codes", "accepted", "stale", "code"),
    [
        (("code", "amount", "currency"), "false", False, 0),
        (("code",), "false", False, 1),
        (("code",), "", False, 1),
        (("code",), "true", False, 0),
        (("code", "amount"), "false", True, 1),
        (("code",), "true", True, 1),
    ],
)
def test_the_check_fails_for_what_breaks_until_a_person_accepts_it_and_for_what_was_not_generated(
    repository: Repository, codes: tuple[str, ...], accepted: str, stale: bool, code: int
) -> None:
    base = repository.git("rev-parse", "HEAD")
    if stale:
        repository.write("stale", "")
    changed(repository, *codes)
    handover = repository.temporary / "handover"
    ended = repository.run("contracts.sh", base, str(handover), ACCEPTED=accepted)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert ("generated/file" in (handover / "patch").read_text(encoding="utf-8")) == stale
    assert (handover / "report.md").read_text(encoding="utf-8").startswith("# paybyrd")
    assert ("breaking change accepted" in ended.stdout) == (codes == ("code",) and accepted != "true")


def test_a_base_that_was_not_fetched_fails_the_check(repository: Repository) -> None:
    ended = repository.run("contracts.sh", "0" * 40, str(repository.temporary / "handover"), ACCEPTED="true")
    assert ended.returncode == 1
