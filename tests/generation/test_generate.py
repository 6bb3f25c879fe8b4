"""From the contracts to the packages in their places: the build, and the command that writes, compares and locks."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.contracts.contract import effective
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import PROVIDERS
from scripts.packages import lock
from scripts.packages.generate import build, main
from scripts.packages.trees import tree
from scripts.packages.workers import worker
from tests.generation.generated_support import ROOT, contract, documented, run

# --- the command as the maintainer runs it: the same bytes each time


def test_generating_writes_the_committed_packages_and_lock_over_whatever_was_there(checkout: Path) -> None:
    (checkout / "generated" / "refundry_blink" / "stale.py").write_text("left over\n")
    (checkout / "generated" / "refundry_paybyrd" / "client.py").unlink()
    (checkout / "specs" / "lock.toml").unlink()
    done = run("-m", "scripts.packages.generate", cwd=checkout, PYTHONHASHSEED="1")
    assert (done.returncode, done.stderr) == (0, "")
    counted: list[str] = []
    said: list[str] = []
    for line in done.stdout.splitlines():
        (counted if ": not used: " in line else said).append(line.partition(":")[0])
    assert (counted, said) == (["blink", "paybyrd"], [*PROVIDERS, "written"])
    assert tree(checkout / "generated") == tree(ROOT / "generated")
    assert (checkout / "specs" / "lock.toml").read_bytes() == (ROOT / "specs" / "lock.toml").read_bytes()


def test_checking_finds_the_committed_packages_the_same_with_another_hash_seed_in_a_folder_that_git_ignores(
    tmp_path: Path,
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*\n")
    done = run("-m", "scripts.packages.generate", "--check", PYTHONHASHSEED="2", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines()[-1].startswith("the same: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", ".gitignore"]


# --- the build


def test_building_says_a_line_for_each_provider_and_returns_them(tmp_path: Path) -> None:
    said: list[str] = []
    names = ["first", "second"]
    assert build([(name, documented(name)) for name in names], tmp_path, said.append) == names
    assert [line.partition(":")[0] for line in said] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["refundry_first", "refundry_second"]


def test_whatever_a_tool_says_or_raises_is_one_line_with_the_place_of_what_it_names(tmp_path: Path) -> None:
    refused = (
        (
            {"type": "array", "items": {"$ref": "#/components/schemas/Code"}},
            7,
            "/paths/~1things~1{thing_id}/post",
            "WARNING parsing POST",
        ),
        ({"enum": ["a"], "description": "\ud800"}, 1, "document", "the tool stopped: UnicodeEncodeError"),
    )
    reply = {"type": "object", "properties": {"code": {"$ref": "#/components/schemas/Code"}}}
    with worker("client") as tool:
        for number, (code, line, pointer, problem) in enumerate(refused):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            source = contract(schemas={"Reply": reply, "Code": code})
            (folder / "contract.json").write_text(json.dumps(source))
            document = Document(source, {"": "openapi.yaml:1", pointer: "openapi.yaml:7"})
            tool.start("generate", "demo", folder / "contract.json", folder)
            with pytest.raises(ContractError) as raised:
                tool.finish("demo", document)
            message = str(raised.value)
            assert message.startswith(f"openapi.yaml:{line}: {pointer}: demo: ")
            assert problem in message
            assert "\n" not in message


def test_a_refused_contract_ends_the_build_with_its_name_and_leaves_nothing(tmp_path: Path) -> None:
    contracts = [("good", documented("good")), ("bad", documented("bad", replies={"2x0": None}))]
    with pytest.raises(ContractError, match=r"specs/bad/openapi.yaml:1: /paths/~1things~1\{thing_id}/post: bad: "):
        build(contracts, tmp_path, lambda _: None)
    assert "refundry_bad" not in {path.name for path in tmp_path.iterdir()}


def test_a_tool_that_stops_ends_the_build_with_the_last_line_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openapi_python_client.py").write_text("raise RuntimeError('broken tool')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    stopped = "demo: the generator of the client stopped: RuntimeError: broken tool"
    problem = rf"^scripts/packages/generators\.py:1: {stopped}; install"
    with pytest.raises(ContractError, match=problem):
        build([("demo", documented("demo"))], tmp_path / "out", lambda _: None)
    assert not (tmp_path / "out").exists()


def test_a_tool_that_does_not_end_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openapi_python_client.py").write_text("import time\ntime.sleep(100)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("scripts.packages.workers.LONGEST_SECONDS", 0.5)
    problem = r"specs/demo/openapi.yaml:1: document: demo: the generator of the client did not end within 0.5 s"
    with pytest.raises(ContractError, match=problem):
        build([("demo", documented("demo"))], tmp_path / "out", lambda _: None)


WRITES_FOR_EVER = """
import itertools, os, pathlib
def __getattr__(name):
    if name != "Project":
        raise AttributeError(name)
    folder = next(pathlib.Path(os.environ["TMPDIR"]).glob("*/good"))
    for number in itertools.count():
        (folder / str(number)).touch()
"""


def test_a_refusal_while_a_tool_is_still_writing_is_that_refusal_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, scratch = tmp_path / "tool" / "openapi_python_client", tmp_path / "scratch"
    tool.mkdir(parents=True)
    scratch.mkdir()
    (tool / "__init__.py").write_text(WRITES_FOR_EVER)
    (tool / "config.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "tool"))
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))

    def contracts() -> Iterator[tuple[str, Document]]:
        yield "good", documented("good")
        deadline = time.monotonic() + 60
        while len(list(scratch.glob("*/good/*"))) < 50:
            assert time.monotonic() < deadline, "the tool does not write"
            time.sleep(0.01)
        raise ContractError("the next one is refused")

    with pytest.raises(ContractError, match=r"^the next one is refused$"):
        build(contracts(), tmp_path / "out", lambda _: None)
    assert list(scratch.iterdir()) == []


# --- the command

from_packages_built_before = pytest.mark.usefixtures("built_before")


@from_packages_built_before
def test_checking_a_changed_folder_prints_the_diff_and_changes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "generated" / "refundry_blink" / "stale.py").write_text("left over\n")
    (project / "generated" / "refundry_blink" / "py.typed").unlink()
    (project / "specs" / "lock.toml").unlink()
    before = tree(project)
    assert main(["--check", "--provider", "blink"], project) == 1
    text = capsys.readouterr().out
    assert "--- refundry_blink/stale.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-left over\n" in text
    assert "refundry_blink: differs from its contract\n" in text
    assert "blink: tree is not what the lock says" in text
    assert text.splitlines()[-1].startswith("DIFFERENT: refundry_blink, ")
    assert tree(project) == before


@from_packages_built_before
def test_the_lock_is_about_generated_alone(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "specs" / "lock.toml").unlink()
    elsewhere = str(tmp_path / "elsewhere")
    assert main(["--output", elsewhere], project) == 0
    assert main(["--check", "--output", elsewhere], project) == 0
    assert "lock" not in capsys.readouterr().out
    assert not (project / "specs" / "lock.toml").exists()


@from_packages_built_before
def test_generating_one_provider_replaces_its_package_alone(tmp_path: Path) -> None:
    for name in ("refundry_blink", "refundry_lab4pay"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stale.py").touch()
    assert main(["--provider", "blink", "--output", str(tmp_path)]) == 0
    assert tree(tmp_path / "refundry_blink") == tree(ROOT / "generated" / "refundry_blink")
    assert tree(tmp_path / "refundry_lab4pay") == {"stale.py": b""}


@from_packages_built_before
def test_generating_brings_the_lock_back_and_checking_then_finds_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "specs" / "lock.toml").unlink()
    assert main([], project) == 0
    assert (project / "specs" / "lock.toml").read_bytes() == (ROOT / "specs" / "lock.toml").read_bytes()
    assert main(["--check"], project) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("the same: ")


@from_packages_built_before
def test_generating_one_provider_leaves_the_lock_entries_of_the_others(project: Path) -> None:
    with (project / "specs" / "lab4pay" / "overlay.yaml").open("a") as text:
        text.write("# changed\n")
    assert main(["--provider", "blink"], project) == 0
    assert lock.recorded(project) == lock.recorded()


@from_packages_built_before
def test_generating_beside_a_lock_that_cannot_be_read_is_one_line_and_nothing_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "specs" / "lock.toml").write_text("blink = 1\n")
    (project / "generated" / "refundry_blink" / "client.py").unlink()
    before = tree(project)
    assert main(["--provider", "blink"], project) == 2
    assert tree(project) == before
    error = capsys.readouterr().err
    assert error.startswith("error: specs/lock.toml:1: ")
    assert error.count("\n") == 1


@from_packages_built_before
def test_generating_into_a_path_that_is_not_a_folder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["--provider", "blink", "--output", str(tmp_path / "file" / "out")]) == 2
    assert re.fullmatch(r"error: [^\n]*:1: [^\n]*; [^\n]*\n", capsys.readouterr().err)


def test_an_unknown_provider_is_one_line_on_standard_error_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--provider", "nobody", "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "nobody" in error
    assert not (tmp_path / "out").exists()


def test_the_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "1 --check found a difference" in " ".join(capsys.readouterr().out.split())


def test_a_contract_in_a_package_can_be_read_as_a_resource() -> None:
    done = run(
        "-c",
        "import importlib.resources as r; print(r.files('refundry_blink').joinpath('contract.json').read_text())",
        PYTHONPATH=str(ROOT / "generated"),
    )
    assert json.loads(done.stdout) == effective("blink")
