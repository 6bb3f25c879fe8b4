"""The result of an update is moved in whole: after a kill, the project is as it was, or the next run finishes it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scripts.contracts import workspace
from scripts.contracts.errors import ContractError

ROOT = Path(__file__).resolve().parents[2]
# What a move is about: a file that changes, one that goes with its folder, one that is new in a new folder.
OLD = {"specs/a/openapi.yaml": "old", "generated/p/models/gone.py": "old", "docs/a.md": "old"}
NEW: dict[str, str | None] = {
    "specs/a/openapi.yaml": "new",
    "generated/p/models/gone.py": None,
    "changes/a/1.md": "new",
}
DONE = {"specs/a/openapi.yaml": "new", "docs/a.md": "old", "changes/a/1.md": "new"}
# Makes the move, and signals itself at the N-th operation on a file; says so where it reached the end.
CHILD = """\
import json, os, sys
from pathlib import Path
from scripts.contracts import workspace
root, last, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[4])
before, changes = json.loads(sys.argv[3])
seen = 0
def count(event, arguments):
    global seen
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree"):
        seen += 1
        if seen == last:
            os.kill(os.getpid(), number)
with workspace.locked(root):
    sys.addaudithook(count)
    workspace.finish(root)
    workspace.move_in(root, before, {path: text and text.encode() for path, text in changes.items()})
print("done")
"""


def project(root: Path) -> Path:
    for path, text in OLD.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def contents(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file() and workspace.FOLDER not in path.parts
    }


def hashes() -> dict[str, str]:
    return {path: hashlib.sha256(text.encode()).hexdigest() for path, text in OLD.items()}


def move(root: Path) -> None:
    with workspace.locked(root):
        workspace.move_in(root, hashes(), {path: text.encode() if text else None for path, text in NEW.items()})


def killed(root: Path, at: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Run the move in a process of its own that is ended at its operation `at`; return whether it was."""
    arguments = [sys.executable, "-c", CHILD, str(root), str(at), json.dumps([hashes(), NEW]), str(int(number))]
    done = subprocess.run(
        arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode in (0, -number), done.stderr.decode()
    return done.returncode != 0


def test_a_move_writes_all_files_and_removes_what_is_gone_with_its_empty_folder(tmp_path: Path) -> None:
    move(project(tmp_path))
    assert contents(tmp_path) == DONE
    assert not (tmp_path / "generated").exists()
    assert [path.name for path in (tmp_path / workspace.FOLDER).iterdir()] == ["lock"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_move_that_is_ended_at_any_operation_is_undone_or_finished_by_the_next_run(
    tmp_path: Path, number: signal.Signals
) -> None:
    undone = finished = 0
    root = tmp_path
    for at in range(1, 500):
        root = project(tmp_path / str(at))
        if not killed(root, at, number):
            break
        if not workspace.unfinished(root):
            assert contents(root) in (OLD, DONE)
            undone += contents(root) == OLD
        with workspace.locked(root):
            finished += workspace.finish(root) > 0
        assert contents(root) in (OLD, DONE)
        assert [path.name for path in (root / workspace.FOLDER).iterdir()] == ["lock"]
    assert contents(root) == DONE
    assert min(undone, finished) >= 5


def test_a_file_that_was_changed_meanwhile_stops_the_move_before_anything_is_written(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "specs/a/openapi.yaml").write_text("a person's", encoding="utf-8")
    with pytest.raises(
        ContractError, match=r"^specs/a/openapi.yaml:1: it was changed while the update ran; nothing was"
    ):
        move(root)
    assert contents(root) == {**OLD, "specs/a/openapi.yaml": "a person's"}


def test_a_file_that_a_person_has_made_meanwhile_stops_the_move(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "changes/a").mkdir(parents=True)
    (root / "changes/a/1.md").write_text("a person's", encoding="utf-8")
    with pytest.raises(ContractError, match=r"^changes/a/1.md:1: it was changed while the update ran"):
        move(root)
    assert contents(root)["changes/a/1.md"] == "a person's"


def test_a_file_that_is_changed_after_a_killed_move_is_not_replaced_when_it_is_finished(tmp_path: Path) -> None:
    at, root = 0, tmp_path
    while not workspace.unfinished(root):
        at += 1
        root = project(tmp_path / str(at))
        assert killed(root, at)
    (root / "docs/a.md").write_text("a person's", encoding="utf-8")
    (root / "specs/a/openapi.yaml").write_text("a person's", encoding="utf-8")
    with pytest.raises(ContractError, match=r"^specs/a/openapi.yaml:1: it was changed after an update .* put it back"):
        workspace.finish(root)
    assert contents(root) == {**OLD, "docs/a.md": "a person's", "specs/a/openapi.yaml": "a person's"}
    (root / "specs/a/openapi.yaml").write_text("old", encoding="utf-8")
    assert workspace.finish(root) == len(NEW)
    assert contents(root) == {**DONE, "docs/a.md": "a person's"}


def test_two_updates_at_the_same_time_are_refused(tmp_path: Path) -> None:
    refused = pytest.raises(ContractError, match="another update is running")
    with workspace.locked(tmp_path), refused, workspace.locked(tmp_path):
        pass


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def repository(root: Path) -> Path:
    project(root)
    (root / ".gitignore").write_text("ignored/\n", encoding="utf-8")
    git(root, "init", "-q")
    git(root, "add", "-A")
    return root


def test_a_copy_holds_what_git_tracks_and_what_is_not_committed_and_nothing_that_is_ignored(tmp_path: Path) -> None:
    root = repository(tmp_path)
    (root / "ignored").mkdir()
    (root / "ignored/big").write_text("x", encoding="utf-8")
    (root / "docs/a.md").write_text("edited", encoding="utf-8")
    (root / "docs/new.md").write_text("new", encoding="utf-8")
    (root / "generated/p/models/gone.py").unlink()
    with workspace.copied(root) as copy:
        assert sorted(copy.before) == [".gitignore", "docs/a.md", "docs/new.md", "specs/a/openapi.yaml"]
        assert (copy.root / "docs/a.md").read_text(encoding="utf-8") == "edited"
        assert copy.changes() == {}
        (copy.root / "docs/a.md").unlink()
        (copy.root / "docs/b.md").write_text("b", encoding="utf-8")
        assert copy.changes() == {"docs/a.md": None, "docs/b.md": b"b"}
    assert not copy.root.exists()
    assert (root / "docs/a.md").read_text(encoding="utf-8") == "edited"


def test_a_folder_without_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The temporary folder of the tests may lie in a clone.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ContractError, match="run it in a clone of the project"), workspace.copied(tmp_path):
        pass


def test_tests_in_the_copy_import_the_packages_of_the_copy_and_not_those_of_an_installation() -> None:
    asks = textwrap.dedent("""
        import importlib, pathlib, pytest
        @pytest.mark.parametrize("name", ["refundry", "refundry_blink", "refundry_paybyrd", "scripts.files", "tests"])
        def test_it(name):
            module = importlib.import_module(name)
            place = pathlib.Path(next(iter(module.__path__)) if hasattr(module, "__path__") else module.__file__)
            assert place.is_relative_to(pathlib.Path.cwd()), place
    """)
    with workspace.copied(ROOT) as copy:
        copy.refuse_other_code()
        (copy.root / "tests/test_where.py").write_text(asks, encoding="utf-8")
        done = copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_where.py", seconds=60)
        assert "5 passed" in done.stdout, done.stdout


def test_code_that_is_not_the_copys_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="not the copy's own code"):
        workspace.Copy(tmp_path, {}).refuse_other_code()


def test_a_command_in_the_copy_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"^python -c .*: not done after 0.2 s"):
        workspace.Copy(tmp_path, {}).run("-c", "import time; time.sleep(60)", seconds=0.2)
