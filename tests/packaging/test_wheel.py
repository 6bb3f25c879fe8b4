"""What the built distribution holds, and what installing it pulls in."""

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import refundry

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("refundry", "refundry_blink", "refundry_lab4pay", "refundry_paybyrd")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.Path(zipfile.ZipFile(built))


def names(wheel: zipfile.Path) -> list[str]:
    return wheel.root.namelist()


def requirements(wheel: zipfile.Path) -> dict[str, str]:
    """The extras that ask for each required distribution, "" where refundry itself does."""
    (metadata,) = (name for name in names(wheel) if name.endswith(".dist-info/METADATA"))
    lines = Parser().parsestr((wheel / metadata).read_text(encoding="utf-8")).get_all("Requires-Dist", [])
    found = [Requirement(line) for line in lines]
    extras: dict[str, list[str]] = {}
    for one in found:
        extras.setdefault(one.name, []).append(
            str(one.marker).partition("extra == ")[2].strip("'\"") if one.marker else ""
        )
    return {name: " ".join(sorted(listed)) for name, listed in extras.items()}


def test_the_wheel_holds_the_four_import_packages_and_nothing_beside_them(wheel: zipfile.Path) -> None:
    tops = {name.split("/", 1)[0] for name in names(wheel) if ".dist-info/" not in name}
    assert tops == set(PACKAGES)


def test_the_version_of_the_wheel_is_the_one_that_the_package_says(wheel: zipfile.Path) -> None:
    (metadata,) = (name for name in names(wheel) if name.endswith(".dist-info/METADATA"))
    assert Parser().parsestr((wheel / metadata).read_text(encoding="utf-8"))["Version"] == refundry.__version__


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_in_the_wheel_is_typed(wheel: zipfile.Path, package: str) -> None:
    assert f"{package}/py.typed" in names(wheel)


@pytest.mark.parametrize("package", PACKAGES[1:])
def test_each_generated_package_in_the_wheel_brings_its_contract_and_schemas(wheel: zipfile.Path, package: str) -> None:
    assert {f"{package}/contract.json", f"{package}/schemas.py"} <= set(names(wheel))


def test_the_wheel_holds_every_module_of_the_facade_as_it_stands_in_the_tree(wheel: zipfile.Path) -> None:
    facade = ROOT / "facade"
    modules = {path.relative_to(facade).as_posix(): path.read_bytes() for path in facade.rglob("*.py")}
    assert modules == {name: (wheel / name).read_bytes() for name in names(wheel) if name in modules}


def test_installing_pulls_in_httpx_and_attrs_and_little_else(wheel: zipfile.Path) -> None:
    assert {name for name, extra in requirements(wheel).items() if not extra} == {
        "attrs",
        "certifi",
        "httptools",
        "httpx",
    }


def test_pydantic_the_sandbox_strict_reading_and_spans_are_extras(wheel: zipfile.Path) -> None:
    assert {name: extra for name, extra in requirements(wheel).items() if extra} == {
        "opentelemetry-api": "otel",
        "pydantic": "schemas",
        "openapi-schema-validator": "sandbox strict",
    }
