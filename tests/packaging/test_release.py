"""A release, made and checked in a copy of the tree."""

import datetime
import shlex
from pathlib import Path
from typing import Final

import pytest

from scripts.release import __main__ as release
from scripts.release import baseline, changelog, fragments, surface
from scripts.release.steps import Step
from scripts.release.verdict import verdict
from scripts.release.version import current_version
from tests.packaging.conftest import Built, clone, commit, edit, git

DAY: Final = datetime.date(2026, 11, 28)
CLIENT: Final = "facade/refundry/client.py"
HASHES: Final = ("a" * 64, "b" * 64)


@pytest.fixture(scope="module")
def first_release(first_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree whose version is the first release, committed."""
    root = clone(first_tree, tmp_path_factory.mktemp("released") / "tree")
    release.make(Step.NONE, DAY, root)
    commit(root, "The first release")
    return root


@pytest.fixture
def released(first_release: Path, tmp_path: Path) -> Path:
    """Return a clone of the released tree, which no other test sees."""
    return clone(first_release, tmp_path / "tree")


def news(root: Path, name: str, text: str = "Something changed.") -> None:
    """Write a news fragment and commit it with what else changed."""
    path = root / fragments.FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")
    commit(root, "A change")


def refusal(root: Path, step: Step = Step.NONE) -> str:
    """Return why a release is refused; nothing may have been written."""
    with pytest.raises(release.Refused) as refused:
        release.make(step, DAY, root)
    assert git(root, "status", "--porcelain") == ""
    return str(refused.value)


def test_before_the_first_release_names_may_change_and_nothing_is_compared(tree: Path) -> None:
    text = (tree / CLIENT).read_text(encoding="utf-8")
    (tree / CLIENT).write_text(text.replace("def cancel", "def undo"), encoding="utf-8")
    found = verdict(current_version(tree), root=tree)
    assert (found.since, found.findings, found.problems) == (None, [], [])
    assert found.version == current_version(tree)


def test_the_first_release_is_of_the_version_that_stands_and_stores_its_surface(tree: Path) -> None:
    version = current_version(tree)
    news(tree, "blink/field.adds.md", "A reply may hold `fee`.")
    assert release.make(Step.NONE, DAY, tree) == version
    assert changelog.latest(tree) == (version, "2026-11-28")
    text = (tree / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "not released" not in text
    assert "\n### Blink\n\n#### Added\n\n- A reply may hold `fee`.\n" in text
    assert fragments.read(tree) == []
    last = baseline.stored(surface.PACKAGES, tree)
    assert last is not None
    assert (last.version, last.surfaces) == (version, surface.surfaces(tree))
    assert set(last.contracts) == {"blink", "lab4pay", "paybyrd"}


def test_a_release_needs_something_to_release_unless_a_person_asks(released: Path) -> None:
    assert "nothing has changed" in refusal(released)
    assert release.make(Step.PATCH, DAY, released) == "0.1.1"


def test_what_is_not_committed_is_no_part_of_a_release(released: Path) -> None:
    (released / "notes.txt").touch()
    with pytest.raises(release.Refused, match=r"notes\.txt: not committed"):
        release.make(Step.MINOR, DAY, released)


@pytest.mark.parametrize(
    ("file", "old", "new", "fragment", "version"),
    [
        (CLIENT, "poll: float = 1.0", "poll: float", "refundry/poll.breaks-name.md", "0.2.0"),
        ("facade/refundry/limits.py", "import", "import", "refundry/fix.fixes.md", "0.1.1"),
        (
            "generated/refundry_paybyrd/contract.json",
            '"/api/v2/refund/{transactionId}"',
            '"/api/v3/refund/{transactionId}"',
            "paybyrd/path.breaks-request.md",
            "0.2.0",
        ),
    ],
    ids=["surface", "fragment", "contract"],
)
def test_the_version_follows_from_surface_contract_and_fragments(
    file: str, old: str, new: str, fragment: str, version: str, released: Path
) -> None:
    path = released / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    news(released, fragment)
    assert verdict("0.1.0", root=released).version == version
    assert verdict("0.1.0", root=released).problems == []


def test_a_step_that_a_person_asks_for_is_never_a_smaller_one(released: Path) -> None:
    news(released, "refundry/x.breaks-name.md")
    assert verdict("0.1.0", Step.PATCH, released).version == "0.2.0"
    assert verdict("0.1.0", Step.MAJOR, released).version == "1.0.0"


def test_a_break_that_no_fragment_tells_of_is_refused_with_the_file_to_write(released: Path) -> None:
    text = (released / CLIENT).read_text(encoding="utf-8")
    (released / CLIENT).write_text(text.replace("poll: float = 1.0", "poll: float"), encoding="utf-8")
    news(released, "refundry/x.adds.md")
    assert "write changes/refundry/NAME.breaks-name.md" in refusal(released)


def test_a_name_of_ours_that_goes_without_notice_is_refused(released: Path) -> None:
    edit(released / "facade/refundry/__init__.pyi", "from refundry.redaction import Secret as Secret\n", "")
    news(released, "refundry/secret.breaks-name.md")
    assert "refundry:Secret: no release deprecates it" in refusal(released)


def test_a_fragment_of_a_taken_in_contract_stands_in_its_providers_section(released: Path) -> None:
    fragments.write("paybyrd", "breaks-reply", HASHES, "`amount` is gone. Read `isoAmount`.", released)
    commit(released, "Paybyrd has a new contract")
    assert release.make(Step.NONE, DAY, released) == "0.2.0"
    text = (released / "CHANGELOG.md").read_text(encoding="utf-8")
    section = text.partition("## 0.2.0 (2026-11-28)")[2].partition("## 0.1.0")[0]
    assert section.split("\n\n") == [
        "",
        "### Paybyrd",
        "#### Breaks replies",
        "- `amount` is gone. Read `isoAmount`.",
        f"  Contract: {'a' * 12} -> {'b' * 12}.",
        "",
    ]


def test_a_stored_lock_that_does_not_fit_the_tree_is_refused(released: Path) -> None:
    edit(released / "specs/blink/source.toml", 'kind = "transcribed"', 'kind = "transcribed" ')
    news(released, "blink/x.adds.md")
    assert "blink: source is not what the lock says" in refusal(released)


def test_a_release_agrees_with_its_tag_until_something_changes(released: Path) -> None:
    assert release.disagreements(released, "v0.1.0") == []
    assert release.disagreements(released, "v0.2.0") == ["the tag is v0.2.0, and the version 0.1.0: tag v0.1.0"]
    news(released, "blink/x.adds.md")
    assert release.disagreements(released) == []
    edit(released / "CHANGELOG.md", "## 0.1.0 (", "## 0.3.0 (")
    problems = "\n".join(release.disagreements(released, "v0.1.0"))
    assert "x.adds.md: it is not in release 0.1.0" in problems
    assert "its uppermost version is 0.3.0" in problems


def test_a_version_that_is_moved_by_hand_is_named(released: Path) -> None:
    edit(released / "facade/refundry/__init__.py", '__version__ = "0.1.0"', '__version__ = "0.2.0"')
    problems = "\n".join(release.disagreements(released))
    assert "make releases alone" in problems
    assert "surface/refundry.cdx.json: not what" in problems


def test_the_whole_tree_agrees_with_its_wheel(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["--check", "--dist", str(built.wheel.parent)]) == 0, capsys.readouterr().err
    assert "agree" in capsys.readouterr().out


def test_the_commands_that_follow_are_printed(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["auto", "--date", "2026-11-28"], tree) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in [line for line in lines if line.startswith(("git add", "git commit", "git tag"))]:
        git(tree, *shlex.split(line)[1:])
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "describe") == "v0.1.0\n"
