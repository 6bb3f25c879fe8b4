"""A contract is validated where it, its overlay or a validator is another than when the lock was written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.contracts import checks
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError
from scripts.packages import lock
from scripts.packages.generate import main

PAGE, OVERLAY = "specs/blink/openapi.yaml", "specs/blink/overlay.yaml"


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    """The contracts that were validated."""
    found: list[Document] = []
    monkeypatch.setattr(checks, "refuse_invalid", found.append)
    return found


def append(text: str, *, to: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        with (project / to).open("a", encoding="utf-8") as file:
            file.write(text)

    return change


def replace(old: str, new: str, *, of: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        text = (project / of).read_text(encoding="utf-8")
        assert old in text
        (project / of).write_text(text.replace(old, new), encoding="utf-8")

    return change


@pytest.mark.usefixtures("built_before")
def test_a_contract_that_is_the_one_of_the_lock_is_not_validated(project: Path, validated: list[Document]) -> None:
    assert main([], project) == 0
    assert validated == []


@pytest.mark.usefixtures("built_before")
@pytest.mark.parametrize(
    "change",
    [
        append("# changed\n", to=PAGE),
        append("# changed\n", to=OVERLAY),
        replace("[blink]", "[nobody]", of="specs/lock.toml"),
        replace("openapi-spec-validator = ", "openapi-spec-validator-before = ", of="specs/lock.toml"),
        replace('openapi-schema-validator = "', 'openapi-schema-validator = "0', of="specs/lock.toml"),
        lambda project: (project / "specs/lock.toml").unlink(),
    ],
    ids=["contract", "overlay", "not locked", "no validator", "another validator", "no lock"],
)
def test_a_contract_with_any_change_since_the_lock_is_validated(
    project: Path, validated: list[Document], change: Callable[[Path], None]
) -> None:
    change(project)
    assert not lock.is_valid("blink", project)
    assert main(["--provider", "blink"], project) == 0
    assert [document.data["info"]["title"] for document in validated]


@pytest.mark.usefixtures("built_before")
def test_a_changed_contract_that_is_not_valid_is_refused_and_nothing_is_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace("type: boolean", "type: yes-or-no", of=PAGE)(project)
    before = (project / "specs/lock.toml").read_bytes()
    assert main(["--provider", "blink"], project) == 2
    assert "not valid OpenAPI 3." in capsys.readouterr().err
    assert (project / "specs/lock.toml").read_bytes() == before


@pytest.mark.usefixtures("built_before")
def test_a_hostile_contract_is_refused_though_the_lock_knows_it(project: Path) -> None:
    append("x-python-import: {module: os, name: system}\n", to=PAGE)(project)
    lock.write(["blink"], project)
    assert lock.is_valid("blink", project)
    assert main(["--provider", "blink"], project) == 2


def test_the_check_of_the_contracts_alone_validates_whatever_the_lock_says() -> None:
    document = Document({"openapi": "3.0.3", "info": {}}, {"": "openapi.yaml:1"})
    checks.refuse_hostile(document)
    with pytest.raises(ContractError, match="not valid OpenAPI"):
        checks.check(document)
