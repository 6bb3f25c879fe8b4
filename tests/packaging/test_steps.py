"""The table of steps, and the news fragments that use its classes."""

import tomllib
from pathlib import Path

import pytest

from scripts.contracts.changes import Effect
from scripts.release import fragments
from scripts.release.compatibility import RULES
from scripts.release.steps import TABLE, Step, change_class, gravest, largest_step, next_version, step_of, table
from tests.packaging.conftest import ROOT

OLD, NEW = "a" * 64, "b" * 64


@pytest.mark.parametrize("effect", Effect)
def test_each_effect_of_a_contract_has_its_row(effect: Effect) -> None:
    assert change_class(effect) == effect.value


def test_each_rule_of_the_surface_has_its_row() -> None:
    assert set(RULES.values()) <= set(TABLE)


def test_the_gravest_effect_stands_first_in_the_table_too() -> None:
    assert gravest([Effect.ADDS, Effect.BREAKS_NAME, Effect.NOTHING]) == "breaks-name"
    assert gravest([]) == "nothing"
    assert [name for name in TABLE if name in {effect.value for effect in Effect}] == [each.value for each in Effect]


@pytest.mark.parametrize(
    ("version", "effect", "following"),
    [
        ("0.4.1", "breaks-reply", "0.5.0"),
        ("0.4.1", "credentials", "0.5.0"),
        ("0.4.1", "adds", "0.4.2"),
        ("0.4.1", "nothing", "0.4.1"),
        ("1.4.1", "breaks-name", "2.0.0"),
        ("1.4.1", "adds", "1.5.0"),
        ("1.4.1", "deprecates", "1.5.0"),
        ("1.4.1", "fixes", "1.4.2"),
    ],
)
def test_a_version_follows_from_a_change(version: str, effect: str, following: str) -> None:
    assert next_version(version, step_of(effect, version)) == following


def test_the_largest_step_of_several_changes_counts() -> None:
    assert largest_step(["fixes", Effect.BREAKS_REQUEST, "adds"], "0.1.0") is Step.MINOR
    assert largest_step([], "0.1.0") is Step.NONE


@pytest.mark.parametrize("version", ["0.4", "0.4.1rc1", "v0.4.1", "0.04.1", ""])
def test_a_version_of_another_form_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="three numbers"):
        next_version(version, Step.PATCH)


def test_the_printed_table_stands_in_the_page_for_consumers() -> None:
    assert table() in (ROOT / "docs" / "consuming.md").read_text(encoding="utf-8")


def test_towncrier_knows_the_same_classes_and_sections() -> None:
    towncrier = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    assert {row["directory"]: row["name"] for row in towncrier["type"]} == {
        name: row.title for name, row in TABLE.items()
    }
    assert [row["directory"] for row in towncrier["type"]] == [*TABLE]
    assert [section["path"] for section in towncrier["section"]] == [*fragments.SECTIONS]


def test_a_fragment_says_what_changed_and_between_which_contracts(tmp_path: Path) -> None:
    path = fragments.write("paybyrd", Effect.BREAKS_REPLY, (OLD, f"sha256:{NEW}"), "`amount` is gone.\n", tmp_path)
    assert path == tmp_path / "changes" / "paybyrd" / f"{NEW[:12]}.breaks-reply.md"
    (read,) = fragments.read(tmp_path)
    assert (read.section, read.change_class, read.contract) == ("paybyrd", "breaks-reply", NEW[:12])
    assert read.text == f"`amount` is gone.\n\nContract: {OLD[:12]} -> {NEW[:12]}."


def test_a_change_that_is_taken_in_twice_is_written_once(tmp_path: Path) -> None:
    for effect in (Effect.BREAKS_REPLY, Effect.ADDS, Effect.ADDS):
        fragments.write("blink", effect, (None, NEW), "A field is new.", tmp_path)
    (read,) = fragments.read(tmp_path)
    assert read.change_class == "adds"
    assert "Contract: none ->" in read.text


@pytest.mark.parametrize(
    ("provider", "effect", "hashes", "named"),
    [
        ("stripe", Effect.ADDS, (OLD, NEW), "stripe"),
        ("blink", "removes", (OLD, NEW), "removes"),
        ("blink", Effect.ADDS, (OLD, "main"), "main"),
    ],
    ids=["provider", "class", "hash"],
)
def test_a_fragment_for_nothing_that_is_known_is_refused_and_not_written(
    provider: str, effect: Effect | str, hashes: tuple[str, str], named: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=named):
        fragments.write(provider, effect, hashes, "x", tmp_path)
    assert [*tmp_path.rglob("*.md")] == []


@pytest.mark.parametrize("name", ["paybyrd/x.md", "paybyrd/x.breaking.md", "paypal/x.adds.md", "blink/deep/x.adds.md"])
def test_a_file_that_towncrier_would_leave_out_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "changes" / name
    path.parent.mkdir(parents=True)
    path.write_text("Something changed.", encoding="utf-8")
    with pytest.raises(ValueError, match=f"changes/{name}"):
        fragments.read(tmp_path)


def test_an_empty_fragment_is_named(tmp_path: Path) -> None:
    path = tmp_path / "changes" / "blink" / "x.adds.md"
    path.parent.mkdir(parents=True)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(ValueError, match="empty"):
        fragments.read(tmp_path)
