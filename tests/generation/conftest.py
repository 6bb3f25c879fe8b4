"""Projects to generate into, and a build whose outcome is known."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from scripts.contracts.document import Document
from scripts.contracts.providers import package_name
from scripts.packages import generate
from tests.generation.generated_support import ROOT
from tests.generation.site_support import serving

TEMPLATES = "scripts/packages/templates"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the files that the lock covers, as a clean checkout has them."""
    for name in ("specs", "generated", TEMPLATES):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def checkout(project: Path) -> Path:
    """A copy of the project in which the commands of scripts/ run."""
    ignored = shutil.ignore_patterns("__pycache__", "templates")
    shutil.copytree(ROOT / "scripts", project / "scripts", ignore=ignored, dirs_exist_ok=True)
    return project


@pytest.fixture
def built_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the command build the committed packages by copying them: other tests cover `build`."""

    def build(
        contracts: Iterable[tuple[str, Document]],
        target: Path,
        say: Callable[[str], None],
        _: Callable[[Path], bool],
    ) -> list[str]:
        providers = [provider for provider, _ in contracts]
        for package in map(package_name, providers):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / "generated" / package, target / package, ignore=ignored)
            say(f"{package}: copied")
        return providers

    monkeypatch.setattr(generate, "build", build)


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a documentation site on loopback, which answers as `Site.replies` says."""
    with serving() as address:
        yield address
