"""docs/consuming.md: its commands install from an index on loopback, and the tools can read its configuration."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

import refundry
from scripts.release.steps import Step, next_version
from tests.packaging.conftest import ROOT, Built

PAGE: Final = (ROOT / "docs" / "consuming.md").read_text(encoding="utf-8")
COMMANDS: Final = re.findall(r"^\$ ((?:pip|uv) .*)$", PAGE, re.MULTILINE)
UPPER: Final = next_version(refundry.__version__, Step.MINOR).removesuffix(".0")


def blocks(language: str) -> list[str]:
    """Return each fenced block of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder: the listing of a folder of wheels is what an index says of a project."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


@contextmanager
def index(folder: Path) -> Iterator[str]:
    """Serve an index on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()


def environment() -> dict[str, str]:
    """Return an environment in which no setting of this machine names another index."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "NO_PROXY": "127.0.0.1"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with pip and nothing else."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin" / "python"


def test_the_page_shows_pip_and_uv_to_pin_and_to_go_back() -> None:
    assert [command.split()[0] for command in COMMANDS] == ["pip", "uv", "pip"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_installs_from_the_one_index(
    command: str, built: Built, python: Path, tmp_path: Path
) -> None:
    project = tmp_path / "index" / "simple" / "refundry"
    project.mkdir(parents=True)
    (project / built.wheel.name).write_bytes(built.wheel.read_bytes())
    target = tmp_path / "site"
    with index(tmp_path / "index") as address:
        words = shlex.split(command.replace("$INDEX", address))
        words[-1] = words[-1].replace(">=0.4,<0.5", f">={refundry.__version__},<{UPPER}")
        words[-1] = words[-1].replace("==0.4.1", f"=={refundry.__version__}")
        if words[0] == "uv":
            words.insert(3, f"--python={python}")
        run = [str(python), "-m", *words] if words[0] == "pip" else [sys.executable, "-m", *words]
        # The index has no other package, so its dependencies are left out.
        run += ["--no-deps", "--target", str(target), "--no-cache-dir" if words[0] == "pip" else "--no-cache"]
        done = subprocess.run(run, env=environment(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        [str(python), "-c", "from refundry.__main__ import main; raise SystemExit(main(['provenance']))"],
        env={**environment(), "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout
    assert "verified  files" in shown.stdout


def test_no_command_of_the_page_asks_a_second_index() -> None:
    assert not any("extra-index" in command for command in COMMANDS)
    (settings,) = map(tomllib.loads, blocks("toml"))
    assert settings["tool"]["uv"]["sources"]["refundry"]["index"] == settings["tool"]["uv"]["index"][0]["name"]
    assert settings["tool"]["uv"]["index"][0]["explicit"] is True


def test_the_rules_for_renovate_merge_no_step_that_breaks() -> None:
    (text,) = blocks("json")
    merged = [rule.get("matchUpdateTypes") for rule in json.loads(text)["packageRules"] if rule["automerge"]]
    assert merged == [["patch"]]
