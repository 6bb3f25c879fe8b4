"""The workflows: whose code they run, with which rights, and that each of their commands runs in a fresh clone."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.workflows.repository import ROOT, Repository

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-artifact", "actions/download-artifact"}
WRITES = {
    ("update", "draft"): {"contents", "pull-requests", "issues", "statuses", "actions"},
    ("release", "publish"): {"id-token"},
}
"""The rights to write, of every job that has one."""

# How each command is tried in a fresh clone: what is put after it, and what its programs are. "" runs it as it is.
TRIED: Mapping[str, str] = {
    ".ci/packages": "",
    "python -m pip install --quiet --require-hashes -r requirements/dev.txt": "--dry-run",
    "nox -s ci": "-- --list",
    '.github/scripts/contracts.sh "$BASE" "$RUNNER_TEMP/handover"': "",
    '.github/scripts/update.sh "$PROVIDER" "$RUNNER_TEMP/handover"': "",
    '.github/scripts/draft.sh "$PROVIDER" "$RUNNER_TEMP/handover"': "",
    '.github/scripts/build.sh "$GITHUB_REF_NAME" dist': "",
}
ELSEWHERE: Mapping[str, str] = {
    "nox -s wheel -- dist/*.whl": "the step `wheel` of `nox -s ci` runs it on a wheel of its own",
    '.github/scripts/publish.sh dist "$SUMS"': "test_publish.py runs it against an index",
}


def workflow(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def jobs() -> Iterator[tuple[str, str, Any]]:
    for path in WORKFLOWS:
        for name, job in workflow(path)["jobs"].items():
            yield path.stem, name, job


def commands() -> list[str]:
    return [step["run"] for _, _, job in jobs() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_action_is_one_of_githubs_own_pinned_by_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"\buses: (\S+)(.*)", path.read_text(encoding="utf-8"))
    assert used
    for action, comment in used:
        name, _, commit = action.partition("@")
        assert name in ACTIONS
        assert re.fullmatch(r"[0-9a-f]{40}", commit)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)


def test_an_action_has_the_same_commit_wherever_it_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert len({*re.findall(r"\buses: (\S+) # (\S+)", text)}) == len(ACTIONS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_right_and_each_job_names_its_own(path: Path) -> None:
    read = workflow(path)
    assert read["permissions"] == {}
    for name, job in read["jobs"].items():
        writes = {right for right, level in job["permissions"].items() if level == "write"}
        assert writes == WRITES.get((path.stem, name), set())
        assert 0 < job["timeout-minutes"] <= 45


def test_no_checkout_keeps_its_token() -> None:
    for _, _, job in jobs():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_job_that_can_write_runs_one_script_and_no_python_of_the_project() -> None:
    (draft,) = (job for workflow, name, job in jobs() if (workflow, name) == ("update", "draft"))
    assert [step["run"] for step in draft["steps"] if "run" in step] == [
        '.github/scripts/draft.sh "$PROVIDER" "$RUNNER_TEMP/handover"'
    ]
    text = (ROOT / ".github/scripts/draft.sh").read_text(encoding="utf-8")
    programs = "nox|pip|pytest|python3? -m|git (checkout|switch|reset --hard|merge|apply (?!--cached))"
    starts = rf"^\s*(\S+=\S* )*({programs})\b"
    assert not re.search(starts, text, re.MULTILINE)


def test_the_job_that_publishes_waits_for_an_approval_and_builds_nothing() -> None:
    (publish,) = (job for workflow, name, job in jobs() if (workflow, name) == ("release", "publish"))
    assert (publish["environment"], publish["needs"]) == ("release", "build")
    assert [step["run"] for step in publish["steps"] if "run" in step] == ['.github/scripts/publish.sh dist "$SUMS"']


def test_no_command_is_given_a_value_of_an_event_but_through_the_environment() -> None:
    assert not [command for command in commands() if "${{" in command]


def test_each_command_is_tried_here_or_by_another_test() -> None:
    assert {*commands()} == {*TRIED, *ELSEWHERE}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A clone of what is here, on a runner whose session environments need not be installed."""
    made = Repository(tmp_path_factory.mktemp("clone"))
    left_out = shutil.ignore_patterns(".git", ".nox", "venv", "*_cache", "__pycache__", "dist", "*.log", ".hypothesis")
    shutil.copytree(ROOT, made.folder, dirs_exist_ok=True, ignore=left_out)
    made.commit("Begin", "person@example.com")
    made.git("push", "--quiet", "origin", "main")
    made.program(
        "nox",
        """
if [[ $* != *--install-only ]]; then exec python -m nox "$@"; fi
mkdir -p ".nox/$2/bin"
printf '#!/usr/bin/env bash\nexec python "$@"\n' >".nox/$2/bin/python"
chmod +x ".nox/$2/bin/python"
""",
    )
    return made


@pytest.mark.parametrize("command", TRIED)
def test_the_command_runs_in_a_fresh_clone(clone: Repository, command: str) -> None:
    handover = clone.temporary / "handover"
    if "draft.sh" in command:
        clone.handover("unchanged")
    given = {
        "RUNNER_TEMP": str(clone.temporary),
        "PROVIDER": "blink",  # its page is read by hand, so nothing is fetched
        "BASE": clone.git("rev-parse", "HEAD"),
        "ACCEPTED": "false",
        "GITHUB_REF_NAME": "main" if "draft.sh" in command else "v0.0.0",
    }
    ended = subprocess.run(
        ["bash", "-e", "-c", f"{command} {TRIED[command]}"],
        cwd=clone.folder,
        env={**clone.environment(), **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = ended.stdout + ended.stderr
    if "build.sh" in command:  # no tag of this version: it is built, and not handed on
        assert ended.returncode == 1, said
        assert "the tag is v0.0.0" in said
    else:
        assert ended.returncode == 0, said
    if "update.sh" in command:
        assert (handover / "verdict").read_text(encoding="utf-8") == "not-seen\n"
