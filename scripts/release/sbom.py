"""The bill of materials of the wheel: what is installed with it, as CycloneDX, from the lock.

It stands in `surface/refundry.cdx.json`; `nox -s release -- sbom` writes it after the lock has moved. It lists
refundry, what it needs, and what its extras need, each at the locked version, and what needs what. It holds no time and
no random number, so the same lock makes the same bytes. A wheel carries it in `.dist-info/sboms/`.
"""

# pyright takes the decorated classes of cyclonedx for other types than they are. mypy, which is strict, reads them.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

import json
import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.files import ROOT, replace_together
from scripts.release.version import current_version

FILE = "surface/refundry.cdx.json"
LOCK = "requirements/dev.txt"
_LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)", re.MULTILINE)
# The serial number names this kind of document and version, and is no random number: RFC 9562, version 5.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:refundry:sbom")


class StaleLock(Exception):
    """The lock, or what is installed, does not have what a dependency asks for."""


def locked_versions(root: Path = ROOT) -> dict[str, str]:
    """Return the locked version of each distribution, by its canonical name."""
    text = (root / LOCK).read_text(encoding="utf-8")
    return {str(canonicalize_name(found["name"])): found["version"] for found in _LOCKED.finditer(text)}


def direct(root: Path = ROOT) -> dict[str, bool]:
    """Return what pyproject.toml asks for, by canonical name: True where refundry itself does, False for an extra."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {
        name: False for lines in project.get("optional-dependencies", {}).values() for name in map(_canonical, lines)
    }
    return found | dict.fromkeys(map(_canonical, project["dependencies"]), True)


def _canonical(requirement: str) -> str:
    return str(canonicalize_name(Requirement(requirement).name))


def _needs(name: str, version: str, locked: Mapping[str, str]) -> Iterator[str]:
    """Yield what a distribution needs by itself, on any platform and any of our Pythons, as far as it is locked."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return  # Locked for another platform.
    if installed.version != version:
        raise StaleLock(f"{name} {installed.version} is installed, and {LOCK} has {version}; install from the lock")
    for line in installed.requires or ():
        requirement = Requirement(line)
        needed = str(canonicalize_name(requirement.name))
        if "extra" not in str(requirement.marker or "") and needed in locked:
            yield needed


def graph(root: Path = ROOT) -> dict[str, list[str]]:
    """Return each distribution that refundry or an extra of it brings, with what it needs, by canonical name."""
    locked = locked_versions(root)
    found: dict[str, list[str]] = {}
    waiting = [*direct(root)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in locked:
            raise StaleLock(f"{name}: pyproject.toml asks for it, and {LOCK} has no version of it; run `nox -s lock`")
        found[name] = sorted(set(_needs(name, locked[name], locked)))
        waiting += found[name]
    return dict(sorted(found.items()))


def text(root: Path = ROOT) -> str:
    """Return the bill of materials. Raises StaleLock where the lock does not fit."""
    locked, needs, asked = locked_versions(root), graph(root), direct(root)
    required = _closure([name for name, always in asked.items() if always], needs)
    version = current_version(root)
    us = Component(name="refundry", version=version, type=ComponentType.LIBRARY, bom_ref="refundry")
    components = {
        name: Component(
            name=name,
            version=locked[name],
            type=ComponentType.LIBRARY,
            bom_ref=name,
            purl=PackageURL("pypi", name=name, version=locked[name]),
            scope=ComponentScope.REQUIRED if name in required else ComponentScope.OPTIONAL,
        )
        for name in needs
    }
    bom = Bom(components=components.values(), serial_number=uuid.uuid5(_NAMESPACE, version))
    bom.metadata.component = us
    bom.register_dependency(us, [components[name] for name in asked])
    for name, needed in needs.items():
        bom.register_dependency(components[name], [components[each] for each in needed])
    return _without_time(JsonV1Dot6(bom))


def _closure(names: Sequence[str], needs: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs[name]
    return found


def _without_time(output: JsonV1Dot6) -> str:
    document: dict[str, Any] = json.loads(output.output_as_string())
    del document["metadata"]["timestamp"]
    written = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(written):
        raise StaleLock(f"{FILE}: it does not fit the schema of CycloneDX 1.6: {problem}")
    return written


def write(root: Path = ROOT) -> None:
    """Write the bill of materials."""
    replace_together({root / FILE: text(root)})


def stale(root: Path = ROOT) -> str | None:
    """Return what is wrong with the stored bill of materials; None when it is what the lock makes."""
    path = root / FILE
    if not path.is_file():
        return f"{FILE}: missing; run `nox -s release -- sbom`"
    if path.read_text(encoding="utf-8") != text(root):
        return f"{FILE}: not what {LOCK} and the version make; run `nox -s release -- sbom`"
    return None
