"""What the built distribution holds, what installing it pulls in, and that it is built alike everywhere."""

import json
import re
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.version import Version

import refundry
from scripts.contracts.providers import PROVIDERS
from scripts.release import sbom, wheel
from scripts.release.readme import for_an_index
from tests.packaging.conftest import ROOT, Built, edit

PACKAGES = ("refundry", "refundry_blink", "refundry_lab4pay", "refundry_paybyrd")
INFORMATION = f"refundry-{refundry.__version__}.dist-info"
ADDRESS = "https://git.example.com/payments/refundry/blob/v{version}/{path}"


@pytest.fixture(scope="module")
def held(built: Built) -> dict[str, bytes]:
    """Return each file of the wheel."""
    with zipfile.ZipFile(built.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(held: dict[str, bytes]) -> Message:
    """Return the metadata of the wheel."""
    return Parser().parsestr(held[f"{INFORMATION}/METADATA"].decode())


def requirements(metadata: Message) -> list[Requirement]:
    """Return each requirement; one distribution may stand in several extras."""
    return [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]


def extra(requirement: Requirement) -> str:
    """Return the extra that asks for a requirement, "" where refundry itself does."""
    return str(requirement.marker).partition("extra == ")[2].strip("'\"") if requirement.marker else ""


def test_the_wheel_holds_the_four_import_packages_and_nothing_beside_them(held: dict[str, bytes]) -> None:
    assert {name.partition("/")[0] for name in held} == {*PACKAGES, INFORMATION}


def test_the_version_of_the_wheel_is_the_one_that_the_package_says(metadata: Message) -> None:
    assert metadata["Version"] == refundry.__version__


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_in_the_wheel_is_typed(held: dict[str, bytes], package: str) -> None:
    assert f"{package}/py.typed" in held


@pytest.mark.parametrize("package", PACKAGES[1:])
def test_each_generated_package_in_the_wheel_brings_its_contract_and_schemas(
    held: dict[str, bytes], package: str
) -> None:
    assert {f"{package}/contract.json", f"{package}/schemas.py"} <= set(held)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_wheel_carries_what_each_package_was_made_from(held: dict[str, bytes], provider: str) -> None:
    for name in ("openapi.yaml", "overlay.yaml", "contradictions.toml", "source.toml"):
        carried = held[f"refundry/_sources/specs/{provider}/{name}"]
        assert carried == (ROOT / "specs" / provider / name).read_bytes()


def test_the_wheel_holds_every_module_of_the_facade_as_it_stands_in_the_tree(held: dict[str, bytes]) -> None:
    facade = ROOT / "facade"
    modules = {path.relative_to(facade).as_posix(): path.read_bytes() for path in facade.rglob("*.py*")}
    modules = {name: content for name, content in modules.items() if "__pycache__" not in name}
    assert modules == {name: held.get(name) for name in modules}


def test_installing_pulls_in_httpx_and_attrs_and_little_else(metadata: Message) -> None:
    direct = {requirement.name for requirement in requirements(metadata) if not extra(requirement)}
    assert direct == {"attrs", "certifi", "httptools", "httpx"}


def test_what_a_service_may_do_without_is_an_extra(metadata: Message) -> None:
    extras = {(extra(requirement), requirement.name) for requirement in requirements(metadata) if extra(requirement)}
    assert extras == {
        ("otel", "opentelemetry-api"),
        ("postgres", "psycopg"),
        ("schemas", "pydantic"),
        ("sandbox", "openapi-schema-validator"),
        ("strict", "openapi-schema-validator"),
        ("testing", "openapi-schema-validator"),
        ("testing", "pytest"),
    }


def test_pytest_finds_the_plugin_by_its_entry_point(held: dict[str, bytes]) -> None:
    assert held[f"{INFORMATION}/entry_points.txt"].decode().split() == [
        "[pytest11]",
        *["refundry", "=", "refundry.pytest_plugin"],
    ]


def test_each_requirement_has_a_lower_bound(metadata: Message) -> None:
    bounds = {
        requirement.name: [each.version for each in requirement.specifier if each.operator in (">=", "==", "~=")]
        for requirement in requirements(metadata)
    }
    assert [name for name, lower in bounds.items() if not lower or Version(lower[0]) <= Version("0.1")] == []


def test_an_index_of_the_outside_refuses_the_package(metadata: Message) -> None:
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])


def test_the_readme_of_the_wheel_has_no_link_that_leads_nowhere(metadata: Message) -> None:
    readme = metadata.get_payload()
    assert isinstance(readme, str)
    assert "One page]" not in readme
    assert "docs/house.md says where a thing lives" in readme
    assert re.findall(r"\]\((?!https://|#)", readme) == []


def test_the_readme_links_into_the_repository_once_the_owner_has_named_it() -> None:
    text = for_an_index("See [one\npage](docs/a.md), [there](https://example.com/x) and [below](#b).", "0.4.0", ADDRESS)
    assert text == (
        "See [one\npage](https://git.example.com/payments/refundry/blob/v0.4.0/docs/a.md), "
        "[there](https://example.com/x) and [below](#b)."
    )


def test_every_link_of_the_readme_leads_to_a_file_of_the_repository() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)\s]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_a_wheel_that_its_tree_or_its_sdist_does_not_make_is_named_file_by_file(
    built: Built, tree: Path, tmp_path: Path
) -> None:
    edit(tree / "CHANGELOG.md", "# Changelog", "# Changes")
    (tree / "facade" / "refundry" / "more.py").touch()
    (tree / "specs" / "paybyrd" / "used.yaml").touch()
    other = tmp_path / built.wheel.name
    other.write_bytes(built.wheel.read_bytes())
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("refundry/extra.py", "")
    found = wheel.problems(other, built.sdist, tmp_path, tree)
    for text in (
        "refundry/_sources/CHANGELOG.md: other than in the tree",
        "refundry/more.py: missing",
        "refundry/_sources/specs/paybyrd/used.yaml: missing",
        "refundry/extra.py: added",
        "not the bytes that",
    ):
        assert [line for line in found if text in line], found


def test_the_bill_of_materials_is_valid_has_no_time_and_lies_in_wheel_and_sdist(
    held: dict[str, bytes], built: Built
) -> None:
    text = (ROOT / sbom.FILE).read_bytes()
    assert held[f"{INFORMATION}/sboms/refundry.cdx.json"] == text
    with tarfile.open(built.sdist) as archive:
        member = archive.extractfile(f"refundry-{refundry.__version__}/{sbom.FILE}")
        assert member is not None
        assert member.read() == text
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode()) is None
    assert "timestamp" not in json.loads(text)["metadata"]


def test_the_bill_of_materials_is_what_the_lock_makes() -> None:
    assert sbom.stale() is None
    components = {each["name"]: each for each in json.loads((ROOT / sbom.FILE).read_text())["components"]}
    locked = sbom.locked_versions()
    assert {name: each["version"] for name, each in components.items()} == {name: locked[name] for name in components}
    assert {name for name, each in components.items() if each["scope"] == "required"} >= {"httpx", "httpcore", "anyio"}
    assert components["pydantic"]["scope"] == "optional"


def test_a_lock_that_moved_makes_the_bill_of_materials_stale(tree: Path) -> None:
    lock = tree / "requirements" / "dev.txt"
    version = sbom.locked_versions(tree)["httptools"]
    lock.write_text(lock.read_text(encoding="utf-8").replace(f"httptools=={version}", "httptools==0.0.1"))
    with pytest.raises(sbom.StaleLock, match=r"httptools .* is installed, and requirements/dev\.txt has 0\.0\.1"):
        sbom.text(tree)


def test_a_dependency_that_is_not_locked_is_named(tree: Path) -> None:
    edit(tree / "pyproject.toml", 'otel = ["', 'otel = ["no-such-distribution>=1", "')
    with pytest.raises(sbom.StaleLock, match="no-such-distribution: pyproject"):
        sbom.text(tree)
