"""What the tests of the generated packages share: the three packages as cases, inline contracts, a loopback server."""

import importlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

from scripts.generators import package_name, write_client, write_schemas

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "test-key"


@dataclass(frozen=True)
class Case:
    """One operation of one generated package, and what goes with it. `accepted` is a reply with status 200."""

    provider: str
    operation: str
    body_class: str
    body: Mapping[str, Any]
    arguments: Mapping[str, Any]
    path: str
    auth: tuple[str, str]
    accepted: Mapping[str, Any]
    error_status: int

    def module(self, name: str) -> ModuleType:
        """Import a module of the package."""
        return importlib.import_module(f"{package_name(self.provider)}.{name}")

    @property
    def api(self) -> ModuleType:
        """The module of the operation."""
        return self.module(f"api.refunds.{self.operation}")

    def call_arguments(self, **changes: Any) -> dict[str, Any]:
        """Return the arguments of `build_request`, with some changed."""
        body = getattr(self.module("models"), self.body_class)(**self.body)
        return {"body": body, **self.arguments, **changes}

    def client(self, base_url: str = "https://provider.invalid", **options: Any) -> Any:
        """Return a client that heeds no proxy of the environment."""
        options = {"httpx_args": {"trust_env": False}, **options}
        return self.module("client").AuthenticatedClient(base_url=base_url, token=TOKEN, **options)


CASES = (
    Case(
        provider="lab4pay",
        operation="refund_unreferenced",
        body_class="PayConnectTransactionIndependentRefundBody",
        body={"amount": 500, "client_transaction_id": "till-3/9"},
        arguments={"x_pay_connect_integrator_id": "integrator-1"},
        path="/v1/pay-connect/transactions/refund/",
        auth=("authorization", f"Bearer {TOKEN}"),
        accepted={"transaction_id": "t-1"},
        error_status=400,
    ),
    Case(
        provider="paybyrd",
        operation="refund_transaction",
        body_class="RefundRequest",
        body={"iso_amount": 100},
        arguments={"transaction_id": "p-1", "idempotency_key": "order-1/1"},
        path="/api/v2/refund/p-1",
        auth=("x-api-key", TOKEN),
        accepted={"code": "BYRD200", "isoAmount": 100, "sourceTransaction": {"isoAmount": 300}, "transactionId": "r-1"},
        error_status=404,
    ),
    Case(
        provider="blink",
        operation="refund_transaction",
        body_class="RefundRequest",
        body={"partial_refund": True, "amount": 79.1, "reference": "order-77/1"},
        arguments={"transaction_id": "BL-1"},
        path="/api/pay/v1/transactions/BL-1/refunds",
        auth=("authorization", f"Bearer {TOKEN}"),
        accepted={"status": "completed", "amount": 79.1, "transaction_id": "BL-1"},
        error_status=422,
    ),
)
BY_PATH = tuple(case for case in CASES if "transaction_id" in case.arguments)


@dataclass
class Seen:
    """A request as a server saw it; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A provider on loopback that gives one reply to everything and remembers what it saw."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None
    seen: list[Seen] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Run a server on a free port for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.seen.append(Seen(self.command, self.path, headers, body))
            if server.hang is not None:
                server.hang.wait(10)
                return
            self.send_response(server.status)
            for name, value in {"content-length": str(len(server.content)), **server.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(server.content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            if server.hang is not None:
                server.hang.set()
            http.shutdown()
            thread.join()


def contract(
    *,
    schemas: Mapping[str, Any] | None = None,
    replies: Mapping[str, Any] | None = None,
    operation: Mapping[str, Any] | None = None,
    **document: Any,
) -> dict[str, Any]:
    """Return a small contract: one operation `act` with the schemas Body and Reply.

    `schemas` are added to or replace those, `replies` maps a status to the schema of its body or None, `operation` and
    `document` replace members of the operation and of the document.
    """
    statuses = {"200": {"$ref": "#/components/schemas/Reply"}} if replies is None else replies
    return {
        "openapi": "3.0.3",
        "info": {"title": "Demo API", "version": "1"},
        "paths": {
            "/things/{thing_id}": {
                "post": {
                    "operationId": "act",
                    "tags": ["refunds"],
                    "parameters": [{"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}},
                    },
                    "responses": {
                        status: {
                            "description": "Reply",
                            **({} if schema is None else {"content": {"application/json": {"schema": schema}}}),
                        }
                        for status, schema in statuses.items()
                    },
                    **(operation or {}),
                }
            }
        },
        "components": {
            "schemas": {
                "Body": {"type": "object", "properties": {"amount": {"type": "number"}}},
                "Reply": {"type": "object", "properties": {"id": {"type": "string"}}},
                **(schemas or {}),
            }
        },
        **document,
    }


_numbers = itertools.count()


@dataclass(frozen=True)
class Made:
    """A package that was generated from an inline contract, and can be imported."""

    name: str
    folder: Path

    def module(self, name: str) -> ModuleType:
        """Import a module of the package."""
        return importlib.import_module(f"{self.name}.{name}")

    @property
    def api(self) -> ModuleType:
        """The module of the operation `act`."""
        return self.module("api.refunds.act")

    def read(self, value: object, status: int = 200) -> Any:
        """Read a reply whose body is `value` as JSON."""
        return self.api.read_reply(status, json.dumps(value).encode())


def make(source: Mapping[str, Any], folder: Path) -> Made:
    """Generate a package from a contract with both tools, and make it importable for the rest of the test run."""
    provider = f"demo{next(_numbers)}"
    scratch = folder / provider
    scratch.mkdir()
    write_client(provider, source, scratch)
    write_schemas(provider, source, scratch)
    package = scratch / package_name(provider)
    (scratch / "schemas.py").rename(package / "schemas.py")
    sys.path.insert(0, str(scratch))
    try:
        importlib.import_module(package.name)
    finally:
        sys.path.remove(str(scratch))
    return Made(package.name, package)


def run(*command: str, cwd: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run this interpreter with some arguments, and return its exit code and output."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
