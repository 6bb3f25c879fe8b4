"""A changed page of hundreds of operations: what changed in the chosen ones is reported, and of the others a count."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.contracts import ingest, update
from scripts.contracts.document import dump, load
from scripts.contracts.openapi import operations
from scripts.packages import lock
from scripts.packages.trees import tree
from tests.generation.documents import platform
from tests.generation.update_support import contents, git, project_in

Said = Callable[[], str]
OUTSIDE = "paybyrd: outside of the chosen operations, {} operations and {} components have changed"


@pytest.fixture(scope="module")
def whole() -> Any:
    """Paybyrd's contract with forty operations more, as a page would have it."""
    data = copy.deepcopy(load(Path("specs/paybyrd/openapi.yaml")).data)
    more = platform(40)
    data["paths"] |= {path: item for path, item in more["paths"].items() if "resource" in path}
    for group, named in more["components"].items():
        data["components"].setdefault(group, {}).update(named)
    return data


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, whole: Any) -> Path:
    """A project in which Paybyrd's operations were chosen from that page, all committed."""
    root = project_in(tmp_path_factory.mktemp("project"))
    folder = root / "specs/paybyrd"
    source = folder / "source.toml"
    vendored = load(folder / "openapi.yaml").data
    calls = [f"{method.upper()} {path}" for _, method, path, _ in operations(vendored)]
    source.write_text(f"operations = {calls!r}\n{source.read_text(encoding='utf-8')}", encoding="utf-8")
    page = saved(root.parent / "page.yaml", whole)
    assert ingest.main(["paybyrd", page, "--specs", str(root / "specs")]) == 0
    assert load(folder / "used.yaml").data == vendored
    lock.write(["paybyrd"], root)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "The operations are chosen")
    return root


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: "".join(capsys.readouterr())


def saved(path: Path, data: Any) -> str:
    path.write_text(dump(data, "A page"), encoding="utf-8")
    return str(path)


def changed(whole: Any, *, inside: bool = False, outside: bool = False) -> Any:
    data = copy.deepcopy(whole)
    schemas = data["components"]["schemas"]
    if inside:
        schemas["RefundResponse"]["properties"]["settledAt"] = {"type": "string"}
    if outside:
        schemas["Resource1"]["properties"]["settledAt"] = {"type": "string"}
        del schemas["Resource9Order"]
        del data["paths"]["/v1/resource_3"]["get"]
    return data


def test_the_same_page_is_unchanged(project: Path, whole: Any, tmp_path: Path, said: Said) -> None:
    assert update.main(["paybyrd", saved(tmp_path / "page.yaml", whole), "--check"], project) == 0
    assert "paybyrd: the page has not changed: nothing is written" in said()


def test_a_change_of_the_chosen_operations_is_reported_as_ever(
    project: Path, whole: Any, tmp_path: Path, said: Said
) -> None:
    before = contents(project)
    page = saved(tmp_path / "page.yaml", changed(whole, inside=True))
    assert update.main(["paybyrd", page, "--check"], project) == 0
    output = said()
    assert "The field `settledAt` of `RefundResponse` is new" in output
    assert "outside of the chosen operations" not in output
    assert contents(project) == before


def test_both_kinds_of_changes_are_told_apart(project: Path, whole: Any, tmp_path: Path, said: Said) -> None:
    page = saved(tmp_path / "page.yaml", changed(whole, inside=True, outside=True))
    assert update.main(["paybyrd", page, "--check"], project) == 0
    output = said()
    assert "The field `settledAt` of `RefundResponse` is new" in output
    assert OUTSIDE.format(1, 2) in output.splitlines()
    assert "Resource" not in output


def test_a_page_without_the_chosen_operations_is_not_seen(project: Path, tmp_path: Path, said: Said) -> None:
    page = saved(tmp_path / "page.yaml", platform(4))
    assert update.main(["paybyrd", page, "--check"], project) == 3
    assert "is not in the document; " in said()


def test_a_page_without_one_of_the_chosen_operations_is_refused(
    project: Path, whole: Any, tmp_path: Path, said: Said
) -> None:
    data = copy.deepcopy(whole)
    data["paths"] = {
        f"{path}/x" if path.endswith("{transactionId}") else path: it for path, it in whole["paths"].items()
    }
    assert update.main(["paybyrd", saved(tmp_path / "page.yaml", data), "--check"], project) in (2, 3)
    assert re.search(r"specs/paybyrd/source.toml:1: operations: 'POST \S+' is not in the document; the nearest", said())


def test_a_change_outside_of_the_chosen_operations_is_taken_in_and_changes_no_code(
    project: Path, whole: Any, tmp_path: Path, said: Said
) -> None:
    package = project / "generated/refundry_paybyrd"
    before = tree(package)
    page = saved(tmp_path / "page.yaml", changed(whole, outside=True))
    assert update.main(["paybyrd", page], project) == 0
    lines = said().splitlines()
    assert OUTSIDE.format(1, 2) in lines
    assert "paybyrd: taken in; next: git diff, then commit; nox -s release -- auto makes the version" in lines
    written = {line[3:] for line in git(project, "status", "--porcelain", "-uall").splitlines()}
    # The package says on which day its contract was taken, and that is all that is new in it.
    said_day = "generated/refundry_paybyrd/contracts.py"
    assert written == {"specs/lock.toml", "specs/paybyrd/openapi.yaml", "specs/paybyrd/source.toml", said_day}
    after = tree(package)
    assert {name for name in after if after[name] != before.get(name)} == {"contracts.py"}
    assert after.keys() == before.keys()
    assert lock.differences(["paybyrd"], project) == []
