"""Files and packages are written whole or not at all, and what a killed run left is gone after the next one."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.files import replace_together, swap
from scripts.packages.trees import strays, tree
from tests.generation.generated_support import ROOT, run
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


# --- the commands


def test_generating_on_a_full_disk_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    done = on_a_full_disk("-m", "scripts.packages.generate", "--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert ERROR.fullmatch(done.stderr), done.stderr
    assert not (tmp_path / "out").exists()


def test_generating_into_what_is_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("-m", "scripts.packages.generate", "--provider", "blink", "--output", str(tmp_path / "file" / "out"))
    assert done.returncode == 2
    assert ERROR.fullmatch(done.stderr), done.stderr


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
