"""CONTRIBUTING.md names sessions, files and links that are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_each_session_that_it_names_is_one() -> None:
    command = [sys.executable, "-m", "nox", "-f", str(ROOT / "noxfile.py"), "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    sessions = set(re.findall(r"^[*-] (\S+)", listed, re.MULTILINE))
    named = set(re.findall(r"nox -s ([a-z0-9.-]+)", TEXT))
    assert named <= sessions
    assert {"update", "release", "smoke", "ci", "wheel", "lock", "generate", "docs", "lint", "tests", "demo"} <= named


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_each_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"[`\s]((?:facade|tests|scripts|specs|requirements|\.ci|\.github)/[\w./-]+)", TEXT)))
)
def test_each_file_that_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("REFUSED", "facade/refundry/providers/paybyrd_codes.py"),
        ("QUERY_FIRST", "facade/refundry/providers/paybyrd_codes.py"),
        ("_CODES", "tests/providers/paybyrd.py"),
        ("_DEPRECATED", "facade/refundry/__init__.py"),
        ("ERRORS", "tests/facade/test_errors.py"),
        ("OWN", "tests/facade/test_errors.py"),
        ("PACKAGE_INDEX_URL", ".github/workflows/release.yml"),
        ("PACKAGE_INDEX_SIMPLE_URL", ".github/workflows/release.yml"),
        ("PACKAGE_INDEX_TOKEN", ".github/workflows/release.yml"),
        ("breaking change accepted", ".github/workflows/contracts.yml"),
        ("All steps", ".github/workflows/ci.yml"),
    ],
)
def test_each_name_stands_in_its_file(name: str, file: str) -> None:
    assert name in TEXT
    assert name in (ROOT / file).read_text(encoding="utf-8")
