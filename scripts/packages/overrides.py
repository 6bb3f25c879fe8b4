"""Our overrides of the tools' templates, each held to the one that it was derived from, and templates of our own."""

import hashlib
import importlib.util
import tomllib
from collections.abc import Mapping
from pathlib import Path

from scripts.contracts.errors import ContractError, one_line

TEMPLATES = Path(__file__).parent / "templates"
CLIENT = TEMPLATES / "openapi_python_client"
SCHEMAS = TEMPLATES / "datamodel_code_generator"
OURS = TEMPLATES / "ours"
"""The modules of a package that no tool has a template for."""

# Where a tool has its own templates, from the folder of its package.
_UPSTREAM: Mapping[Path, str] = {CLIENT: "templates", SCHEMAS: "model/template"}


def check_overrides(templates: Path = TEMPLATES, upstream: Mapping[str, Path] | None = None) -> None:
    """Compare each override in the folder `templates` with the hash of the template that it was derived from.

    `upstream` is the folder of each tool's own templates, by the tool's package; by default, those that are installed.
    Raises ContractError when a tool has another template, or an override is not recorded.
    """
    place = "scripts/packages/templates/upstream.toml:1"
    try:
        record = tomllib.loads((templates / "upstream.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{place}: {one_line(error)}; restore the file") from error
    for package, recorded in record.items():
        folder = templates / package
        overrides = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jinja*")}
        for name in sorted(overrides ^ recorded["overrides"].keys()):
            raise ContractError(f"{place}: {name}: the override or its record is missing; write both or neither")
        originals = (upstream or {}).get(package) or upstream_templates(package)
        for name in sorted(overrides):
            own = originals / name
            if not own.is_file() or _sha256(own) != recorded["overrides"][name]["sha256"]:
                raise ContractError(
                    f"{place}: {name}: the template of {recorded['tool']} is not the one of {recorded['version']}; "
                    "re-read it, carry its changes into the override, and record its sha256 and the new version"
                )


def upstream_templates(package: str) -> Path:
    """Return the folder of an installed tool's own templates, without importing the tool."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        problem = f"{package.replace('_', '-')} is not installed; install the development requirements"
        raise ContractError(f"scripts/packages/overrides.py:1: {problem}")
    return Path(spec.origin).parent / _UPSTREAM[TEMPLATES / package]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
