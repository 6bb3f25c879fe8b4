"""Projects to take a page into, and pages that are made from the committed contracts, changed as a provider might."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.contracts import ingest, workspace
from scripts.contracts.providers import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("specs", "generated", "facade", "scripts", "docs", "changes")
CONTRACT_TEST = (
    "def test_a_reply_of_paybyrd() -> None:\n    from refundry_paybyrd import schemas\n    schemas.RefundResponse()\n"
)

# Each change that the project was tried with: what stands on the page, and what stands there then.
CHANGES: Mapping[str, tuple[str, str]] = {
    "an optional field": (
        "    RefundResponse:\n      type: object\n      properties:\n",
        "    RefundResponse:\n      type: object\n      properties:\n        settledAt:\n          type: string\n",
    ),
    "a required field": (
        "        - isoAmount\n      properties:\n",
        "        - isoAmount\n        - reason\n      properties:\n        reason:\n          type: string\n",
    ),
    "a renamed property": ("isoRemainingAmount", "minorRemainingAmount"),
    "a new enum value": ("        - BYRD999\n", "        - BYRD999\n        - BYRD998\n"),
    "a new operation": (
        "components:\n  schemas:\n",
        "  /api/v2/void/{id}:\n    post:\n      operationId: api-transactions-void\n      tags: [Transactions]\n"
        "      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"
        "      responses: {'200': {description: OK}}\ncomponents:\n  schemas:\n",
    ),
    "another server": ("https://gateway.paybyrd.com", "https://gateway.example.com"),
    "another operation": ("/api/v2/refund/{transactionId}", "/api/v3/refund/{transactionId}"),
    "a key that runs code": ("      type: object\n", "      type: object\n      customTypePath: os.system\n"),
}


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def project_in(root: Path) -> Path:
    """Make a clone of the project at `root` with one small contract test, all committed."""
    for name in _PARTS:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", ".gitignore", "README.md", "CHANGELOG.md", "CONTEXT.md"):
        shutil.copy(ROOT / name, root / name)
    # The records alone: the tables of docs/ are printed from them.
    others = shutil.ignore_patterns("__pycache__", "test_*", "conftest.py", "made_up")
    shutil.copytree(ROOT / "tests/providers", root / "tests/providers", ignore=others)
    (root / "tests/contract").mkdir(parents=True)
    (root / "tests/contract/test_small.py").write_text(CONTRACT_TEST, encoding="utf-8")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "The project")
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Return every file of a project that git does not ignore."""
    names = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return {name: (root / name).read_bytes() for name in names if name and (root / name).is_file()}


def page_of(root: Path, provider: str = "paybyrd") -> str:
    """Return a page that publishes a provider's contract as it is vendored."""
    contract = (root / "specs" / provider / "openapi.yaml").read_text(encoding="utf-8").partition("\n")[2]
    return f"# Give money back\n\nSome words.\n\n````yaml\n{contract}````\n"


def changed_page(root: Path, change: str) -> str:
    old, new = CHANGES[change]
    page = page_of(root)
    assert old in page
    return page.replace(old, new, -1 if change == "a renamed property" else 1)


def saved(folder: Path, page: str) -> str:
    path = folder / "page.md"
    path.write_text(page, encoding="utf-8")
    return str(path)


def transcribed(root: Path, folder: Path) -> str:
    """Make a page that Blink's contract rests on, take it in, and commit that; return the page.

    The provider's own words are not in the project. Here each line that the evidence names says the names of its
    fields.
    """
    contract = root / "specs/blink/openapi.yaml"
    text = re.sub(r"(page line \d+) \([0-9a-f]{8}\)", r"\1", contract.read_text(encoding="utf-8"))
    contract.write_text(text, encoding="utf-8")
    fields: dict[int, list[str]] = {}
    for number, field in re.findall(r"page line (\d+): (.*?)'?\n", text):
        fields.setdefault(int(number), []).append(field)
    lines = [f"Line {n} says {', '.join(fields[n])}." if n in fields else "" for n in range(1, max(fields) + 1)]
    page = "\n".join(["# secure.blinkpayment.co.uk", *lines[1:], ""])
    ingest.main(["blink", saved(folder, page), "--transcribed", "--specs", str(root / "specs")])
    subprocess.run(["git", "rm", "-q", "--cached", "-r", workspace.FOLDER], cwd=root, check=False, capture_output=True)
    git(root, "commit", "-qam", "Another page")
    return page


def fetching(root: Path, pages: Mapping[str, str | Exception]) -> dict[str, str | Exception]:
    """Return what is found at the `fetch` address of each provider."""
    found: dict[str, str | Exception] = {}
    for provider in PROVIDERS:
        source = (root / "specs" / provider / "source.toml").read_text(encoding="utf-8")
        address = re.search(r'^fetch = "(.*)"$', source, re.MULTILINE)
        assert address
        found[address[1]] = pages[provider]
    return found
