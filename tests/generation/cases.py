"""The operations of the generated packages as cases, calls of them, and a provider on loopback."""

import asyncio
import functools
import importlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest
from hypothesis import strategies as st

from scripts.contracts.contract import effective
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import resolve
from scripts.contracts.providers import PROVIDERS, package_name

TOKEN = "test-key"


@functools.cache
def contract_of(provider: str) -> dict[str, Any]:
    """Return a provider's effective contract, made once. Do not change it."""
    return effective(provider)


@dataclass(frozen=True)
class Case:
    """One operation of one generated package, with its arguments and replies.

    `body_class` is None where the operation has no body, `auth` is None where the operation needs no credential.
    `accepted` is a reply with status 200, None where that has no content, and `reply` is the name of its model.
    """

    provider: str
    operation: str
    path: str
    auth: tuple[str, str] | None
    error_status: int
    tag: str = "refunds"
    method: str = "POST"
    body_class: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    path_parameter: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    accepted: Any = None
    reply: str = "NoneType"

    def __str__(self) -> str:
        return f"{self.provider}-{self.operation}"

    def module(self, name: str) -> ModuleType:
        """Import a module of the package."""
        return importlib.import_module(f"{package_name(self.provider)}.{name}")

    @property
    def api(self) -> ModuleType:
        """The module of the operation."""
        return self.module(f"api.{self.tag}.{self.operation}")

    @functools.cached_property
    def described(self) -> dict[str, Any]:
        """The operation in the effective contract."""
        nodes = (node.value for node in walk(contract_of(self.provider)) if node.kind == "operation")
        return next(node for node in nodes if node["operationId"] == self.operation)

    def reads(self, status: int) -> bool:
        """Return whether the contract has a schema for the reply with this status."""
        responses = self.described["responses"]
        response = responses.get(str(status)) or responses.get(f"{status // 100}XX") or {}
        if "$ref" in response:
            response = resolve(contract_of(self.provider), response["$ref"].removeprefix("#"))
        return "content" in response

    def call_arguments(self, **changes: Any) -> dict[str, Any]:
        """Return the arguments of `build_request`, with some changed."""
        models = self.module("models")
        body = {} if self.body_class is None else {"body": getattr(models, self.body_class)(**self.body)}
        return {**body, **self.arguments, **changes}

    def client(self, base_url: str = "https://provider.invalid", **options: Any) -> Any:
        """Return a client that ignores the proxies of the environment and reads no certificates, which takes long."""
        options = {"httpx_args": {"trust_env": False}, "verify_ssl": False, **options}
        if self.auth is None:
            return self.module("client").Client(base_url=base_url, **options)
        return self.module("client").AuthenticatedClient(base_url=base_url, token=TOKEN, **options)


_BEARER = ("authorization", f"Bearer {TOKEN}")
_KEY = ("x-api-key", TOKEN)
_INTEGRATOR: Mapping[str, Any] = {
    "arguments": {"x_pay_connect_integrator_id": "integrator-1"},
    "headers": {"X-Pay-Connect-Integrator-Id": "integrator-1"},
}


def _lab4pay(operation: str, path: str, parameter: str = "transaction_id", **rest: Any) -> Case:
    arguments = {parameter: "t-1", **_INTEGRATOR["arguments"]}
    common = {**_INTEGRATOR, "arguments": arguments, "path_parameter": parameter, "auth": _BEARER, "error_status": 400}
    return Case("lab4pay", operation, f"/v1/pay-connect/{path}", **{"tag": "transactions", **common, **rest})


CASES = (
    Case(
        "lab4pay",
        "refund_unreferenced",
        "/v1/pay-connect/transactions/refund/",
        auth=_BEARER,
        error_status=400,
        body_class="PayConnectTransactionIndependentRefundBody",
        body={"amount": 500, "client_transaction_id": "till-3/9"},
        accepted={"transaction_id": "t-1"},
        reply="PayConnectTransactionIndependentRefundResponse",
        **_INTEGRATOR,
    ),
    Case(
        "lab4pay",
        "create_token",
        "/v1/auth/token/",
        tag="tokens",
        auth=None,
        error_status=400,
        body_class="TokenRequest",
        body={"grant_type": "client_credentials", "client_id": "c-1", "client_secret": TOKEN},
        accepted={"access_token": TOKEN, "expires_in": "3600", "token_type": "Bearer", "scope": "default"},
        reply="TokenResponse",
    ),
    _lab4pay(
        "refund_transaction",
        "transactions/t-1/refund/",
        tag="refunds",
        body_class="TransactionRefundRequest",
        body={"amount": 500},
        accepted={"transaction_id": "t-2"},
        reply="TransactionRefundResponse",
    ),
    _lab4pay(
        "get_transaction_status",
        "transactions/t-1/status/",
        method="GET",
        accepted={"status": "IN_PROGRESS"},
        reply="TransactionStatusResponse",
    ),
    _lab4pay("cancel_transaction", "transactions/t-1/cancel/"),
    _lab4pay(
        "revert_transaction",
        "transaction-operations/t-1/revert/",
        accepted={"operation_id": "o-1", "transaction_id": "t-1"},
        reply="RevertResponse",
    ),
    _lab4pay(
        "get_transaction_operation",
        "transaction-operations/t-1/",
        "operation_id",
        method="GET",
        accepted={"operation_id": "o-1", "operation_type": "transaction.revert", "status": "SUCCESS"},
        reply="TransactionOperationResponse",
    ),
    Case(
        "paybyrd",
        "refund_transaction",
        "/api/v2/refund/p-1",
        auth=_KEY,
        error_status=404,
        body_class="RefundRequest",
        body={"iso_amount": 100},
        arguments={"transaction_id": "p-1", "idempotency_key": "order-1/1"},
        path_parameter="transaction_id",
        headers={"idempotency-key": "order-1/1"},
        accepted={"code": "BYRD200", "isoAmount": 100, "sourceTransaction": {"isoAmount": 300}, "transactionId": "r-1"},
        reply="RefundResponse",
    ),
    Case(
        "paybyrd",
        "get_transaction",
        "/api/v2/transactions/p-1",
        tag="transactions",
        method="GET",
        auth=_KEY,
        error_status=404,
        arguments={"transaction_id": "p-1"},
        path_parameter="transaction_id",
        accepted={"transactionId": "r-1", "status": "Success", "amount": "-1.00", "isoAmount": -100, "index": 1},
        reply="Transaction",
    ),
    Case(
        "paybyrd",
        "list_transactions",
        "/api/v2/transactions",
        tag="transactions",
        method="GET",
        auth=_KEY,
        error_status=404,
        arguments={"request_id": "93ce3e62"},
        params={"requestId": "93ce3e62"},
        accepted=[{"transactionId": "r-1", "referencedTransactions": [{"transactionId": "p-1"}], "card": {"a": 1}}],
        reply="list",
    ),
    Case(
        "blink",
        "refund_transaction",
        "/api/pay/v1/transactions/BL-1/refunds",
        auth=_BEARER,
        error_status=422,
        body_class="RefundRequest",
        body={"partial_refund": True, "amount": 79.1, "reference": "order-77/1"},
        arguments={"transaction_id": "BL-1"},
        path_parameter="transaction_id",
        accepted={"status": "completed", "amount": 79.1, "transaction_id": "BL-1"},
        reply="RefundResponse",
    ),
    Case(
        "blink",
        "create_token",
        "/api/pay/v1/tokens",
        tag="tokens",
        auth=None,
        error_status=401,
        body_class="TokenRequest",
        body={"api_key": TOKEN, "secret_key": TOKEN, "send_blink_receipt": False},
        accepted={"access_token": TOKEN, "expired_on": "2026-11-22T10:00:00Z", "payment_types": ["credit-card"]},
        reply="TokenResponse",
    ),
    Case(
        "blink",
        "get_transaction",
        "/api/pay/v1/transactions/BL-1",
        tag="transactions",
        method="GET",
        auth=_BEARER,
        error_status=404,
        arguments={"transaction_id": "BL-1"},
        path_parameter="transaction_id",
        accepted={
            "data": {"transaction_id": "BL-1", "status": "Captured", "amount": "1.10", "merchant_data": {"a": 1}}
        },
        reply="TransactionResponse",
    ),
    Case(
        "blink",
        "cancel_transaction",
        "/api/pay/v1/transactions/BL-1/cancels",
        tag="transactions",
        auth=_BEARER,
        error_status=409,
        body_class="CancelRequest",
        body={"reference": "order-77/1"},
        arguments={"transaction_id": "BL-1"},
        path_parameter="transaction_id",
        accepted={"success": True, "message": "Cancelled", "amount": "1.01", "transaction_id": "BL-1"},
        reply="CancelResponse",
    ),
)
REFUNDS = tuple(next(case for case in CASES if case.provider == provider) for provider in PROVIDERS)
BY_PATH = tuple(case for case in CASES if case.path_parameter is not None)
WITH_BODY = tuple(case for case in CASES if case.body_class is not None)
TOKENS = tuple(case for case in CASES if case.tag == "tokens")


def case_of(provider: str, operation: str) -> Case:
    """Return the case of one operation."""
    return next(case for case in CASES if (case.provider, case.operation) == (provider, operation))


@dataclass
class Seen:
    """A request as a server saw it; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A provider on loopback that gives one reply to every request and records the requests."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None
    seen: list[Seen] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Run a server on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

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


CALLERS = ("sync_detailed", "sync", "asyncio_detailed", "asyncio")
UNREADABLE = {
    "HTML": b"<html><body>Bad gateway</body></html>",
    "empty": b"",
    "a JSON array": b"[]",
    "an array of pairs": b'[["transaction_id", "x"]]',
    "null": b"null",
    "a JSON string": b'"ok"',
    "cut off": b'{"transaction_id": "t',
    "not UTF-8": b'{"transaction_id": "\xff"}',
    "UTF-16": '{"transaction_id": "t"}'.encode("utf-16"),
    "NaN": b'{"transaction_id": NaN}',
    "an infinity": b'{"transaction_id": -Infinity}',
    "deeply nested": b"[" * 100_000,
    "a number of 5,000 digits": b'{"transaction_id": ' + b"9" * 5_000 + b"}",
}

each_package = pytest.mark.parametrize("case", REFUNDS, ids=str)
any_case = pytest.mark.parametrize("case", CASES, ids=str)
case_with_path = pytest.mark.parametrize("case", BY_PATH, ids=str)
case_with_body = pytest.mark.parametrize("case", WITH_BODY, ids=str)
token_case = pytest.mark.parametrize("case", TOKENS, ids=str)
any_caller = pytest.mark.parametrize("caller", CALLERS)
any_unreadable = pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)


def call(case: Case, caller: str, client: Any, **changes: Any) -> Any:
    """Call the provider with one of the four callers, in a client that is closed afterwards."""
    function = getattr(case.api, caller)
    arguments = case.call_arguments(**changes)
    if caller.startswith("sync"):
        with client:
            return function(client=client, **arguments)

    async def answer() -> Any:
        async with client:
            return await function(client=client, **arguments)

    return asyncio.run(answer())


def unreadable(case: Case, status: int, content: bytes) -> bool:
    """Return whether this status makes these bytes, one of UNREADABLE, unreadable: an empty array may be a reply."""
    return case.reads(status) and not (status == 200 and isinstance(case.accepted, list) and content == b"[]")


def plain(reply: Any) -> Any:
    """Return a parsed value in its written form."""
    if isinstance(reply, list):
        return [plain(entry) for entry in reply]
    return None if reply is None else reply.to_dict()


def sent(case: Case) -> bytes:
    """Return the accepted reply as bytes."""
    return b"" if case.accepted is None else json.dumps(case.accepted).encode()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
