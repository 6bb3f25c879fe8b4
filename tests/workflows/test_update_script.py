"""The job without a token that can write: what it hands over for each way in which the command can end."""

from pathlib import Path

import pytest

from tests.workflows.repository import Repository

CONTRACT = "specs/paybyrd/openapi.yaml"
NOX = """
[[ $* == "-s update --install-only" ]]
mkdir -p .nox/update/bin
printf '*\\n' >.nox/.gitignore
cp "$HOME/command" .nox/update/bin/python
chmod +x .nox/update/bin/python"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.program("nox", NOX)
    return made


def handed_over(repository: Repository, code: int, *commands: str) -> tuple[int, Path]:
    """Let the command do this and end with this code; return the code of the script, and what it handed over."""
    asked = '[[ "$1 $2 $3 $4 $5" == "-m scripts.contracts.update paybyrd --partial --report" ]] || exit 99'
    lines = ["#!/usr/bin/env bash", asked, 'echo "what changed" >"$6"', *commands, "echo said", f"exit {code}"]
    (repository.temporary / "command").write_text("\n".join(lines), encoding="utf-8")
    handover = repository.temporary / "handover"
    return repository.run("update.sh", "paybyrd", str(handover)).returncode, handover


CHANGE = f"echo 'openapi: 3.0.2' >{CONTRACT}"


@pytest.mark.parametrize(
    ("ends", "commands", "verdict", "code", "seen"),
    [
        (0, [], "unchanged", 0, "true"),
        (0, [CHANGE], "fits", 0, "true"),
        (1, [CHANGE], "breaks", 1, "true"),
        (1, [], "breaks", 1, "true"),
        (2, [], "refused", 1, "true"),
        (3, [], "not-seen", 0, "false"),
        (1, ['rm "$6"'], "refused", 1, "true"),  # a crash of Python
        (137, [], "refused", 1, "true"),
        (99, [], "refused", 1, "true"),
    ],
)
def test_the_verdict_is_that_of_the_command_and_only_what_breaks_or_is_refused_fails_the_job(
    repository: Repository, ends: int, commands: list[str], verdict: str, code: int, seen: str
) -> None:
    ended, handover = handed_over(repository, ends, *commands)
    assert ((handover / "verdict").read_text(encoding="utf-8"), ended) == (f"{verdict}\n", code)
    assert (repository.temporary / "output").read_text(encoding="utf-8") == f"seen={seen}\n"
    assert (handover / "log").read_text(encoding="utf-8") == "said\n"


def test_the_patch_has_every_change_new_and_removed_files_too(repository: Repository) -> None:
    commands = (CHANGE, "mkdir -p changes/paybyrd", "echo new >changes/paybyrd/a.adds.md", "git rm -q noxfile.py")
    _, handover = handed_over(repository, 0, *commands)
    patch = (handover / "patch").read_text(encoding="utf-8")
    for path in (CONTRACT, "changes/paybyrd/a.adds.md", "noxfile.py"):
        assert f"diff --git a/{path} b/{path}" in patch
    assert ".nox" not in patch


@pytest.mark.parametrize("ends", [0, 1])
def test_what_one_job_hands_over_the_other_makes_a_draft_of(tmp_path: Path, ends: int) -> None:
    repository = Repository(tmp_path)
    repository.program("nox", NOX)
    _, handover = handed_over(repository, ends, CHANGE)
    repository.git("reset", "--quiet", "--hard")
    ended = repository.run("draft.sh", "paybyrd", str(handover))
    assert ended.returncode == 0, ended.stderr
    assert repository.remote("update/paybyrd", CONTRACT) == "openapi: 3.0.2"
    assert [status["state"] for status in repository.state()["statuses"]] == [["success", "failure"][ends]]
