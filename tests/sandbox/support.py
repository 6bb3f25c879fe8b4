"""What the tests of the sandbox share: both wearings as one fixture's kinds, requests, and clients of the facade."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import httpx
import openapi_schema_validator

from refundry import Account, AsyncRefundClient, Money, Refund, RefundClient, RefundError, Retry, Timeout
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, Sandbox, SandboxServer, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport

Kind = Literal["transport", "server"]
KINDS: tuple[Kind, ...] = ("transport", "server")

PATHS = {
    "lab4pay": "/v1/pay-connect/transactions/refund/",
    "paybyrd": "/api/v2/refund/{}",
    "blink": "/api/pay/v1/transactions/{}/refunds",
}
HEADERS = {
    "lab4pay": {
        "Authorization": f"Bearer {CREDENTIALS['lab4pay']}",
        "X-Pay-Connect-Integrator-Id": INTEGRATOR_ID,
    },
    "paybyrd": {"x-api-key": CREDENTIALS["paybyrd"]},
    "blink": {"Authorization": f"Bearer {CREDENTIALS['blink']}"},
}
PAYMENTS = {"lab4pay": "", "paybyrd": "paybyrd-eur", "blink": "blink-gbp"}
BODIES: dict[str, dict[str, Any]] = {
    "lab4pay": {"amount": 100, "client_transaction_id": "till-1/1"},
    "paybyrd": {"isoAmount": 100},
    "blink": {"partial_refund": True, "amount": 1, "reference": "order-1/1"},
}
REFUNDS = {"lab4pay": "refund_unreferenced", "paybyrd": "refund_transaction", "blink": "refund_transaction"}
"""The operation that asks for a refund of PAYMENTS."""
OPERATIONS = {
    ("lab4pay", "create_token"): ("POST", "/v1/auth/token/"),
    ("lab4pay", "refund_transaction"): ("POST", "/v1/pay-connect/transactions/{}/refund/"),
    ("lab4pay", "get_transaction_status"): ("GET", "/v1/pay-connect/transactions/{}/status/"),
    ("lab4pay", "cancel_transaction"): ("POST", "/v1/pay-connect/transactions/{}/cancel/"),
    ("lab4pay", "revert_transaction"): ("POST", "/v1/pay-connect/transaction-operations/{}/revert/"),
    ("lab4pay", "get_transaction_operation"): ("GET", "/v1/pay-connect/transaction-operations/{}/"),
    ("paybyrd", "get_transaction"): ("GET", "/api/v2/transactions/{}"),
    ("paybyrd", "list_transactions"): ("GET", "/api/v2/transactions?requestId={}"),
    ("blink", "create_token"): ("POST", "/api/pay/v1/tokens"),
    ("blink", "get_transaction"): ("GET", "/api/pay/v1/transactions/{}"),
    ("blink", "cancel_transaction"): ("POST", "/api/pay/v1/transactions/{}/cancels"),
}
"""The method and the path of the operations that are asked beside a refund."""
REFUND_IDS = {"lab4pay": "transaction_id", "paybyrd": "transactionId", "blink": "refunded_transaction_id"}
"""Where the reply to a refund has the refund's id."""
CURRENCIES = {"lab4pay": "EUR", "paybyrd": "EUR", "blink": "GBP"}
ONCE = Retry(attempts=1)


@dataclass(frozen=True)
class Worn:
    """A sandbox in one of its wearings, and an httpx client that reaches it."""

    sandbox: Sandbox
    kind: Kind
    http: httpx.Client
    base_url: str | None

    def post(self, provider: str, payment_id: str | None = None, **options: Any) -> httpx.Response:
        """Ask for a refund with a body that fits, unless options say otherwise."""
        path = PATHS[provider].format(payment_id or PAYMENTS[provider])
        headers = {**HEADERS[provider], **options.pop("headers", {})}
        if "content" not in options:
            options.setdefault("json", BODIES[provider])
        return self.http.post(path, headers=headers, **options)

    def ask(self, provider: str, operation: str, about: str = "", **options: Any) -> httpx.Response:
        """Ask for an operation, about the id that its path holds."""
        method, path = OPERATIONS[provider, operation]
        headers = {**HEADERS[provider], **options.pop("headers", {})}
        return self.http.request(method, path.format(about), headers=headers, **options)

    def token(self, provider: str, **other: Any) -> httpx.Response:
        """Ask for a token with the right credentials, but for what is other."""
        method, path = OPERATIONS[provider, "create_token"]
        grant = {"grant_type": "client_credentials"} if provider == "lab4pay" else {}
        return self.http.request(method, path, json={**grant, **TOKEN_CREDENTIALS[provider], **other})

    def accounts(self) -> list[Account]:
        """The facade's accounts at this sandbox."""
        if self.kind == "server":
            return self.sandbox.accounts(base_url=self.base_url)
        return self.sandbox.accounts(transport=HttpxTransport(SandboxTransport(self.sandbox)))

    def refund(self, provider: str, *, reference: str, sync: bool, retry: Retry = ONCE) -> Refund:
        """One refund of one unit of money through a client of the facade, of its own."""
        amount = Money.from_minor(100, CURRENCIES[provider])
        options: dict[str, Any] = {"timeout": Timeout(connect=2.0, read=0.2, total=0.4), "retry": retry}
        arguments: dict[str, Any] = {"amount": amount, "reference": reference}
        name = "refund_unreferenced"
        if provider != "lab4pay":
            name, arguments["payment_id"] = "refund", PAYMENTS[provider]

        async def ask() -> Refund:
            async with AsyncRefundClient(self.accounts(), **options) as client:
                refund: Refund = await getattr(client, name)(provider, **arguments)
                return refund

        if not sync:
            return asyncio.run(ask())
        with RefundClient(self.accounts(), **options) as client:
            refund: Refund = getattr(client, name)(provider, **arguments)
            return refund


def fits(provider: str, reply: httpx.Response) -> bool:
    """Whether the contract describes this status of the operation called, and the body is what it describes."""
    document = json.loads(files(f"refundry_{provider}").joinpath("contract.json").read_text("utf-8"))
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
def mounted(sandbox: Sandbox, kind: Kind, **options: Any) -> Iterator[Worn]:
    """Wear the sandbox as an httpx transport, or as a server."""
    if kind == "transport":
        with httpx.Client(transport=SandboxTransport(sandbox), base_url="https://sandbox.invalid") as http:
            yield Worn(sandbox, kind, http, None)
        return
    with (
        SandboxServer(sandbox, **options) as server,
        httpx.Client(base_url=server.base_url, trust_env=False, timeout=5.0) as http,
    ):
        yield Worn(sandbox, kind, http, server.base_url)


def outcome(ask: Callable[[], Refund]) -> str:
    """The name of the refund's status, or of the exception that comes in its place."""
    try:
        return ask().status.name
    except RefundError as error:
        return type(error).__name__
