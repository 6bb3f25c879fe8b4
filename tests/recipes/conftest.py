"""The wheel, built and installed once for all recipes, and the providers of each file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.release import wheel
from tests.recipes.running import Provider, guard
from tests.servers.running import ROOT, listening


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the tree and install it into a folder. Other packages come from the tests' environment."""
    folder = tmp_path_factory.mktemp("dist")
    wheel.build(ROOT, folder, ("wheel",))
    (built,) = folder.glob("*.whl")
    target = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "uv", "--quiet", "--no-config", "--offline", "pip", "install", "--no-deps"]
    subprocess.run([*install, "--python", sys.executable, "--target", str(target), str(built)], check=True, timeout=60)
    guard(target)
    return target


@pytest.fixture(scope="module")
def provider(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The sandbox, in a process of its own."""
    log = tmp_path_factory.mktemp("provider") / "provider.log"
    script = str(Path(__file__).with_name("provider.py"))
    with listening(lambda port: [sys.executable, "-P", script, str(port)], log, PYTHONPATH=str(site)) as port:
        yield Provider(f"http://127.0.0.1:{port}")
