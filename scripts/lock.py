"""specs/lock.toml: what the generated packages were made from, as hashes, and what differs from it now."""

import argparse
import difflib
import hashlib
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scripts.contract import PROVIDERS
from scripts.document import ContractError, exit_code, one_line
from scripts.generators import CONFIGURATION, GENERATED, ROOT, TEMPLATES, package_name
from scripts.trees import replace_together, strays, tree

LOCK = ROOT / "specs" / "lock.toml"
TOOLS = ("datamodel-code-generator", "openapi-python-client", "ruff")
_HEADER = "# Written by `nox -s generate`, never by hand: what each package was made from, and what came of it.\n"
_MISSING = "missing"

# The words of a difference: what the entry is about, and where to look.
_ABOUT: Mapping[str, str] = {
    "page": "the published page, by specs/{provider}/source.toml",
    "source": "specs/{provider}/source.toml",
    "contract": "specs/{provider}/openapi.yaml",
    "overlay": "specs/{provider}/overlay.yaml",
    "contradictions": "specs/{provider}/contradictions.toml",
    "configuration": "the generators' configuration in scripts/generators.py",
    "templates": "the templates in scripts/templates/",
    "tree": "generated/{package}/",
    **{tool: f"the installed version of {tool}" for tool in TOOLS},
}

Lock = dict[str, dict[str, str]]


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tree_hash(files: Mapping[str, bytes]) -> str:
    """Return one hash of a tree: of the hash and path of each file, sorted by path, as `sha256sum` would list them."""
    lines = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return _sha256(lines.encode()) if files else _MISSING


def _file_hash(path: Path) -> str:
    return _sha256(path.read_bytes()) if path.is_file() else _MISSING


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{path.relative_to(ROOT)}:1: {one_line(error)}; have it written again") from error


def _recorded_hash(source: Mapping[str, Any], key: str) -> str:
    return f"sha256:{source[key]}" if key in source else _MISSING


def _tool_version(tool: str) -> str:
    try:
        return version(tool)
    except PackageNotFoundError:
        return _MISSING


def current(provider: str) -> dict[str, str]:
    """Return the lock's entries for a provider as the working tree is now; "missing" where nothing is there."""
    specs = LOCK.parent / provider
    source = specs / "source.toml"
    configuration = json.dumps(CONFIGURATION, sort_keys=True).encode()
    return {
        "page": _recorded_hash(_toml(source), "page_sha256"),
        "source": _file_hash(source),
        "contract": _file_hash(specs / "openapi.yaml"),
        "overlay": _file_hash(specs / "overlay.yaml"),
        # A provider whose contract does not contradict itself has none.
        "contradictions": _file_hash(specs / "contradictions.toml"),
        "configuration": _sha256(configuration),
        "templates": tree_hash(tree(TEMPLATES)),
        **{tool: _tool_version(tool) for tool in TOOLS},
        "tree": tree_hash(tree(GENERATED / package_name(provider))),
    }


def recorded() -> Lock:
    """Return what the lock file says; nothing when there is none. Raises ContractError when it cannot be read."""
    lock = _toml(LOCK)
    for provider, entries in lock.items():
        if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
            place = f"{LOCK.relative_to(ROOT)}:1: {provider}"
            raise ContractError(f"{place}: it is no table of texts; have the lock written again: remove it first")
    return lock


def render(lock: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of a lock file."""
    tables = (
        f"\n[{provider}]\n" + "".join(f'{key} = "{value}"\n' for key, value in entries.items())
        for provider, entries in sorted(lock.items())
    )
    return _HEADER + "".join(tables)


def write(providers: Iterable[str]) -> None:
    """Record the working tree as it is now for `providers`, whole or not at all.

    The entries of the other providers stay; an entry of one that is no more goes.
    """
    kept = {provider: entries for provider, entries in recorded().items() if provider in PROVIDERS}
    replace_together({LOCK: render({**kept, **{provider: current(provider) for provider in providers}})})


def differences(providers: Iterable[str]) -> list[str]:
    """Return one line for each thing that is not as the lock says; none when all agree.

    Of `providers`, what their packages are made from. Beyond them, whatever belongs to no provider: in the lock, and in
    generated/.
    """
    locked = recorded()
    lines = [line for provider in providers for line in _differences(provider, locked.get(provider, {}))]
    lines += [f"{gone}: the lock has it, and it is no provider" for gone in sorted(locked.keys() - {*PROVIDERS})]
    packages = [package_name(provider) for provider in PROVIDERS]
    lines += [f"{GENERATED.name}/{name}: no contract makes it; remove it" for name in strays(GENERATED, packages)]
    return lines


def _differences(provider: str, locked: Mapping[str, str]) -> Iterator[str]:
    now = current(provider)
    for key in dict.fromkeys([*now, *locked]):
        if now.get(key) != locked.get(key):
            about = _ABOUT.get(key, key).format(provider=provider, package=package_name(provider))
            yield f"{provider}: {key} is not what the lock says ({about})"
    specs = LOCK.parent / provider
    if now["contract"] != _recorded_hash(_toml(specs / "source.toml"), "contract_sha256"):
        yield f"{provider}: contract is not what was taken from the page (run scripts/ingest on it again)"


def difference_text() -> str:
    """Return the unified diff from the lock file to what it would say now; the empty string when they agree."""
    lines = difflib.unified_diff(
        render(recorded()).splitlines(),
        render({provider: current(provider) for provider in PROVIDERS}).splitlines(),
        "specs/lock.toml",
        "working tree",
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.lock",
        description="Compare contracts, overlays, templates, tool versions and packages with specs/lock.toml. "
        "Nothing is changed; `python -m scripts.generate` writes the lock.",
        epilog="Exit codes: 0 all agree; 1 something differs; 2 the lock cannot be read.",
    )
    parser.add_argument("--check", action="store_true", help="the only thing it does, and the default")
    parser.parse_args(arguments)

    def run() -> int:
        text, lines = difference_text(), differences(PROVIDERS)
        print(text, end="")
        for line in lines:
            print(line)
        if not lines:
            print(f"{LOCK.relative_to(ROOT)}: all agree")
        return 1 if lines else 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
