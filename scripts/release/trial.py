"""What is tried in a bare environment that has the wheel and its dependencies: `python -I trial.py BASE_URL CA_FILE`.

It imports nothing of the project's scripts, and what it needs of the sandbox it is given. Refunds at each provider over
TLS by the facade, asks for one of them by the generated client, and lets the installation verify itself. With the
extras it imports what needs them.
"""

import json
import ssl
import sys
from importlib.metadata import version
from importlib.util import find_spec


def main(base_url: str, ca_file: str) -> None:
    """Try it, and print what was used."""
    from refundry import Blink, Lab4Pay, Money, Paybyrd, RefundClient, RefundStatus, provenance

    context = ssl.create_default_context(cafile=ca_file)
    given = json.load(sys.stdin)
    accounts = [
        kind(base_url=base_url, environment="sandbox", **given["credentials"][name])
        for name, kind in (("paybyrd", Paybyrd), ("blink", Blink), ("lab4pay", Lab4Pay))
    ]
    with RefundClient(accounts, ssl_context=context) as client:
        for name, payment_id in given["payments"].items():
            currency = "GBP" if name == "blink" else "EUR"
            refund = client.refund(
                name, payment_id=payment_id, amount=Money.of("1.00", currency), reference=f"trial/{name}"
            )
            assert refund.status in (RefundStatus.SUCCEEDED, RefundStatus.PENDING), refund
            print(f"{name}: {refund.status.value} over TLS")
    _by_generated_client(base_url, context, given)
    found = provenance()
    assert found.intact, found.departures
    assert "files" in found.verified, found.recorded
    print(f"verified: {found.verified['files']}")
    if find_spec("pydantic"):
        _extras()
    names = ["attrs", "certifi", "httptools", "httpx"]
    names += ["pydantic", "opentelemetry-api", "openapi-schema-validator"] if find_spec("pydantic") else []
    print(*(f"{name}=={version(name)}" for name in names))


def _by_generated_client(base_url: str, context: ssl.SSLContext, given: dict[str, dict[str, dict[str, str]]]) -> None:
    from refundry_paybyrd import AuthenticatedClient
    from refundry_paybyrd.api.refunds import refund_transaction
    from refundry_paybyrd.models import RefundRequest

    key = given["credentials"]["paybyrd"]["api_key"]
    with AuthenticatedClient(base_url=base_url, token=key, verify_ssl=context) as client:
        reply = refund_transaction.sync_detailed(
            str(given["payments"]["paybyrd"]), client=client, body=RefundRequest(iso_amount=100)
        )
    assert reply.status_code in (200, 202), reply
    print(f"paybyrd: {reply.status_code} by the generated client")


def _extras() -> None:
    from opentelemetry import trace

    import refundry_blink.schemas
    import refundry_lab4pay.schemas
    import refundry_paybyrd.schemas
    import refundry_paybyrd.strict
    from refundry import Money
    from refundry.testing import RefundSandbox

    model = refundry_paybyrd.schemas.RefundRequest.model_validate({"isoAmount": 100})
    assert model.model_dump(by_alias=True, exclude_none=True) == {"isoAmount": 100}
    assert refundry_paybyrd.strict.departures("RefundRequest", {"isoAmount": "100"})
    assert refundry_blink.schemas.__name__ != refundry_lab4pay.schemas.__name__
    with RefundSandbox() as sandbox, sandbox.client() as client:
        client.refund("paybyrd", payment_id="paybyrd-eur", amount=Money.of("1.00", "EUR"), reference="trial/1")
        assert sandbox.violations == ()
        assert sandbox.times_refunded("paybyrd", "trial/1") == 1
    assert trace.get_tracer("trial")
    print("extras: schemas, strict, testing and spans")


if __name__ == "__main__":
    main(*sys.argv[1:])
