"""Public annotations resolve at run time after any imports, as FastAPI and others need."""

import json
import os
import ssl
import subprocess
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

import pytest
from cattrs.preconf.json import make_converter
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import TypeAdapter, ValidationError

import refundry
from refundry import (
    Account,
    Amount,
    Attempt,
    Blink,
    Capabilities,
    Money,
    Operation,
    OutcomeUnknown,
    Refund,
    RefundClient,
    RefundEvent,
    RefundStatus,
    StillPending,
    Timeout,
    Transport,
    WireReply,
    WireRequest,
)
from tests.facade.annotations import unresolved

REFUND: Final = Refund(
    provider="paybyrd",
    reference="order-1042/1",
    status=RefundStatus.PENDING,
    amount=Money.of("1.00", "EUR"),
    refund_id="refund-1",
    payment_id="payment-1",
    remaining=4200,
    sent_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
    raw=WireReply(202, (("x-trace", "7"),), b"\xff of a person"),
)


WALK: Final = """
import json, sys
from tests.facade import annotations
found = []
for name in {names}:
    for module in [one for one in sys.modules if one.partition(".")[0] == "refundry"]:
        del sys.modules[module]
    import refundry
    found += annotations.unresolved(refundry, name)
print(json.dumps(found))
"""


@pytest.mark.parametrize("names", [refundry.__all__, refundry.__all__[::-1]], ids=["each", "each, the last first"])
def test_every_annotation_of_a_public_name_resolves_when_that_name_alone_was_imported(names: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WALK.format(names=names)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(run.stdout) == []


@pytest.mark.parametrize("annotation", ["Unheard", "sys", "sys.Unheard", "Any | 'Unheard'", "dict['Unheard', int]"])
def test_an_annotation_that_does_not_resolve_is_found(annotation: str) -> None:
    class Odd:
        def method(self, one: int) -> None: ...

    Odd.method.__module__ = "refundry.odd"
    offering = SimpleNamespace(Odd=Odd)
    assert unresolved(offering, "Odd") == []
    Odd.method.__annotations__ = {"one": annotation}
    assert len(unresolved(offering, "Odd")) == 1


@pytest.mark.parametrize(
    ("function", "parameter", "hint"),
    [
        (RefundClient.__init__, "ssl_context", ssl.SSLContext | None),
        (RefundClient.__init__, "providers", Iterable[Account]),
        (RefundClient.__init__, "on_attempt", Callable[[Attempt], None] | None),
        (RefundClient.__init__, "timeout", Timeout | None),
        (RefundClient.refund, "amount", Amount),
        (RefundClient.refund, "return", Refund),
        (RefundClient.lookup, "refund", Refund | Mapping[str, Any]),
        (RefundClient.webhook, "return", RefundEvent),
        (RefundClient.prepare, "return", WireRequest),
        (RefundClient.capabilities, "return", Mapping[Operation, Capabilities]),
        (RefundClient.__enter__, "return", typing.Self),
        (Blink.__init__, "environment", typing.Literal["production", "sandbox"]),
        (Transport.send, "timeout", Timeout),
        (OutcomeUnknown.__init__, "resend_until", datetime | None),
        (StillPending.__init__, "refund", Refund),
        (StillPending.to_dict, "return", dict[str, Any]),
    ],
)
def test_an_annotation_resolves_to_the_type_itself(function: Callable[..., Any], parameter: str, hint: Any) -> None:
    assert typing.get_type_hints(function)[parameter] == hint


# A service that answers with a Refund, and takes Money.


def service() -> TestClient:
    app = FastAPI()

    @app.get("/refund")
    def outcome() -> Refund:
        return REFUND

    @app.post("/refund")
    def requested(amount: Money) -> Money:
        return amount + amount

    return TestClient(app)


def test_fastapi_answers_with_a_refund_without_the_providers_reply() -> None:
    answer = service().get("/refund")
    assert answer.status_code == 200
    assert {*answer.json()} == {*REFUND.to_dict()}
    assert Refund.from_dict(answer.json()) == REFUND


def test_fastapi_documents_a_refund_without_the_providers_reply() -> None:
    schemas = service().get("/openapi.json").json()["components"]["schemas"]
    assert {*schemas["Refund"]["properties"]} == {*REFUND.to_dict()}
    assert schemas["RefundStatus"]["enum"] == ["succeeded", "pending", "failed"]
    assert schemas["Money"]["required"] == ["minor_units", "currency"]
    assert "WireReply" not in schemas


def test_fastapi_accepts_money_and_refuses_invalid_money() -> None:
    with service() as client:
        assert client.post("/refund", json={"minor_units": 5, "currency": "EUR"}).json()["minor_units"] == 10
        for amount in ({"minor_units": 0, "currency": "EUR"}, {"minor_units": 5, "currency": "EURO"}, {}):
            assert client.post("/refund", json=amount).status_code == 422


def test_pydantic_writes_a_refund_as_to_dict_does_and_reads_it() -> None:
    adapter = TypeAdapter(Refund)
    written = adapter.dump_json(REFUND)
    assert Refund.from_dict(json.loads(written)) == REFUND
    assert json.loads(written) == {**REFUND.to_dict(), "sent_at": "2026-11-22T12:00:00Z"}
    assert adapter.validate_json(written) == REFUND
    with pytest.raises(ValidationError):
        adapter.validate_python({**REFUND.to_dict(), "status": "gone"})


def test_pydantic_writes_an_event_of_a_callback_without_its_body() -> None:
    event = RefundEvent("blink", "refund", "refund-1", None, None, "nothing", "identity", raw=b"\xff of a person")
    written = json.loads(TypeAdapter(RefundEvent).dump_json(event))
    assert (written["refund_id"], "raw" in written) == ("refund-1", False)


def test_cattrs_unstructures_and_structures_a_refund_and_money() -> None:
    converter = make_converter()
    for value in (REFUND, REFUND.amount):
        assert converter.loads(converter.dumps(value), type(value)) == value
    assert converter.loads(converter.dumps(REFUND), Refund).raw == REFUND.raw
