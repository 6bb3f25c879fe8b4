"""Third-party servers, each in its own process in front of the provider, and ended by its process id."""

import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent.parent
HERE: Final = Path(__file__).resolve().parent
SECONDS: Final = 15.0
"""The longest that a process may take to start or to end."""
_ATTEMPTS: Final = 3
_BELOW_THE_SYSTEMS_OWN: Final = range(20000, 32000)
_LONG: Final = 75
"""For how many seconds the server behind a proxy keeps a connection: longer than the proxy does."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The setup of a server: its folder, and a PEM file of a key with its certificates.

    `keep_alive` is how many seconds it keeps an idle connection.
    """

    folder: Path
    certificate: Path
    keep_alive: int = 5

    @property
    def book(self) -> Path:
        """The file in which the provider records its events."""
        return self.folder / "book"


Maker = Callable[[Setting], AbstractContextManager[str]]
"""Runs a server and yields its address."""


def program(name: str, package: str) -> str:
    """Return the path of a program of Debian's. Fails the test where it is missing."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(f"{name} is not installed, and this test runs it: `apt-get install {package}`")
    return found


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process: this one's without proxies, and with the project's modules."""
    keep_alive = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    modules = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**keep_alive, "PYTHONPATH": modules, **variables}


@contextmanager
def process(
    command: Sequence[str], log: Path, variables: Mapping[str, str], ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process and its children until the block ends. Raises RuntimeError with its log if it never gets ready."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as running,
    ):
        try:
            until = time.monotonic() + SECONDS
            while not ready():
                if running.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            yield running
        finally:
            _end(running)


def _end(running: subprocess.Popen[bytes]) -> None:
    """End a process of this test and its children: its id is the id of their group."""
    if running.poll() is None:
        running.terminate()
        try:
            running.wait(SECONDS / 3)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)


def free_port() -> int:
    """Return a free port that the system gives to no connection meanwhile."""
    for port in random.sample(_BELOW_THE_SYSTEMS_OWN, 100):
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("a hundred ports were tried, and none is free")


def listens(port: int) -> bool:
    """Return whether a port of this machine accepts connections."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def listening(command: Callable[[int], Sequence[str]], log: Path, **variables: str) -> Iterator[int]:
    """Run a server on a free port, with the command for that port. Yields the port."""
    with ExitStack() as stack:
        yield _started(stack, command, log, variables)


def _started(
    stack: ExitStack, command: Callable[[int], Sequence[str]], log: Path, variables: Mapping[str, str], attempt: int = 1
) -> int:
    port = free_port()
    try:
        stack.enter_context(process(command(port), log, variables, functools.partial(listens, port)))
    except RuntimeError:  # another process may have taken the port meanwhile
        if attempt == _ATTEMPTS:
            raise
        return _started(stack, command, log, variables, attempt + 1)
    return port


# The servers.


def uvicorn_command(port: int, http: str, keep_alive: int, certificate: Path | None) -> list[str]:
    """Return the command of uvicorn on a port, with one of its two implementations of HTTP."""
    command = [sys.executable, "-m", "uvicorn", "tests.servers.applications:asgi", "--log-level", "warning"]
    command += ["--port", str(port), "--http", http, "--timeout-keep-alive", str(keep_alive)]
    command += ["--timeout-graceful-shutdown", "1"]
    tls = [] if certificate is None else ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(certificate)]
    return command + tls


def uvicorn(http: str) -> Maker:
    """uvicorn, with TLS."""

    @contextmanager
    def run(setting: Setting) -> Iterator[str]:
        with listening(
            lambda port: uvicorn_command(port, http, setting.keep_alive, setting.certificate),
            setting.folder / "uvicorn.log",
            BOOK=str(setting.book),
        ) as port:
            yield f"https://localhost:{port}"

    return run


@contextmanager
def hypercorn(setting: Setting) -> Iterator[str]:
    """hypercorn, with TLS."""
    files = ["--certfile", str(setting.certificate), "--keyfile", str(setting.certificate)]
    common = [sys.executable, "-m", "hypercorn", "tests.servers.applications:asgi", *files]
    common += ["--keep-alive", str(setting.keep_alive), "--log-level", "warning"]
    log = setting.folder / "hypercorn.log"
    with listening(lambda port: [*common, "--bind", f"localhost:{port}"], log, BOOK=str(setting.book)) as port:
        yield f"https://localhost:{port}"


@contextmanager
def gunicorn(setting: Setting) -> Iterator[str]:
    """gunicorn with threads and the WSGI application, with TLS. One worker, because the provider has one memory."""
    files = ["--certfile", str(setting.certificate), "--keyfile", str(setting.certificate)]
    common = [sys.executable, "-m", "gunicorn", "tests.servers.applications:wsgi", *files, "--threads", "8"]
    common += [
        "--keep-alive",
        str(setting.keep_alive),
        "--log-level",
        "warning",
        "--worker-tmp-dir",
        str(setting.folder),
    ]
    log = setting.folder / "gunicorn.log"
    with listening(lambda port: [*common, "--bind", f"localhost:{port}"], log, BOOK=str(setting.book)) as port:
        yield f"https://localhost:{port}"


def node(scheme: str) -> Maker:
    """Node's own http or https."""

    @contextmanager
    def run(setting: Setting) -> Iterator[str]:
        common = [program("node", "nodejs"), str(HERE / "provider.mjs")]
        rest = [str(setting.keep_alive), *([str(setting.certificate)] if scheme == "https" else [])]
        log = setting.folder / "node.log"
        with listening(lambda port: [*common, str(port), *rest], log, BOOK=str(setting.book)) as port:
            yield f"{scheme}://localhost:{port}"

    return run


@contextmanager
def _behind(setting: Setting) -> Iterator[int]:
    """The provider without TLS, for a proxy in front of it."""
    log = setting.folder / "uvicorn.log"
    with listening(lambda port: uvicorn_command(port, "httptools", _LONG, None), log, BOOK=str(setting.book)) as port:
        yield port


# Debian's modules that write temporary files get a folder here: their usual folders belong to root. A
# connection ends after 40 requests too.
_NGINX: Final = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout {keep_alive}s {keep_alive}s;
    keepalive_requests 40;
    upstream provider {{ server 127.0.0.1:{behind}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering {buffering};
        }}
    }}
}}
"""


def nginx(buffering: str) -> Maker:
    """nginx with TLS in front of uvicorn, `proxy_buffering` on or off."""

    @contextmanager
    def run(setting: Setting) -> Iterator[str]:
        configuration = setting.folder / "nginx.conf"

        def command(port: int) -> list[str]:
            configuration.write_text(
                _NGINX.format(
                    folder=setting.folder,
                    user="user root;" if os.geteuid() == 0 else "",
                    keep_alive=setting.keep_alive,
                    behind=behind,
                    port=port,
                    certificate=setting.certificate,
                    buffering=buffering,
                ),
                encoding="utf-8",
            )
            return [program("nginx", "nginx-light"), "-e", "stderr", "-c", str(configuration)]

        with _behind(setting) as behind, listening(command, setting.folder / "nginx.log") as port:
            yield f"https://localhost:{port}"

    return run


_HAPROXY: Final = """
global
    maxconn 512
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-keep-alive {keep_alive}s
frontend public
    bind 127.0.0.1:{port} ssl crt {certificate}
    default_backend provider
backend provider
    http-reuse safe
    server one 127.0.0.1:{behind}
"""


@contextmanager
def haproxy(setting: Setting) -> Iterator[str]:
    """haproxy with TLS in front of uvicorn."""
    configuration = setting.folder / "haproxy.cfg"

    def command(port: int) -> list[str]:
        configuration.write_text(
            _HAPROXY.format(keep_alive=setting.keep_alive, port=port, certificate=setting.certificate, behind=behind),
            encoding="utf-8",
        )
        return [program("haproxy", "haproxy"), "-db", "-f", str(configuration)]

    with _behind(setting) as behind, listening(command, setting.folder / "haproxy.log") as port:
        yield f"https://localhost:{port}"


HAS_NODE: Final = shutil.which("node") is not None
MAKERS: Final[Mapping[str, Maker]] = {
    "uvicorn-h11": uvicorn("h11"),
    "uvicorn-httptools": uvicorn("httptools"),
    "hypercorn": hypercorn,
    "gunicorn": gunicorn,
    "nginx-buffering": nginx("on"),
    "nginx-unbuffered": nginx("off"),
    "haproxy": haproxy,
    **({"node-http": node("http"), "node-https": node("https")} if HAS_NODE else {}),
}
"""Every server, by its name. Node's are left out where Node is not."""
ONLY_PAYBYRD: Final = frozenset({"node-http", "node-https"})
