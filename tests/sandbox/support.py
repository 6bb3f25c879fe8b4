"""Shared by the tests of the sandbox: a sandbox as a transport or a server, requests, and clients of the facade."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import httpx
import openapi_schema_validator

from refundry import Account, AsyncRefundClient, Money, Refund, RefundClient, RefundError, Retry, Timeout
from refundry.sandbox import TOKEN_CREDENTIALS, Sandbox, SandboxServer, SandboxTransport
from refundry.sandbox.contract import Contract
from refundry.transport.over_httpx import HttpxTransport
from tests.providers import RECORDS

Kind = Literal["transport", "server"]
KINDS: tuple[Kind, ...] = ("transport", "server")

OPERATIONS = [
    (provider, operation)
    for provider, record in RECORDS.items()
    for operation in record.sandbox.operations
    if operation != record.sandbox.operation
]
"""The operations beside a refund."""
ONCE = Retry(attempts=1)

read_contract = Contract.shipped
"""Reads a contract without a cache. The tests of the sandbox read each contract once a run (conftest.py)."""


@dataclass(frozen=True)
class Mounted:
    """A sandbox that is mounted as a transport or as a server, and an httpx client that reaches it."""

    sandbox: Sandbox
    kind: Kind
    http: httpx.Client
    base_url: str | None

    def post(self, provider: str, payment_id: str | None = None, **options: Any) -> httpx.Response:
        """Request a refund, by default with a valid body."""
        path = RECORDS[provider].sandbox.path.format(payment_id or RECORDS[provider].sandbox.payment)
        headers = {**RECORDS[provider].sandbox.headers, **options.pop("headers", {})}
        if "content" not in options:
            options.setdefault("json", RECORDS[provider].sandbox.body)
        return self.http.post(path, headers=headers, **options)

    def ask(self, provider: str, operation: str, about: str = "", **options: Any) -> httpx.Response:
        """Request an operation, with this id in its path."""
        method, path = RECORDS[provider].sandbox.operations[operation]
        headers = {**RECORDS[provider].sandbox.headers, **options.pop("headers", {})}
        return self.http.request(method, path.format(about), headers=headers, **options)

    def token(self, provider: str, **other: Any) -> httpx.Response:
        """Request a token with the right credentials, except where `other` replaces one."""
        method, path = RECORDS[provider].sandbox.operations["create_token"]
        grant = {"grant_type": "client_credentials"} if provider == "lab4pay" else {}
        return self.http.request(method, path, json={**grant, **TOKEN_CREDENTIALS[provider], **other})

    def accounts(self) -> list[Account]:
        """Return the facade's accounts at this sandbox."""
        if self.kind == "server":
            return self.sandbox.accounts(base_url=self.base_url)
        return self.sandbox.accounts(transport=HttpxTransport(SandboxTransport(self.sandbox)))

    def refund(self, provider: str, *, reference: str, sync: bool, retry: Retry = ONCE) -> Refund:
        """Refund one unit of money through a new client of the facade."""
        amount = Money.from_minor(100, RECORDS[provider].sandbox.currency)
        options: dict[str, Any] = {"timeout": Timeout(connect=2.0, read=0.2, total=0.4), "retry": retry}
        arguments: dict[str, Any] = {"amount": amount, "reference": reference}
        name = "refund_unreferenced"
        if RECORDS[provider].sandbox.payment:
            name, arguments["payment_id"] = "refund", RECORDS[provider].sandbox.payment

        async def ask() -> Refund:
            async with AsyncRefundClient(self.accounts(), **options) as client:
                refund: Refund = await getattr(client, name)(provider, **arguments)
                return refund

        if not sync:
            return asyncio.run(ask())
        with RefundClient(self.accounts(), **options) as client:
            refund: Refund = getattr(client, name)(provider, **arguments)
            return refund


@cache
def shipped_contract(provider: str) -> dict[str, Any]:
    """Return the contract in the provider's generated package. Do not change it."""
    document: dict[str, Any] = json.loads(files(f"refundry_{provider}").joinpath("contract.json").read_text("utf-8"))
    return document


def fits(provider: str, reply: httpx.Response) -> bool:
    """Return whether the contract describes this status of the operation, and the body fits the description."""
    document = shipped_contract(provider)
    (item,) = (
        item
        for template, item in document["paths"].items()
        if re.fullmatch(re.sub(r"\\\{.+?\\\}", "[^/]+", re.escape(template)), reply.request.url.path)
    )
    responses = item[reply.request.method.lower()]["responses"]
    response = responses.get(str(reply.status_code)) or responses[f"{reply.status_code // 100}XX"]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = {"components": document["components"], **response["content"]["application/json"]["schema"]}
    validator = getattr(openapi_schema_validator, f"OAS{document['openapi'][:3].replace('.', '')}Validator")
    assert reply.headers["content-type"] == "application/json"
    return bool(validator(schema).is_valid(reply.json()))


@contextmanager
def mounted(sandbox: Sandbox, kind: Kind, **options: Any) -> Iterator[Mounted]:
    """Mount the sandbox as an httpx transport, or as a server."""
    if kind == "transport":
        with httpx.Client(transport=SandboxTransport(sandbox), base_url="https://sandbox.invalid") as http:
            yield Mounted(sandbox, kind, http, None)
        return
    with (
        SandboxServer(sandbox, **options) as server,
        # Plain http to this machine: reading the trusted certificates would take most of the time of a test.
        httpx.Client(base_url=server.base_url, trust_env=False, verify=False, timeout=5.0) as http,
    ):
        yield Mounted(sandbox, kind, http, server.base_url)


def outcome(ask: Callable[[], Refund]) -> str:
    """Return the name of the refund's status, or of the exception."""
    try:
        return ask().status.name
    except RefundError as error:
        return type(error).__name__
