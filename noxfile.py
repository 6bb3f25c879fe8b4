"""The sessions: `nox -l` lists them, `nox -s NAME -- ARGUMENTS` runs one."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests", "lint"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "uv|virtualenv"
if "PIP_INDEX_URL" in os.environ:  # uv reads no setting of pip
    os.environ.setdefault("UV_DEFAULT_INDEX", os.environ["PIP_INDEX_URL"])

REQUIREMENTS = "requirements/dev.txt"
VERSIONS = ("3.11", "3.12", "3.13")
# The tests that can differ on another Python. The others try the contracts and the tools, or run in other processes.
ON_EACH_VERSION = ("tests/facade", "tests/providers", "tests/faults", "tests/ledger")
# Run side by side on the Python of the session. The first two measure the coverage of the facade.
FACADE = ("tests/facade", "tests/providers", "tests/sandbox")
NETWORK = ("tests/faults", "tests/databases", "tests/ledger", "tests/desk", "tests/testing")
CONTRACTS = (
    *("tests/contract", "tests/docs", "tests/generation", "tests/packaging", "tests/workflows"),
    *("tests/stateful", "tests/simulation", "tests/crash", "tests/recipes", "tests/fuzz", "tests/mutation"),
)
# The servers that tests/servers runs, each with its Debian package.
SERVERS = {"nginx": "nginx-light", "haproxy": "haproxy"}
CODE = ("facade", "generated", "scripts", "tests", "benchmarks", "examples", "noxfile.py")


def install(session: nox.Session, says: str = "") -> None:
    """Install every requirement by hash, and refundry itself in place with the locked build backend.

    `says` is what the session does and about how long it takes, for the sessions that a newcomer runs first.
    """
    pins = sum("==" in line for line in Path(REQUIREMENTS).read_text(encoding="utf-8").splitlines())
    if says:
        session.log(f"{session.name}: {says}")
    session.log(
        f"First {pins} pinned packages are installed: a few seconds if they were fetched before, else a minute."
    )
    session.install("--require-hashes", "-r", REQUIREMENTS)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


def interpreter(version: str) -> str:
    """Return a Python of this version that runs. A shim of pyenv on the path does not run when no version is chosen."""
    name = f"python{version}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(name, path=folder)
        if found and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
            return found
    roots = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/{name}"))
    return str(roots[-1]) if roots else name


@nox.session
def demo(session: nox.Session) -> None:
    """Compare the generated packages with their contracts, and refund at all three providers of the sandbox."""
    install(session, "generates the clients anew, compares, and refunds at three providers. About half a minute.")
    session.run("python", "-m", "scripts.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and measure how much of the facade they cover. Arguments go to pytest, in place of all tests.

    The tests against nginx and haproxy run when both are installed; in CI they have to be.
    """
    absent = absent_servers()
    if absent and not session.posargs and os.environ.get("CI"):
        session.error(absent)
    install(session, "" if session.posargs else "runs every test, three processes side by side. About ten minutes.")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.env["COVERAGE_FILE"] = str(Path(session.virtualenv.location, "coverage"))
    session.run("coverage", "erase")
    measured = ("coverage", "run", "-m", "pytest", "-q")
    network = NETWORK if absent else (*NETWORK, "tests/servers")
    with (
        beside(session, *measured, *cache(session, "network"), *network),
        beside(session, "pytest", "-q", *cache(session, "contracts"), *CONTRACTS),
    ):
        twice(session, *measured, *cache(session, "facade"), *FACADE)
    if absent:
        session.warn(f"LEFT OUT: tests/servers. {absent}")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


def cache(session: nox.Session, name: str) -> tuple[str, str]:
    """Return the options for a pytest cache of its own, which runs side by side do not share."""
    return "-o", f"cache_dir={Path(session.virtualenv.location, f'cache-{name}').absolute()}"


def twice(session: nox.Session, *pytest: str) -> None:
    """Run tests, and the failed ones once more by themselves: on a busy machine a time limit may run out.

    Reports what failed. A test that fails both times fails the session.
    """
    try:
        session.run(*pytest)
    except CommandFailed:
        again(session, *pytest)


def again(session: nox.Session, *pytest: str) -> None:
    """Run the failed tests once more, by themselves."""
    session.warn("FAILED ONCE: the failed tests above run once more by themselves.")
    session.run(*pytest, "--last-failed", "--last-failed-no-failures=none")


def absent_servers() -> str:
    """Return a sentence on the servers that are not installed; the empty string when all are."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    absent = [name for name in SERVERS if shutil.which(name, path=path) is None]
    packages = " ".join(SERVERS[name] for name in absent)
    return f"Not installed: {', '.join(absent)}. Install them with `apt-get install {packages}`." if absent else ""


@contextmanager
def beside(session: nox.Session, *command: str) -> Iterator[None]:
    """Run tests beside the block, then print their output, and run the failed ones once more."""
    program = shutil.which(command[0], path=session.bin)
    log = Path(session.create_tmp(), f"{Path(command[-1]).name}.log")
    with log.open("wb") as output:
        running = subprocess.Popen(
            [program or command[0], *command[1:]],
            env={
                **os.environ,
                **{name: value for name, value in session.env.items() if value is not None},
                "PATH": os.pathsep.join([session.bin, os.environ.get("PATH", os.defpath)]),  # as session.run does
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        except BaseException:
            running.send_signal(signal.SIGINT)  # so that it ends its own processes
            raise
        finally:
            code = running.wait()
            session.log(" ".join(command))
            sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
            sys.stdout.flush()
    if code:
        again(session, *command)


@nox.session
def servers(session: nox.Session) -> None:
    """Run the tests against other servers and workers, which must be installed. Arguments go to pytest."""
    install(session)
    session.run("pytest", *(session.posargs or ["tests/servers"]))


def tests_on(session: nox.Session) -> None:
    """Run the tests that can differ on another Python. Sessions may run side by side. Arguments go to pytest."""
    install(session)
    twice(session, "pytest", "-q", *cache(session, "tests"), *(session.posargs or ON_EACH_VERSION))


for _version in VERSIONS:
    nox.session(name=f"tests-{_version}", python=interpreter(_version))(tests_on)


@nox.session
def lint(session: nox.Session) -> None:
    """Check all code with ruff, mypy and pyright, the contradictions, and the tables of docs/."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", "--isolated", "--select", "F,I", "generated")
    session.run("ruff", "format", "--check", "--isolated", "generated")
    session.run("mypy", *CODE)
    session.run("pyright")
    session.run("pyright", "--verifytypes", "refundry", "--ignoreexternal")  # fails below 100 %
    session.run("ty", "check", "facade", "generated")
    session.run("python", "-m", "scripts.contracts.contradictions")
    session.run("python", "-m", "scripts.documentation.tables", "--check")


@nox.session
def workflows(session: nox.Session) -> None:
    """Check the workflows, their scripts, and the configuration for Renovate that docs/consuming.md gives."""
    session.install("--require-hashes", "-r", "requirements/workflows.txt")
    session.run("zizmor", "--offline", "--pedantic", "--quiet", ".github/workflows")
    files = sorted(map(str, Path(".github/workflows").glob("*.yml")))
    session.run("check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows", *files)
    renovate = Path(session.create_tmp(), "renovate.json")
    (given,) = re.findall(
        r"^```json\n(.*?)^```", Path("docs/consuming.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    renovate.write_text(given, encoding="utf-8")
    session.run("check-jsonschema", "--quiet", "--builtin-schema", "vendor.renovate", str(renovate))
    for script in (".ci/run", ".ci/packages", *sorted(map(str, Path(".github/scripts").glob("*.sh")))):
        session.run("bash", "-n", script, external=True)


@nox.session
def generate(session: nox.Session) -> None:
    """Write the generated packages and specs/lock.toml. With `-- --check`, write nothing and fail on a difference."""
    install(session)
    session.run("python", "-m", "scripts.packages.generate", *session.posargs)


@nox.session
def ingest(session: nox.Session) -> None:
    """Take a provider's page into specs/: `nox -s ingest -- paybyrd page.md --address ADDRESS`."""
    install(session)
    session.run("python", "-m", "scripts.contracts.ingest", *session.posargs)


@nox.session(name="new-provider")
def new_provider(session: nox.Session) -> None:
    """Add a provider: `nox -s new-provider -- acme openapi.yaml 'POST /v1/refunds'`. With its name alone, what is due.

    docs/adding-a-provider.md goes through it.
    """
    install(session)
    session.run("python", "-m", "scripts.new_provider", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Print the tables of docs/ from the code and the contracts. With `-- --check`, fail when one is stale."""
    install(session)
    session.run("python", "-m", "scripts.documentation.tables", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the cost of a refund against httpx called by hand. With `-- --quick`, a short run."""
    install(session)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def model(session: nox.Session) -> None:
    """Walk every interleaving of two workers through the ledger's own rules; of three with `-- --workers 3`."""
    install(session)
    session.run("python", "-m", "scripts.model", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Kill workers with SIGKILL during ten thousand refunds, on SQLite and PostgreSQL, and account for each of them."""
    install(session)
    session.run("python", "-m", "scripts.crash", *session.posargs)


@nox.session
def update(session: nox.Session) -> None:
    """Take in what a provider has published: `nox -s update -- paybyrd page.md`. Without arguments, ask each provider.

    `-- --check` only says what would change. nox ends with 1 for each exit code but 0; the report names the verdict.
    """
    install(session)
    session.run("python", "-m", "scripts.contracts.update", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Make the next version and its changelog: `nox -s release -- auto`. With `-- --check`, see that all agree."""
    install(session)
    session.run("python", "-m", "scripts.release", *session.posargs)


@nox.session
def smoke(session: nox.Session) -> None:
    """Refund a smallest amount at a provider's own sandbox, with your credentials: `nox -s smoke -- paybyrd --help`."""
    install(session)
    session.run("python", "-m", "scripts.smoke", *session.posargs)


@nox.session(venv_backend="none")
def ci(session: nox.Session) -> None:
    """Run all that a change has to pass, two steps at a time. `-- --list` prints the steps. About half an hour."""
    session.run(sys.executable, "-m", "scripts.ci", *session.posargs, external=True)


@nox.session
def wheel(session: nox.Session) -> None:
    """Install the wheel into bare environments, as its users do, and refund over TLS in each: `-- WHEEL`, or a new one.

    At the newest and the lowest direct versions, on Python 3.11 and 3.13.
    """
    install(session)
    session.run("python", "-m", "scripts.release.install", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write requirements/*.txt from the *.in beside them: versions and hashes, and no addresses."""
    session.install("uv")
    for given in sorted(map(str, Path("requirements").glob("*.in"))):
        session.run(
            *("uv", "pip", "compile", "--universal", "--python-version", VERSIONS[0], "--generate-hashes"),
            *("--no-header", "--no-annotate", "--quiet", *session.posargs, given, "-o", given.replace(".in", ".txt")),
        )


@nox.session
def mutation(session: nox.Session) -> None:
    """Break the modules that decide about money in each small way, and see that a test fails: `-- money` for one."""
    install(session)
    session.run("python", "-m", "scripts.mutation", *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """Refund under a virtual clock, by one seed: `nox -s simulate -- --seed 0 --refunds 1000000`; or `-- --mutants`."""
    install(session)
    session.run("python", "-m", "scripts.simulate", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Search for inputs that break a reader: `nox -s fuzz -- --seconds N`, `--target reply`, webhook, ingest or wire.

    atheris has wheels for Linux.
    """
    install(session)
    session.install("--require-hashes", "-r", "requirements/fuzz.txt")
    session.run("python", "-m", "scripts.fuzz", *session.posargs)
