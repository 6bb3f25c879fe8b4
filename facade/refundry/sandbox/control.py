"""The control paths of the sandbox's HTTP server: scripts of faults, time, and the sandbox's state."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from refundry.sandbox.callbacks import Receiver
from refundry.sandbox.faults import Fault, Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from refundry.sandbox.contract import Request
    from refundry.sandbox.machine import Callback
    from refundry.sandbox.simulator import Sandbox

PREFIX: Final = "/_sandbox/"
_MOST_TIMES: Final = 10
_LONGEST_DELAY: Final = 600
_LARGEST_SKEW: Final = 10 * 365 * 24 * 3600
_PAYMENT: Final = {
    **dict.fromkeys(("provider", "payment_id", "currency"), str),
    **dict.fromkeys(("amount_minor", "refunded"), int),
    **dict.fromkeys(("pending", "settled"), bool),
}

HELP: Final = """\
POST /_sandbox/script   {"provider": "paybyrd", "faults": ["status_520", null]}: what the next calls meet, one each;
                        null behaves. Calls for a token, and those that get a 401, do not count. With an "operation"
                        of the contract too: the next calls of that one, such as "create_token". With "payment_id" in
                        place of "provider" and one fault: every call about it.
POST /_sandbox/rate     {"provider": "blink", "fault": "cut_after", "rate": 0.1}: a tenth of the calls meet it, the
                        same ones for the same --seed. With an "operation" too, as for a script.
POST /_sandbox/payment  {"provider": "blink", "payment_id": "…", "amount_minor": 2500, "currency": "GBP"}: a captured
                        payment. With "refunded", "pending" and "settled" too.
POST /_sandbox/clear    every fault is taken away; {"provider": "paybyrd"}: what is queued for its calls.
POST /_sandbox/reset    all is as it was at the start: payments, refunds, tokens, ids, faults and violations.
POST /_sandbox/advance  pending refunds move one state on.
POST /_sandbox/settle   {"provider": "lab4pay", "refund_id": "…", "state": "DECLINED"}: a refund gets any state.
POST /_sandbox/callback {"provider": "paybyrd", "refund_id": "…", "forged": false}: what the provider would send about
                        the refund as it is now, as {"headers": {…}, "body": "…"}. It is sent to nobody.
POST /_sandbox/send     {"provider": "paybyrd", "refund_id": "…", "to": "http://127.0.0.1:8000/…"}: the callback is
                        sent, and the answer has the "statuses" that came back. With "times": 2 it comes twice, with
                        "after": 1.5 so many seconds later, with "forged": true it is forged. Without a "refund_id" it
                        comes early: that of the next refund is sent before the reply to it.
POST /_sandbox/clock    {"ahead": 3600}: the providers' clocks are so many seconds ahead; below zero, behind.
POST /_sandbox/expire   every token that was given ends.
GET  /_sandbox/state    payments, executed refunds, scripts and violations as JSON."""


def control(sandbox: Sandbox, request: Request, callback_hosts: Collection[str] = ()) -> Reply:
    """Answer one request to a control path: 200 with JSON, 400 or 404 with an `error` that says what is wrong.

    Callbacks are sent to this machine, and to `callback_hosts`.
    """
    route = _ROUTES.get((request.method, request.target.partition("?")[0]))
    if route is None:
        known = ", ".join(" ".join(key) for key in _ROUTES)
        return json_reply(404, {"error": f"no such control path; there are {known}"})
    try:
        if route is _send:
            return json_reply(200, _send(sandbox, request.body, callback_hosts))
        return json_reply(200, route(sandbox, request.body))
    except (ValueError, RecursionError) as error:
        return json_reply(400, {"error": str(error)})


def _script(sandbox: Sandbox, body: bytes) -> dict[str, Any]:
    order = _order(body)
    keys = set(order) - {"operation"} if "provider" in order else set(order)
    if keys not in ({"provider", "faults"}, {"payment_id", "faults"}) or not isinstance(order["faults"], list):
        raise ValueError("give an object of a provider (or a payment_id) and a list of faults")
    faults = [_fault(name) for name in order["faults"]]
    if "provider" in order:
        sandbox.script(str(order["provider"]), *faults, operation=str(order.get("operation", "")))
    elif len(faults) == 1:
        sandbox.on_payment(str(order["payment_id"]), faults[0])
    else:
        raise ValueError("a payment_id takes one fault")
    return {"queued": len(faults)}


def _rate(sandbox: Sandbox, body: bytes) -> dict[str, Any]:
    order: dict[str, Any] = {"operation": "", **_order(body)}
    fault = _fault(order.get("fault"))
    if set(order) != {"provider", "fault", "rate", "operation"} or fault is None or not _is_number(order["rate"]):
        raise ValueError("give an object of a provider, a fault and a rate from 0 to 1")
    sandbox.at_rate(str(order["provider"]), fault, order["rate"], operation=str(order["operation"]))
    return {}


def _payment(sandbox: Sandbox, body: bytes) -> dict[str, Any]:
    order: dict[str, Any] = {"refunded": 0, "pending": False, "settled": True, **_order(body)}
    if {name: type(value) for name, value in order.items()} != _PAYMENT:
        raise ValueError("give an object of a provider, a payment_id, an amount_minor and a currency")
    sandbox.add_payment(**order)
    return {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _order(body: bytes) -> dict[str, Any]:
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(order, dict):
        raise ValueError("give an object, not another value of JSON")
    return order


def _fault(name: Any) -> Fault | None:
    if name is None:
        return None
    try:
        return Fault(name)
    except ValueError:
        raise ValueError(f"no fault has this name; there are {', '.join(fault.value for fault in Fault)}") from None


def _clear(sandbox: Sandbox, body: bytes) -> dict[str, Any]:
    order = _order(body or b"{}")
    if not set(order) <= {"provider"}:
        raise ValueError("give an object of a provider alone, or nothing")
    sandbox.clear_faults(str(order["provider"]) if "provider" in order else None)
    return {}


def _reset(sandbox: Sandbox, _: bytes) -> dict[str, Any]:
    sandbox.reset()
    return {}


def _advance(sandbox: Sandbox, _: bytes) -> dict[str, Any]:
    sandbox.advance()
    return {}


def _settle(sandbox: Sandbox, body: bytes) -> dict[str, Any]:
    order = _order(body)
    if set(order) != {"provider", "refund_id", "state"}:
        raise ValueError("give an object of a provider, a refund_id and a state")
    sandbox.settle(str(order["provider"]), str(order["refund_id"]), str(order["state"]))
    return {}


def _callback(sandbox: Sandbox, body: bytes) -> dict[str, Any]:
    order = {"forged": False, **_order(body)}
    if set(order) != {"provider", "refund_id", "forged"} or not isinstance(order["forged"], bool):
        raise ValueError("give an object of a provider, a refund_id and whether it is forged, true or false")
    callback = sandbox.callback(str(order["provider"]), str(order["refund_id"]), forged=order["forged"])
    return {"headers": dict(callback.headers), "body": callback.body.decode()}


def _send(sandbox: Sandbox, body: bytes, hosts: Collection[str] = ()) -> dict[str, Any]:
    order = {"refund_id": None, "times": 1, "after": 0, "forged": False, **_order(body)}
    times, after = order["times"], order["after"]
    if (
        set(order) != {"provider", "refund_id", "to", "times", "after", "forged"}
        or not isinstance(order["forged"], bool)
        or times not in range(1, _MOST_TIMES + 1)
        or not (_is_number(after) and 0 <= after <= _LONGEST_DELAY)
        or (order["refund_id"] is None and (order["forged"] or after))
    ):
        raise ValueError(
            f"give an object of a provider, a refund_id and the address in to; times is up to {_MOST_TIMES}, after up "
            f"to {_LONGEST_DELAY} seconds, and a callback without a refund_id is neither late nor forged"
        )
    receiver = Receiver.of(str(order["to"]), hosts)

    def sent(callback: Callback) -> list[int | None]:
        return [receiver.deliver(callback) for _ in range(times)]

    if order["refund_id"] is None:
        sandbox.before_reply(str(order["provider"]), sent)
        return {"statuses": []}
    callback = sandbox.callback(str(order["provider"]), str(order["refund_id"]), forged=order["forged"])
    if not after:
        return {"statuses": sent(callback)}
    timer = threading.Timer(after, sent, (callback,))
    timer.daemon = True
    timer.start()
    return {"statuses": []}


def _clock(sandbox: Sandbox, body: bytes) -> dict[str, Any]:
    order = _order(body)
    if set(order) != {"ahead"} or not _is_number(order["ahead"]) or abs(order["ahead"]) > _LARGEST_SKEW:
        raise ValueError(f"give an object of ahead, up to {_LARGEST_SKEW} seconds")
    sandbox.skew(order["ahead"])
    return {}


def _expire(sandbox: Sandbox, _: bytes) -> dict[str, Any]:
    sandbox.expire_tokens()
    return {}


def _state(sandbox: Sandbox, _: bytes) -> dict[str, Any]:
    return sandbox.state()


_ROUTES: Final[Mapping[tuple[str, str], Callable[[Sandbox, bytes], dict[str, Any]]]] = {
    ("POST", f"{PREFIX}script"): _script,
    ("POST", f"{PREFIX}rate"): _rate,
    ("POST", f"{PREFIX}payment"): _payment,
    ("POST", f"{PREFIX}clear"): _clear,
    ("POST", f"{PREFIX}reset"): _reset,
    ("POST", f"{PREFIX}advance"): _advance,
    ("POST", f"{PREFIX}settle"): _settle,
    ("POST", f"{PREFIX}callback"): _callback,
    ("POST", f"{PREFIX}send"): _send,
    ("POST", f"{PREFIX}clock"): _clock,
    ("POST", f"{PREFIX}expire"): _expire,
    ("GET", f"{PREFIX}state"): _state,
}
