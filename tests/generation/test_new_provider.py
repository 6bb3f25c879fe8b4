"""A provider from its document to a refund in the sandbox, in a copy of the project, as a person adds it."""

import difflib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.contracts.workspace import Copy, copied
from scripts.files import ROOT
from scripts.new_provider.decisions import MARK, own_files
from tests.providers.made_up import document
from tests.providers.made_up.mounting import PROJECT

# The made-up provider under a name of its own, so that it stands beside the one that the other tests mount.
NAME = "acme_v2"
ASK = ("--address", "https://docs.acme.example/refunds")
MOST_LINES = {"account, translation and overlay": 250, "machine, record and page": 200}
REFUND = f"""
from refundry import Money, RefundClient
from refundry.sandbox import Sandbox, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport

sandbox = Sandbox()
with RefundClient(sandbox.accounts(transport=HttpxTransport(SandboxTransport(sandbox)))) as client:
    amount = Money.of("1.00", "EUR")
    refund = client.refund("{NAME}", payment_id="acme-v2-eur", amount=amount, reference="order-1/1")
    print(refund.status.value, client.lookup(refund).amount, sandbox.violations)
"""


# In this order: a name on the wire has hyphens, and the name of a header is read in lower case.
RENAMED = {
    "fourth.example": "acme.example",
    "fourth-signature": "acmev2-signature",
    "fourth-eur": "acme-v2-eur",
    "fourth-pending": "acme-v2-pending",
    "test-key-fourth": "test-key-acme-v2",
    "fourth": NAME,
    "Fourth": "AcmeV2",
}


def renamed(text: str) -> str:
    """Return a text about the made-up provider with the other name."""
    for old, new in RENAMED.items():
        text = text.replace(old, new)
    return text


@dataclass
class Project:
    """A copy of the project, and what the command printed there."""

    copy: Copy
    page: Path
    begun: subprocess.CompletedProcess[str]

    def add(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        return self.copy.run("-m", "scripts.new_provider", *arguments, seconds=300)

    def read(self, path: str) -> str:
        """Return the text of a file."""
        return (self.copy.root / path).read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes | None]:
        """Return every file that differs from the project."""
        return {path: text for path, text in self.copy.changes().items() if not path.startswith(".update/")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    page = tmp_path_factory.mktemp("document") / "openapi.json"
    page.write_text(renamed(document.text()), encoding="utf-8")
    with copied(ROOT) as copy:
        made = Project(copy, page, subprocess.CompletedProcess([], 0))
        made.begun = made.add(NAME, str(page), *document.OPERATIONS, *ASK)
        yield made


@pytest.fixture(scope="module")
def ended(project: Project) -> dict[str, int]:
    """End what the command has begun; return how many lines a person wrote in each file."""
    lines = {}
    for path in own_files(NAME):
        begun = project.read(path)
        source = PROJECT / path.replace(NAME, "fourth")
        text = renamed(source.read_text(encoding="utf-8")) if source.is_file() else begun
        text = "\n".join(line for line in text.split("\n") if MARK not in line)
        (project.copy.root / path).write_text(text, encoding="utf-8")
        added = difflib.ndiff(begun.split("\n"), text.split("\n"))
        lines[path] = sum(line.startswith("+ ") for line in added)
    return lines


def test_the_command_writes_the_providers_own_files_and_lists_what_a_person_decides(project: Project) -> None:
    assert project.begun.returncode == 1, project.begun.stdout
    listed = [line for line in project.begun.stdout.splitlines() if re.match(r"\S+:[0-9]+: ", line)]
    assert {line.split(":")[0] for line in listed} == set(own_files(NAME))
    assert f"{len(listed)} decisions are due" in project.begun.stdout
    marked = sum(project.read(path).count(MARK) for path in own_files(NAME))
    assert marked == len(listed)


def test_what_is_begun_fits_the_linters_and_the_types(project: Project) -> None:
    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        done = project.copy.run("-m", *check, seconds=100)
        assert done.returncode == 0, done.stdout
    own = [path for path in own_files(NAME) if path.endswith(".py")]
    done = project.copy.run("-m", "mypy", *own, seconds=300)
    assert done.returncode == 0, done.stdout


def test_each_list_of_providers_has_it_and_no_other_file_has_changed(project: Project) -> None:
    beside = {path for path in project.files() if NAME not in path}
    assert beside == {
        *("facade/refundry/__init__.py", "facade/refundry/__init__.pyi", "facade/refundry/accounts/__init__.py"),
        *("facade/refundry/providers/registry.py", "facade/refundry/sandbox/providers.py", "pyproject.toml"),
        *(".github/workflows/update.yml", "docs/README.md", "docs/house.md", "specs/lock.toml"),
    }
    assert all(NAME in project.read(path) or "AcmeV2" in project.read(path) for path in beside)


def test_a_refund_that_needs_an_open_decision_is_not_sent(project: Project) -> None:
    done = project.copy.run("-c", REFUND, seconds=60)
    assert done.returncode == 1
    assert re.search(rf"NotSent: .*\n?.*{MARK}|{MARK}[^\n]*\n(.*\n)*.*NotSent", done.stdout), done.stdout


def test_the_kit_fails_with_a_sentence_for_each_decision(project: Project) -> None:
    done = project.copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/providers/test_kit.py", seconds=300)
    assert done.returncode == 1
    for path in own_files(NAME):
        assert re.search(rf"{re.escape(path)}:[0-9]+: \w", done.stdout), path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([NAME, "page", *ASK], "it is a provider already; choose another name, such as acme_v2_v2"),
        (["testing", "page", *ASK], "docs/testing.md is there already"),
        (["Acme", "page", *ASK], "it is no name of a provider"),
        (["other", "page"], "--address: it is missing"),
        (["other", "page", "POST /v1/refund", *ASK], "'POST /v1/refund' is not in the document; the nearest are"),
        (["other", "no such file", *ASK], "no such file:1: page: No such file or directory"),
        (["other"], "there is no such provider"),
    ],
    ids=["taken", "taken by a page", "no name", "no address", "no such operation", "no page", "unknown"],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(
    arguments: list[str], says: str, project: Project
) -> None:
    before = project.files()
    done = project.add(*(str(project.page) if one == "page" else one for one in arguments))
    assert (done.returncode, says in done.stdout) == (2, True), done.stdout
    assert project.files() == before


def test_the_ended_provider_passes_what_every_provider_passes(project: Project, ended: dict[str, int]) -> None:
    assert ended
    for step in (
        ("-m", "ruff", "check", "--fix", "--select", "I", "."),  # the other name has another place among the imports
        ("-m", "scripts.packages.generate", "--provider", NAME),
        ("-m", "scripts.new_provider", NAME),
        ("-m", "scripts.documentation.tables"),
        ("-m", "ruff", "check", "."),
        ("-m", "mypy", *(path for path in own_files(NAME) if path.endswith(".py"))),
        ("-m", "scripts.contracts.contradictions", NAME),
    ):
        done = project.copy.run(*step, seconds=300)
        assert done.returncode == 0, (step, done.stdout)
    done = project.copy.run("-c", REFUND, seconds=60)
    assert done.stdout == "succeeded 1.00 EUR ()\n"
    suites = ("tests/providers", "tests/contract/test_requests.py", "tests/contract/test_outcomes.py")
    done = project.copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NAME, *suites, seconds=900)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_person_writes_few_lines_and_all_in_the_providers_own_files(ended: dict[str, int]) -> None:
    source, overlay, account, translation, machine, record, page = own_files(NAME)
    written = {
        "account, translation and overlay": sum(ended[one] for one in (source, overlay, account, translation)),
        "machine, record and page": sum(ended[one] for one in (machine, record, page)),
    }
    print(written)
    assert all(0 < written[what] <= most for what, most in MOST_LINES.items())
