"""The setting of a run: the server, in its own process, and the folder for generated files."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import certifi

ROOT = Path(__file__).resolve().parent.parent
GENERATOR = "openapi-python-client generate"
_SERVER_SECONDS = 900.0
_PROCESS_SECONDS = 60.0


class Defect(Exception):
    """Something to measure does not work. The text says what it is, and what to do."""


def installed(module: str) -> bool:
    """Whether an optional module is installed."""
    return importlib.util.find_spec(module) is not None


def environment() -> dict[str, str]:
    """The environment of the processes that are measured.

    Bytecode is written, as installing a package does, and the tools beside this interpreter are found first.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])}


@dataclass(frozen=True, slots=True)
class Server:
    """The running server. `https` is None without a certificate. `bundle` holds the authorities to trust.

    `closing` is as `https`, and ends each connection with its first reply.
    """

    http: str
    https: str | None
    closing: str | None
    bundle: Path


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Run the server. Its certificate and the authorities to trust are written to the folder."""
    bundle = folder / "trusted.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    command = [sys.executable, "-m", "benchmarks.server", "--seconds", str(_SERVER_SECONDS)]
    if installed("trustme"):
        command += ["--certificate", str(_certificate(folder, bundle))]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not first:
                process.wait()
                errors.seek(0)
                raise Defect(f"the server did not start: {last_line(errors.read())}; run `python -m benchmarks.server`")
            ports = json.loads(first)
            https, closing = (
                f"https://127.0.0.1:{ports[name]}" if name in ports else None for name in ("https", "closing")
            )
            yield Server(f"http://127.0.0.1:{ports['http']}", https, closing, bundle)
        finally:
            process.terminate()


def _certificate(folder: Path, bundle: Path) -> Path:
    """Make a certificate for this machine, and have the bundle trust it beside the public authorities.

    The public authorities stay in it: reading them is part of the cost of a first refund.
    """
    import trustme

    authority = trustme.CA()
    path = folder / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    bundle.write_bytes(bundle.read_bytes() + authority.cert_pem.bytes())
    return path


def last_line(output: bytes) -> str:
    """The last line of what a process printed."""
    return output.decode(errors="replace").strip().rpartition("\n")[2] or "it printed nothing"


def generate_stock(target: Path) -> None:
    """Write the client that openapi-python-client makes of Paybyrd's contract, with its own templates, to `target`."""
    contract = ROOT / "generated" / "refundry_paybyrd" / "contract.json"
    run(GENERATOR, stock_command(contract, target))


def stock_command(contract: Path, target: Path) -> list[str]:
    """One bare run of openapi-python-client."""
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    return [*command, "--path", str(contract), "--output-path", str(target)]


def run(what: str, command: list[str], **variables: str) -> bytes:
    """Run a process in the project's folder; return what it prints. Raises Defect with its name where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**environment(), **variables},
            capture_output=True,
            check=False,
            timeout=_PROCESS_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise Defect(f"{what} did not end in {_PROCESS_SECONDS:.0f} s; find out what it waits for") from error
    if done.returncode:
        raise Defect(
            f"{what} ended with exit code {done.returncode}: {last_line(done.stderr or done.stdout)}; "
            "mend what it names"
        )
    return done.stdout
