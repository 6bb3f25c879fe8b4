"""What the last release was: its surface and its contracts, in `surface/`. Until the first release there is none.

surface/release.json               its version
surface/<package>.json             the surface of each package
surface/contracts/<provider>.json  each provider's effective contract
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scripts.contracts.providers import PROVIDERS, carried_contract
from scripts.files import ROOT
from scripts.release.surface import Surface, dump

FOLDER = "surface"
_RELEASE = f"{FOLDER}/release.json"


class Baseline(NamedTuple):
    """One release as it was stored."""

    version: str
    surfaces: Mapping[str, Surface]
    contracts: Mapping[str, Any]


def stored(packages: Iterable[str], root: Path = ROOT) -> Baseline | None:
    """Return the last release; None before the first one.

    A package or a provider that it did not have is empty. Raises ValueError for a file that cannot be read.
    """
    release = root / _RELEASE
    if not release.is_file():
        return None
    return Baseline(
        _json(release)["version"],
        {name: _json(path) for name in packages if (path := root / FOLDER / f"{name}.json").is_file()},
        {name: _json(path) for name in PROVIDERS if (path := root / FOLDER / "contracts" / f"{name}.json").is_file()},
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}; restore it from the commit of the release") from error


def effective(provider: str, root: Path = ROOT) -> Any:
    """Return a provider's effective contract, as its generated package carries it."""
    return _json(root / carried_contract(provider))


def contents(version: str, surfaces: Mapping[str, Surface], root: Path = ROOT) -> dict[Path, str]:
    """Return the files that store this tree as the release `version`, with their contents."""
    folder = root / FOLDER
    files = {root / _RELEASE: json.dumps({"version": version}) + "\n"}
    files |= {folder / f"{name}.json": dump(surface) for name, surface in surfaces.items()}
    for provider in PROVIDERS:
        text = json.dumps(effective(provider, root), ensure_ascii=False, indent=1)
        files[folder / "contracts" / f"{provider}.json"] = f"{text}\n"
    return files
