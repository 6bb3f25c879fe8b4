"""A provider's new page, taken in and taken back."""

import json
from pathlib import Path

from scripts.contracts import ingest
from scripts.contracts.contract import vendored_document
from scripts.packages import generate
from scripts.release import surface
from scripts.release.compatibility import compare
from tests.packaging.conftest import commit, git


def test_reverting_the_commit_of_a_page_leaves_what_the_generator_makes_of_the_tree(tree: Path, tmp_path: Path) -> None:
    before = surface.surfaces(tree)["refundry_paybyrd"]
    contract = vendored_document("paybyrd", tree / "specs").data
    contract["components"]["schemas"]["RefundRequest"]["properties"]["note"] = {"type": "string"}
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n```json\n{json.dumps(contract, indent=1)}\n```\n", encoding="utf-8")

    assert ingest.main(["paybyrd", str(page), "--specs", str(tree / "specs"), "--retrieved", "2026-11-28"]) == 0
    assert generate.main(["--provider", "paybyrd"], tree) == 0
    commit(tree, "Paybyrd has a new field")
    after = surface.surfaces(tree)["refundry_paybyrd"]
    added = {change.rule for change in compare(before, after)}
    assert added == {"name-added"}
    assert "refundry_paybyrd.models.refund_request:RefundRequest.note" in after

    git(tree, "revert", "--no-edit", "HEAD")
    assert surface.surfaces(tree)["refundry_paybyrd"] == before
    assert generate.main(["--check"], tree) == 0
