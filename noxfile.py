"""The sessions: `nox -l` lists them, `nox -s NAME -- ARGUMENTS` runs one."""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests", "lint"]
nox.options.reuse_venv = "yes"

REQUIREMENTS = "requirements/dev.txt"
VERSIONS = ("3.11", "3.12", "3.13")
CODE = ("facade", "generated", "scripts", "tests", "benchmarks", "noxfile.py")


def install(session: nox.Session) -> None:
    """Everything by hash, and refundry itself in place, with the locked build backend."""
    session.install("--require-hashes", "-r", REQUIREMENTS)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


def interpreter(version: str) -> str:
    """A Python of this version that runs. The shims of pyenv stand on the path also where no version is chosen."""
    name = f"python{version}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(name, path=folder)
        if found and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
            return found
    roots = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/{name}"))
    return str(roots[-1]) if roots else name


@nox.session
def demo(session: nox.Session) -> None:
    """Show the generated packages to be what is committed, and refund at all three providers over HTTP."""
    install(session)
    session.run("python", "-m", "scripts.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and measure the coverage of the facade. Arguments go to pytest."""
    install(session)
    session.env["COVERAGE_FILE"] = str(Path(session.virtualenv.location, "coverage"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", *([] if not session.posargs else ["--fail-under=0"]))


def tests_on(session: nox.Session) -> None:
    """Run the tests on another Python. They may run side by side. Arguments go to pytest."""
    install(session)
    session.run("pytest", *session.posargs)


for _version in VERSIONS:
    nox.session(name=f"tests-{_version}", python=interpreter(_version))(tests_on)


@nox.session
def lint(session: nox.Session) -> None:
    """Hold all code to ruff, mypy --strict and pyright, the contradictions to the contracts, and docs/ to the code."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", "--isolated", "--select", "F,I", "generated")
    session.run("ruff", "format", "--check", "--isolated", "generated")
    session.run("mypy", *CODE)
    session.run("pyright")
    session.run("python", "-m", "scripts.contradictions")
    session.run("python", "-m", "scripts.docs", "--check")


@nox.session
def generate(session: nox.Session) -> None:
    """Write the generated packages and specs/lock.toml. With `-- --check`, change nothing and fail on a difference."""
    install(session)
    session.run("python", "-m", "scripts.generate", *session.posargs)


@nox.session
def ingest(session: nox.Session) -> None:
    """Take a provider's page into specs/: `nox -s ingest -- paybyrd page.md --address ADDRESS`."""
    install(session)
    session.run("python", "-m", "scripts.ingest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Print the tables of docs/ from the code and the contracts. With `-- --check`, fail where one is stale."""
    install(session)
    session.run("python", "-m", "scripts.docs", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a refund costs against httpx called by hand. `-- --quick` for a short run."""
    install(session)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Install refundry as its users do, with what it pulls in and no more, and import what it brings."""
    session.install(".")
    session.run("python", "-I", "-c", "import refundry_blink, refundry_lab4pay, refundry_paybyrd")
    session.run("python", "-I", "-c", "from refundry import *; print(RefundClient([Paybyrd(api_key='test-key')]))")
    session.run("python", "-m", "pip", "list")


@nox.session
def lock(session: nox.Session) -> None:
    """Write requirements/dev.txt anew from dev.in: versions and hashes, and no addresses."""
    session.install("uv")
    session.run(
        *("uv", "pip", "compile", "--universal", "--python-version", VERSIONS[0], "--generate-hashes"),
        *("--no-header", "--no-annotate", "--quiet", *session.posargs, "requirements/dev.in", "-o", REQUIREMENTS),
    )
