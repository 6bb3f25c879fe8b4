"""A package that has passed is not imported again, and one that differs in anything is."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from scripts.packages import gate
from scripts.packages.generate import build
from tests.generation.generated_support import documented


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is remembered what has passed; nothing yet."""
    monkeypatch.setattr(gate, "_CODE", ("code",))
    monkeypatch.setattr(gate, "ROOT", tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code/verify.py").write_text("strict = True\n", encoding="utf-8")
    gate._surroundings.cache_clear()
    return tmp_path / "passed"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    made = tmp_path / "refundry_demo"
    (made / "models").mkdir(parents=True)
    (made / "models/reply.py").write_text("a = 1\n", encoding="utf-8")
    return made


def test_a_package_has_passed_once_it_is_recorded(package: Path, folder: Path) -> None:
    assert not gate.has_passed(package, folder)
    gate.record(package, folder)
    assert gate.has_passed(package, folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda package: (package / "models/reply.py").write_text("a = 2\n", encoding="utf-8"),
        lambda package: (package / "models/reply.py").rename(package / "models/other.py"),
        lambda package: (package / "contract.json").write_text("{}", encoding="utf-8"),
        lambda package: (package.parent / "code/verify.py").write_text("strict = False\n", encoding="utf-8"),
        lambda package: (package.parent / "code/more.py").write_text("", encoding="utf-8"),
    ],
)
def test_another_byte_of_the_package_or_of_the_code_that_compares_is_another_package(
    change: object, package: Path, folder: Path
) -> None:
    gate.record(package, folder)
    assert callable(change)
    change(package)
    gate._surroundings.cache_clear()
    assert not gate.has_passed(package, folder)


def test_the_same_files_under_another_name_are_another_package(package: Path, folder: Path) -> None:
    gate.record(package, folder)
    assert not gate.has_passed(package.rename(package.parent / "refundry_other"), folder)


def test_another_interpreter_or_library_is_another_package(
    package: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.record(package, folder)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "3.99")
        gate._surroundings.cache_clear()
        assert not gate.has_passed(package, folder)
    own = importlib.metadata.version
    monkeypatch.setattr(gate, "version", lambda name: "99" if name == "pydantic" else own(name))
    gate._surroundings.cache_clear()
    assert not gate.has_passed(package, folder)


def test_a_record_that_cannot_be_written_is_no_error(package: Path, folder: Path) -> None:
    folder.write_text("a file", encoding="utf-8")
    gate.record(package, folder)
    assert not gate.has_passed(package, folder)


def test_the_oldest_records_go(package: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_MOST", 2)
    for number in range(4):
        (package / "number").write_text(str(number), encoding="utf-8")
        gate.record(package, folder)
    assert len([*folder.iterdir()]) == 2
    assert gate.has_passed(package, folder)


def test_building_verifies_a_package_until_it_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[str] = []
    monkeypatch.setattr(gate, "record", lambda package: recorded.append(package.name))
    contracts = [(name, documented(name)) for name in ("first", "second")]
    build(contracts, tmp_path, lambda _: None, lambda package: package.name == "refundry_first")
    assert recorded == ["refundry_second"]
