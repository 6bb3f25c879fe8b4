"""Folders of specs/ with a source.toml that chooses operations, and documents taken into them."""

import json
from pathlib import Path
from typing import Any

from scripts.contracts import ingest
from scripts.contracts.document import dump, parse
from tests.generation.documents import OVERLAY, SOURCE

ADDRESS = "https://docs.example.com/openapi.yaml"


def specs_in(root: Path, source: str = SOURCE, provider: str = "paybyrd") -> Path:
    """Write what a person writes of a provider; return its folder."""
    folder = root / "specs" / provider
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text(source, encoding="utf-8")
    (folder / "overlay.yaml").write_text(OVERLAY, encoding="utf-8")
    return folder


def taken(folder: Path, document: Any, *options: str, name: str = "page.yaml") -> int:
    """Take a document into a folder of specs/, as the command does; return its exit code."""
    page = folder.parents[1] / name
    page.write_text(json.dumps(document) if name.endswith("json") else dump(document, "A page"), encoding="utf-8")
    return ingest.main([folder.name, str(page), "--specs", str(folder.parent), "--address", ADDRESS, *options])


def anew(folder: Path, *options: str) -> int:
    """Choose again among the operations of the openapi.yaml that is there; return the exit code."""
    return ingest.main([folder.name, "--specs", str(folder.parent), *options])


def data_of(path: Path) -> Any:
    return parse(path.read_text(encoding="utf-8"), path.name).data


def files_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
