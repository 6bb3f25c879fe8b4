"""What the simulation has found once."""

from __future__ import annotations

import json
import pickle
from typing import Any

from refundry import Money, RefundClient, RefundStatus
from refundry.sandbox import Sandbox
from tests.stateful.processes import Line


def test_the_word_of_a_callback_is_a_plain_text_that_the_ledger_can_keep() -> None:
    sandbox = Sandbox()
    line: Any = Line(sandbox)
    with RefundClient(sandbox.accounts(), transport=line, ledger=None) as client:
        amount = Money.of("1.00", "EUR")
        client.refund("paybyrd", payment_id="paybyrd-pending", amount=amount, reference="order-1")
        pending = client.resolve("paybyrd", "order-1")
        assert (pending.status, pending.refund_id) == (RefundStatus.PENDING, sandbox.refunds("paybyrd")[0].refund_id)
        sandbox.advance()
        callback = sandbox.callback("paybyrd", sandbox.refunds("paybyrd")[0].refund_id)
        event = client.webhook("paybyrd", headers=callback.headers, body=callback.body)
        assert type(event.provider_code) is str
        client.learn(event)
        later = client.refund("paybyrd", payment_id="paybyrd-pending", amount=amount, reference="order-1")
    assert (later.status, later.provider_code) == (RefundStatus.SUCCEEDED, "Success")
    assert pickle.loads(pickle.dumps(later)) == later
    assert json.loads(json.dumps(later.to_dict()))["provider_code"] == "Success"
