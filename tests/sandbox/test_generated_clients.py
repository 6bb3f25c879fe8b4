"""The generated clients at the sandbox."""

from importlib import import_module
from typing import Any

import httpx
import pytest

from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, Sandbox, SandboxTransport

ARGUMENTS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("lab4pay", "create_token"): ("tokens", {}),
    ("lab4pay", "refund_transaction"): ("refunds", {"transaction_id": "lab4pay-payment"}),
    ("lab4pay", "get_transaction_status"): ("transactions", {"transaction_id": "lab4pay-payment"}),
    ("lab4pay", "revert_transaction"): ("transactions", {"transaction_id": "lab4pay-payment"}),
    ("paybyrd", "get_transaction"): ("transactions", {"transaction_id": "paybyrd-eur"}),
    ("paybyrd", "list_transactions"): ("transactions", {"request_id": "none"}),
    ("blink", "create_token"): ("tokens", {}),
    ("blink", "get_transaction"): ("transactions", {"transaction_id": "blink-gbp"}),
    ("blink", "cancel_transaction"): ("transactions", {"transaction_id": "blink-captured"}),
}
SENT_BODIES: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("lab4pay", "create_token"): (
        "TokenRequest",
        {"grant_type": "client_credentials", **TOKEN_CREDENTIALS["lab4pay"]},
    ),
    ("lab4pay", "refund_transaction"): ("TransactionRefundRequest", {"amount": 100}),
    ("blink", "create_token"): ("TokenRequest", {**TOKEN_CREDENTIALS["blink"]}),
}


@pytest.mark.parametrize(("provider", "operation_id"), ARGUMENTS)
def test_the_generated_clients_send_and_read_each_operation(provider: str, operation_id: str) -> None:
    package = import_module(f"refundry_{provider}")
    tag, given = ARGUMENTS[provider, operation_id]
    module = import_module(f"refundry_{provider}.api.{tag}.{operation_id}")
    arguments = dict(given)
    if (provider, operation_id) in SENT_BODIES:
        model, body = SENT_BODIES[provider, operation_id]
        arguments["body"] = getattr(import_module(f"refundry_{provider}.models"), model).from_dict(body)
    if provider == "lab4pay" and operation_id != "create_token":
        arguments["x_pay_connect_integrator_id"] = INTEGRATOR_ID
    prefix = {"prefix": "", "auth_header_name": "x-api-key"} if provider == "paybyrd" else {}
    client = package.AuthenticatedClient(base_url="https://sandbox.invalid", token=CREDENTIALS[provider], **prefix)
    sandbox = Sandbox()
    with httpx.Client(transport=SandboxTransport(sandbox), base_url="https://sandbox.invalid") as http:
        client.set_httpx_client(http)
        reply = module.sync_detailed(client=client, **arguments)
    assert (reply.status_code, reply.problem) in ((200, None), (201, None))
    assert reply.parsed is not None
    assert sandbox.violations == ()
