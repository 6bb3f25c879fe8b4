"""specs/lock.toml: hashes of what each generated package was made from and of the package, and what differs from them.

Each function takes the `root` of the project that it is about.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from refundry._provenance import sha256
from refundry._provenance import tree_hash as hash_of_tree
from scripts.contracts import slices
from scripts.contracts.errors import ContractError, one_line
from scripts.contracts.providers import PROVIDERS, package_name
from scripts.files import ROOT, replace_together
from scripts.packages.generators import CONFIGURATION
from scripts.packages.overrides import TEMPLATES
from scripts.packages.trees import GENERATED, strays, tree

_VALIDATORS = ("openapi-schema-validator", "openapi-spec-validator")
TOOLS = ("datamodel-code-generator", "openapi-python-client", "ruff", *_VALIDATORS)
_LOCK = "specs/lock.toml"
_TEMPLATES = TEMPLATES.relative_to(ROOT).as_posix()
_HEADER = (
    "# Written by `nox -s generate`, never by hand: what each package was made from, and the package, as hashes.\n"
)
_MISSING = "missing"

# What each entry is about, and where to look when it differs.
_ABOUT: Mapping[str, str] = {
    "page": "the published page, by specs/{provider}/source.toml",
    "source": "specs/{provider}/source.toml",
    "contract": "specs/{provider}/openapi.yaml",
    "used": "specs/{provider}/used.yaml",
    "overlay": "specs/{provider}/overlay.yaml",
    "contradictions": "specs/{provider}/contradictions.toml",
    "configuration": "the generators' configuration in scripts/packages/generators.py",
    "templates": f"the templates in {_TEMPLATES}/",
    "tree": f"{GENERATED.name}/{{package}}/",
    **{tool: f"the installed version of {tool}" for tool in TOOLS},
}

Lock = dict[str, dict[str, str]]
"""For each provider its entries by name, each a hash, a version or "missing"."""


def current(provider: str, root: Path = ROOT) -> dict[str, str]:
    """Return a provider's entries for the working tree; "missing" stands for a file or tool that is absent."""
    specs = root / "specs" / provider
    source, used = specs / "source.toml", specs / slices.FILE
    configuration = json.dumps(CONFIGURATION, sort_keys=True).encode()
    return {
        "page": _recorded_hash(_toml(source, root), "page_sha256"),
        "source": _file_hash(source),
        "contract": _file_hash(specs / slices.WHOLE),
        # Where no operations are chosen there is no such file, and no entry.
        **({"used": _file_hash(used)} if used.is_file() else {}),
        "overlay": _file_hash(specs / "overlay.yaml"),
        "contradictions": _file_hash(specs / "contradictions.toml"),
        "configuration": sha256(configuration),
        "templates": tree_hash(tree(root / _TEMPLATES)),
        **{tool: _tool_version(tool) for tool in TOOLS},
        "tree": tree_hash(tree(root / GENERATED.name / package_name(provider))),
    }


def recorded(root: Path = ROOT) -> Lock:
    """Return the content of the lock file, empty when there is none. Raises ContractError when it cannot be read."""
    lock = _toml(root / _LOCK, root)
    for provider, entries in lock.items():
        if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
            problem = f"{_LOCK}:1: {provider}: it is no table of texts"
            raise ContractError(f"{problem}; remove the file, and run `nox -s generate`")
    return lock


def is_valid(provider: str, root: Path = ROOT) -> bool:
    """Whether a provider's contract is the one that was valid OpenAPI when the lock was written.

    Contract, overlay and validators are then those of the lock. It says nothing about a contract that is not locked.
    """
    locked, now = recorded(root).get(provider, {}), current(provider, root)
    return locked.get("used") == now.get("used") and all(
        locked.get(key) == now[key] != _MISSING for key in ("contract", "overlay", *_VALIDATORS)
    )


def write(providers: Iterable[str], root: Path = ROOT) -> None:
    """Record the working tree for `providers`, whole or not at all.

    Keeps the entries of the other providers, and drops those of a name that is no provider.
    """
    kept = {provider: entries for provider, entries in recorded(root).items() if provider in PROVIDERS}
    lock = {**kept, **{provider: current(provider, root) for provider in providers}}
    tables = (
        f"\n[{provider}]\n" + "".join(f'{key} = "{value}"\n' for key, value in entries.items())
        for provider, entries in sorted(lock.items())
    )
    replace_together({root / _LOCK: _HEADER + "".join(tables)})


def differences(providers: Iterable[str], root: Path = ROOT) -> list[str]:
    """Return one line for each difference between the working tree and the lock.

    Covers the entries of `providers`, and whatever in the lock and in generated/ belongs to no provider.
    """
    locked = recorded(root)
    lines = [line for provider in providers for line in _differences(provider, locked.get(provider, {}), root)]
    lines += [f"{gone}: the lock has it, and it is no provider" for gone in sorted(locked.keys() - {*PROVIDERS})]
    packages = [package_name(provider) for provider in PROVIDERS]
    unexpected = strays(root / GENERATED.name, packages)
    return lines + [f"{GENERATED.name}/{name}: no contract makes it; remove it" for name in unexpected]


def _differences(provider: str, locked: Mapping[str, str], root: Path) -> Iterator[str]:
    now = current(provider, root)
    for key in dict.fromkeys([*now, *locked]):
        if now.get(key) != locked.get(key):
            about = _ABOUT.get(key, key).format(provider=provider, package=package_name(provider))
            yield f"{provider}: {key} is not what the lock says ({about})"
    source = _toml(root / "specs" / provider / "source.toml", root)
    if now["contract"] != _recorded_hash(source, "contract_sha256"):
        yield f"{provider}: contract is not what was taken from the page (run `nox -s ingest` on the page)"


def tree_hash(files: Mapping[str, bytes]) -> str:
    """Return one hash of a tree, which an installation recomputes; "missing" where it has no file."""
    return hash_of_tree(files) if files else _MISSING


def _file_hash(path: Path) -> str:
    return sha256(path.read_bytes()) if path.is_file() else _MISSING


def _recorded_hash(source: Mapping[str, Any], key: str) -> str:
    return f"sha256:{source[key]}" if key in source else _MISSING


def _tool_version(tool: str) -> str:
    try:
        return version(tool)
    except PackageNotFoundError:
        return _MISSING


def _toml(path: Path, root: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = path.relative_to(root).as_posix()
        raise ContractError(f"{place}:1: {one_line(error)}; restore it, or have it written again") from error
