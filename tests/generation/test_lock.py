"""The lock names every change since the packages were generated."""

import hashlib
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.contracts.errors import ContractError
from scripts.contracts.providers import PROVIDERS
from scripts.packages import lock
from scripts.packages.trees import tree
from tests.generation.conftest import TEMPLATES
from tests.generation.generated_support import ROOT

KEYS = {"page", "source", "contract", "overlay", "contradictions", "configuration", "templates", *lock.TOOLS, "tree"}


def test_the_lock_is_about_every_provider_and_every_thing_a_package_is_made_from() -> None:
    recorded = lock.recorded()
    assert set(recorded) == set(PROVIDERS)
    for entries in recorded.values():
        assert set(entries) == KEYS
        assert "missing" not in entries.values()


def test_the_committed_lock_agrees_with_the_committed_tree() -> None:
    assert lock.differences(PROVIDERS) == []


def test_a_clean_checkout_agrees(project: Path) -> None:
    assert lock.differences(PROVIDERS, project) == []


@pytest.mark.parametrize(
    ("file", "entry"),
    [
        ("generated/refundry_blink/client.py", "tree is not what the lock says (generated/refundry_blink/)"),
        ("specs/blink/openapi.yaml", "contract is not what the lock says (specs/blink/openapi.yaml)"),
        ("specs/blink/overlay.yaml", "overlay is not what the lock says (specs/blink/overlay.yaml)"),
        ("specs/blink/source.toml", "source is not what the lock says (specs/blink/source.toml)"),
        (
            "specs/blink/contradictions.toml",
            "contradictions is not what the lock says (specs/blink/contradictions.toml)",
        ),
    ],
)
def test_a_changed_file_is_one_line_and_one_other_entry(project: Path, file: str, entry: str) -> None:
    with (project / file).open("a") as text:
        text.write("# changed\n")
    before = tree(project)
    hand_edited = "blink: contract is not what was taken from the page (run `nox -s ingest` on the page)"
    expected = [f"blink: {entry}", *([hand_edited] if file.endswith("openapi.yaml") else [])]
    assert lock.differences(PROVIDERS, project) == expected
    recorded, now = lock.recorded(project)["blink"], lock.current("blink", project)
    assert {key for key in KEYS if recorded[key] != now[key]} == {entry.partition(" ")[0]}
    assert tree(project) == before


def test_a_changed_template_is_a_line_for_every_provider(project: Path) -> None:
    with (project / TEMPLATES / "openapi_python_client" / "types.py.jinja").open("a") as text:
        text.write("\n")
    assert lock.differences(PROVIDERS, project) == [
        f"{provider}: templates is not what the lock says (the templates in {TEMPLATES}/)" for provider in PROVIDERS
    ]


def test_another_page_is_a_line(project: Path) -> None:
    source = project / "specs" / "lab4pay" / "source.toml"
    recorded = tomllib.loads(source.read_text(encoding="utf-8"))["page_sha256"]
    source.write_text(source.read_text(encoding="utf-8").replace(recorded, hashlib.sha256(b"").hexdigest()))
    page = "lab4pay: page is not what the lock says (the published page, by specs/lab4pay/source.toml)"
    assert page in lock.differences(PROVIDERS, project)


def moved_away(path: Path) -> None:
    """Replace a file or folder by a link to its new place."""
    project = next(parent for parent in path.parents if (parent / "specs").is_dir())
    path.symlink_to(path.rename(project / f"moved-{path.name}"))


DRIFTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a stray file": (lambda generated: (generated / "notes.py").touch(), "generated/notes.py: no contract makes it"),
    "a dropped provider's package": (
        lambda generated: shutil.copytree(generated / "refundry_blink", generated / "refundry_gone"),
        "generated/refundry_gone: no contract makes it",
    ),
    "a killed run's left-over": (
        lambda generated: shutil.copytree(generated / "refundry_blink", generated / ".scratch-x" / "refundry_blink"),
        "generated/.scratch-x: no contract makes it",
    ),
    "a link beside the packages": (
        lambda generated: (generated / "link").symlink_to("refundry_blink"),
        "generated/link: no contract makes it",
    ),
    "a file that is a link": (
        lambda generated: moved_away(generated / "refundry_blink" / "client.py"),
        "blink: tree is not what the lock says",
    ),
    "a package that is a link": (
        lambda generated: moved_away(generated / "refundry_blink"),
        "blink: tree is not what the lock says",
    ),
    "a mode": (
        lambda generated: (generated / "refundry_blink" / "client.py").chmod(0o755),
        "blink: tree is not what the lock says",
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_whatever_in_generated_is_not_what_the_contracts_make_is_a_line(project: Path, drift: str) -> None:
    change, start = DRIFTS[drift]
    change(project / "generated")
    assert [line for line in lock.differences(PROVIDERS, project) if line.startswith(start)]


def test_what_the_interpreter_or_a_removed_module_leaves_behind_is_no_difference(project: Path) -> None:
    (project / "generated" / "refundry_gone" / "__pycache__").mkdir(parents=True)
    (project / "generated" / "refundry_gone" / "__pycache__" / "x.pyc").touch()
    (project / "generated" / "__pycache__").mkdir()
    assert lock.differences(PROVIDERS, project) == []


def test_a_name_that_is_no_provider_is_a_line_and_goes_with_the_next_generation(project: Path) -> None:
    with (project / "specs" / "lock.toml").open("a") as text:
        text.write('\n[gone]\ntree = "missing"\n')
    assert lock.differences(PROVIDERS, project) == ["gone: the lock has it, and it is no provider"]
    lock.write([], project)
    assert lock.differences(PROVIDERS, project) == []


def test_a_clone_with_the_line_ends_of_another_system_agrees(project: Path) -> None:
    shutil.copy(ROOT / ".gitattributes", project)
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        subprocess.run([*git, *command], cwd=project, check=True, timeout=60)
    clone = ("clone", "-q", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", str(project), str(project / "clone"))
    subprocess.run([*git, *clone], check=True, timeout=60)
    assert lock.differences(PROVIDERS, project / "clone") == []


@pytest.mark.parametrize("tool", lock.TOOLS)
def test_another_version_of_a_tool_is_a_line_for_every_provider(monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    monkeypatch.setattr(lock, "version", lambda name: "99.0" if name == tool else version(name))
    assert lock.differences(PROVIDERS) == [
        f"{provider}: {tool} is not what the lock says (the installed version of {tool})" for provider in PROVIDERS
    ]
    assert lock.current("blink")[tool] == "99.0"


def test_another_configuration_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "CONFIGURATION", {})
    about = "the generators' configuration in scripts/packages/generators.py"
    assert lock.differences(["blink"]) == [f"blink: configuration is not what the lock says ({about})"]


def test_what_is_not_there_is_called_missing(project: Path) -> None:
    shutil.rmtree(project / "generated" / "refundry_blink")
    (project / "specs" / "blink" / "source.toml").unlink()
    entries = lock.current("blink", project)
    assert {key for key, value in entries.items() if value == "missing"} == {"page", "source", "tree"}


def test_a_project_without_a_lock_differs_in_everything(project: Path) -> None:
    (project / "specs" / "lock.toml").unlink()
    lines = lock.differences(PROVIDERS, project)
    assert len(lines) == len(PROVIDERS) * len(KEYS)
    assert all("is not what the lock says" in line for line in lines)


@pytest.mark.parametrize("text", ["[blink\n", "blink = 1\n", "[blink]\ntree = 5\n", "[[blink]]\n", "\udcff"])
def test_a_lock_that_cannot_be_read_is_an_error_of_one_line_and_nothing_is_written(project: Path, text: str) -> None:
    (project / "specs" / "lock.toml").write_bytes(text.encode(errors="surrogateescape"))
    before = tree(project)
    for use in (lock.differences, lock.write):
        with pytest.raises(ContractError, match=r"^specs/lock\.toml:1: [^\n]+$"):
            use(PROVIDERS, project)
    assert tree(project) == before


def test_a_tree_hash_is_about_paths_bytes_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.py", "a/c.py", "a/__pycache__/c.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    files = tree(tmp_path)
    assert sorted(files) == ["a/c.py", "b.py"]
    hashes = {
        lock.tree_hash(files),
        lock.tree_hash({**files, "b.py": b"changed"}),
        lock.tree_hash({"a/c.py": files["a/c.py"], "moved.py": files["b.py"]}),
        lock.tree_hash({"a/c.py": files["a/c.py"]}),
        lock.tree_hash({}),
    }
    assert len(hashes) == 5
    assert lock.tree_hash(dict(reversed(files.items()))) == lock.tree_hash(files)
