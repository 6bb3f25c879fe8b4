"""Our overrides of the client tool's templates, each held to the template that it was derived from."""

import hashlib
import importlib.util
import tomllib
from pathlib import Path

from scripts.contracts.errors import ContractError, one_line

TEMPLATES = Path(__file__).parent / "templates"
OVERRIDES = TEMPLATES / "openapi_python_client"


def check_overrides(templates: Path = TEMPLATES, upstream: Path | None = None) -> None:
    """Compare each override in the folder `templates` with the hash of the template that it was derived from.

    `upstream` is the folder of the tool's own templates; by default, those of the installed tool. Raises ContractError
    when the tool has another one, or an override is not recorded.
    """
    upstream = upstream or upstream_templates()
    place = "scripts/packages/templates/upstream.toml:1"
    try:
        record = tomllib.loads((templates / "upstream.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{place}: {one_line(error)}; restore the file") from error
    folder = templates / OVERRIDES.name
    overrides = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jinja")}
    for name in sorted(overrides ^ record["overrides"].keys()):
        raise ContractError(f"{place}: {name}: the override or its record is missing; write both or neither")
    for name in sorted(overrides):
        own = upstream / name
        if not own.is_file() or hashlib.sha256(own.read_bytes()).hexdigest() != record["overrides"][name]["sha256"]:
            raise ContractError(
                f"{place}: {name}: the template of {record['tool']} is not the one of {record['version']}; "
                "re-read it, carry its changes into the override, and record its sha256 and the new version"
            )


def upstream_templates() -> Path:
    """Return the folder of the installed openapi-python-client's own templates, without importing it."""
    spec = importlib.util.find_spec("openapi_python_client")
    if spec is None or spec.origin is None:
        problem = "openapi-python-client is not installed; install the development requirements"
        raise ContractError(f"scripts/packages/overrides.py:1: {problem}")
    return Path(spec.origin).parent / "templates"
