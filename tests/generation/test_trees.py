"""Files and packages are written whole or not at all, and the next run removes the leftovers of a killed one."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.files import replace_together, swap
from scripts.packages.trees import diff, strays, tree
from tests.generation.generated_support import ROOT
from tests.generation.specs_support import CONTRACT

ERROR = re.compile(r"error: [^\n]*:1: [^\n]*; [^\n]*\n")


def on_a_full_disk(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run this interpreter where no file can grow beyond some bytes: an OSError, as of a disk that is full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    return subprocess.run(
        [sys.executable, "-B", *command],
        cwd=ROOT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_files_are_written_whole_or_not_at_all_on_a_full_disk(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).write_text(f"old {name}")
    code = (
        "import sys; from pathlib import Path; from scripts.files import replace_together as r; p = Path(sys.argv[1]);"
        "r({p / 'first': 'new', p / 'second': 'x' * 1000, p / 'folder' / 'third': 'new'})"
    )
    done = on_a_full_disk("-c", code, str(tmp_path))
    assert done.stderr.splitlines()[-1].startswith("OSError: [Errno 27]")
    assert tree(tmp_path) == {"first": b"old first", "second": b"old second"}


def test_what_a_killed_run_left_beside_a_file_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".scratch-file").write_text("half")
    (tmp_path / ".scratch-folder" / "deep").mkdir(parents=True)
    (tmp_path / ".scratch-link").symlink_to(tmp_path)
    (tmp_path / "other").write_text("stays")
    replace_together({tmp_path / "one": "1", tmp_path / "two": "2"})
    assert tree(tmp_path) == {"one": b"1", "other": b"stays", "two": b"2"}
    assert strays(tmp_path, ["one", "other", "two"]) == []


def test_what_a_killed_run_left_beside_the_packages_is_removed_by_the_next(tmp_path: Path) -> None:
    fresh, output = tmp_path / "fresh", tmp_path / "output"
    for folder in (fresh / "package", output / ".scratch-1" / "package.old", output / "other"):
        folder.mkdir(parents=True)
        (folder / "file.py").touch()
    swap(fresh, ["package"], output)
    assert sorted(path.name for path in output.iterdir()) == ["other", "package"]


@pytest.mark.parametrize("target", [".", "nowhere"])
def test_a_package_takes_the_place_of_a_link_and_what_the_link_leads_to_stays(tmp_path: Path, target: str) -> None:
    fresh, output, elsewhere = tmp_path / "fresh", tmp_path / "output", tmp_path / "elsewhere"
    for folder in (fresh / "package", output, elsewhere):
        folder.mkdir(parents=True)
        (folder / "file.py").touch()
    (output / "package").symlink_to(elsewhere / target)
    swap(fresh, ["package"], output)
    assert not (output / "package").is_symlink()
    assert tree(output / "package") == {"file.py": b""}
    assert tree(elsewhere) == {"file.py": b""}


def test_a_link_and_a_mode_make_another_tree(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "plain.py").write_bytes(b"x\n")
    (package / "mode.py").write_bytes(b"x\n")
    (package / "mode.py").chmod(0o755)
    (package / "link.py").symlink_to("plain.py")
    (package / "folder").symlink_to("/")
    assert tree(package) == {
        "folder": b"(a symbolic link to /)\n",
        "link.py": b"(a symbolic link to plain.py)\n",
        "mode.py": b"(executable)\nx\n",
        "plain.py": b"x\n",
    }
    (tmp_path / "linked").symlink_to(package)
    assert tree(tmp_path / "linked") == {".": f"(a symbolic link to {package})\n".encode()}


def test_swapping_leaves_no_old_file_and_no_other_trace(tmp_path: Path) -> None:
    fresh, output = tmp_path / "fresh", tmp_path / "output"
    for folder, name in ((fresh, "new.py"), (output, "stale.py")):
        (folder / "package").mkdir(parents=True)
        (folder / "package" / name).write_text(name)
    (output / "other").mkdir()
    swap(fresh, ["package"], output)
    assert tree(output / "package") == {"new.py": b"new.py"}
    assert sorted(path.name for path in output.iterdir()) == ["other", "package"]


def test_swapping_takes_no_old_package_away_before_every_new_one_is_there(tmp_path: Path) -> None:
    fresh, output = tmp_path / "fresh", tmp_path / "output"
    for folder, name in ((fresh, "new.py"), (output, "old.py")):
        (folder / "first").mkdir(parents=True)
        (folder / "first" / name).touch()
    with pytest.raises(FileNotFoundError):
        swap(fresh, ["first", "missing"], output)
    assert tree(output) == {"first/old.py": b""}


def test_a_diff_shows_changed_added_and_removed_files_and_is_empty_for_equal_trees() -> None:
    old = {"same": b"1\n", "changed": b"1\n", "removed": b"1\n", "ends": b"1\r\n"}
    new = {"same": b"1\n", "changed": b"2\n", "added": b"1\n", "ends": b"1\n"}
    text = diff(old, new, "old", "new")
    assert "--- old/changed\n+++ new/changed\n@@ -1 +1 @@\n-1\n+2\n" in text
    assert "--- /dev/null\n+++ new/added\n" in text
    assert "--- old/removed\n+++ /dev/null\n" in text
    assert "new/ends: the line ends differ" in text
    assert "same" not in text
    assert diff(old, old, "old", "old") == ""


# --- the commands


def test_generating_on_a_full_disk_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    done = on_a_full_disk("-m", "scripts.packages.generate", "--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert ERROR.fullmatch(done.stderr), done.stderr
    assert not (tmp_path / "out").exists()


def test_taking_a_page_on_a_full_disk_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(f"```yaml\n{CONTRACT}```\n")
    done = on_a_full_disk(
        *("-m", "scripts.contracts.ingest", "paybyrd", str(tmp_path / "page.md"), "--specs", str(tmp_path / "specs")),
        *("--address", "https://docs.example.com/a"),
    )
    assert done.returncode == 2
    assert ERROR.fullmatch(done.stderr), done.stderr
    assert done.stderr.endswith("; nothing was written\n")
    assert tree(tmp_path / "specs") == {}
