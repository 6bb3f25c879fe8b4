"""Installs the wheel as its users do, at the newest and at the lowest direct versions, and refunds with it over TLS.

`python -m scripts.release.install [WHEEL]` builds the wheel where none is given. Each environment is bare: it has the
wheel, its dependencies, and no part of the tree. The lowest direct versions are those that `pyproject.toml` allows, so
that a bound which does not work is found here.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, Sandbox
from scripts.files import ROOT
from scripts.release import wheel
from scripts.release.tls import served

TRIAL = Path(__file__).with_name("trial.py")
_SECONDS = 300
_GIVEN = {
    "credentials": {
        "paybyrd": {"api_key": CREDENTIALS["paybyrd"]},
        "blink": {**TOKEN_CREDENTIALS["blink"]},
        "lab4pay": {**TOKEN_CREDENTIALS["lab4pay"], "integrator_id": INTEGRATOR_ID},
    },
    "payments": {"paybyrd": "paybyrd-eur", "blink": "blink-gbp", "lab4pay": "lab4pay-payment"},
}


class Environment(NamedTuple):
    """One bare environment."""

    python: str
    resolution: str
    extras: bool

    def __str__(self) -> str:
        return f"Python {self.python}, {self.resolution}, {'all extras' if self.extras else 'no extra'}"


# Without extras on one Python alone: what an extra brings is not missed on another one.
ENVIRONMENTS = (
    Environment("3.11", "highest", extras=False),
    Environment("3.11", "lowest-direct", extras=True),
    Environment("3.13", "lowest-direct", extras=True),
    Environment("3.13", "highest", extras=True),
)


class TrialFailed(Exception):
    """A bare environment could not be made, or the refund in it did not do what it should."""


def interpreter(version: str) -> str:
    """Return a Python of this version that runs: a shim of pyenv on the path does not, where no version is chosen."""
    name = f"python{version}"
    found = [path for folder in os.get_exec_path() if (path := shutil.which(name, path=folder))]
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found += map(str, sorted(root.glob(f"versions/{version}.*/bin/{name}"), reverse=True))
    for path in found:
        if not subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode:
            return path
    raise TrialFailed(f"{name}: not installed; install it, or leave it out with --python")


def try_in(environment: Environment, built: Path, base_url: str, authority: Path, folder: Path, root: Path) -> str:
    """Install the wheel into a new environment in `folder`, try it, and return what it printed."""
    uv = ("uv", "--quiet", "--no-config", "--no-python-downloads")
    target = folder / re.sub(r"\W+", "-", str(environment))
    requirements = target.with_suffix(".txt")
    extras = ["--all-extras"] if environment.extras else []
    _run(*uv, "venv", "--no-project", "--python", interpreter(environment.python), str(target))
    python = str(target / "bin" / "python")
    compiling = ("pip", "compile", "--resolution", environment.resolution, "--python", python, *extras)
    _run(*uv, *compiling, str(root / "pyproject.toml"), "-o", str(requirements))
    _run(*uv, "pip", "install", "--python", python, "-r", str(requirements))
    _run(*uv, "pip", "install", "--python", python, "--no-deps", str(built))
    return _run(python, "-I", str(TRIAL), base_url, str(authority), given=json.dumps(_GIVEN), cwd=folder)


def _run(*command: str, given: str = "", cwd: Path = ROOT) -> str:
    done = subprocess.run(command, input=given, cwd=cwd, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise TrialFailed(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 where each environment refunded, 1 where one did not."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.release.install",
        description="Install the wheel into bare environments, and refund over TLS in each.",
        epilog="Exit code: 0 all did; 1 one did not.",
    )
    parser.add_argument("wheel", nargs="?", type=Path, help="default: build it from the tree")
    parser.add_argument("--python", action="append", metavar="3.x", help="only on this version; may be given again")
    options = parser.parse_args(arguments)
    chosen = [each for each in ENVIRONMENTS if each.python in (options.python or [each.python])]
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.wheel is None:
            wheel.build(ROOT, folder / "dist", ("wheel",))
        built = options.wheel.resolve() if options.wheel else next((folder / "dist").glob("*.whl"))
        for environment in chosen:
            started = time.perf_counter()
            try:
                with served(Sandbox(), folder) as (base_url, authority):
                    said = try_in(environment, built, base_url, authority, folder, ROOT)
                print(f"{environment}: {time.perf_counter() - started:.1f} s\n{said}", flush=True)
            except (TrialFailed, subprocess.TimeoutExpired) as error:
                failures += 1
                print(f"error: {environment}: {error}", file=sys.stderr, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
