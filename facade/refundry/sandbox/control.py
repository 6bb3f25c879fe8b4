"""The control paths of the sandbox's HTTP server: scripts of faults, time, and the sandbox's state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from refundry.sandbox.faults import Fault, Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.sandbox.contract import Request
    from refundry.sandbox.simulator import Sandbox

PREFIX: Final = "/_sandbox/"

HELP: Final = """\
POST /_sandbox/script   {"provider": "paybyrd", "faults": ["status_520", null]}: what the next calls meet, one each;
                        null behaves. Calls for a token, and those that get a 401, do not count. With an "operation"
                        of the contract too: the next calls of that one, such as "create_token". With "payment_id" in
                        place of "provider" and one fault: every call about it.
POST /_sandbox/clear    every fault is taken away; {"provider": "paybyrd"}: what is queued for its calls.
POST /_sandbox/reset    all is as it was at the start: payments, refunds, tokens, ids, faults and violations.
POST /_sandbox/advance  pending refunds move one state on.
POST /_sandbox/settle   {"provider": "lab4pay", "refund_id": "…", "state": "DECLINED"}: a refund gets any state.
POST /_sandbox/callback {"provider": "paybyrd", "refund_id": "…", "forged": false}: what the provider would send about
                        the refund as it is now, as {"headers": {…}, "body": "…"}. It is sent to nobody.
POST /_sandbox/expire   every token that was given ends.
GET  /_sandbox/state    payments, executed refunds, scripts and violations as JSON."""


def control(sandbox: Sandbox, request: Request) -> Reply:
    """Answer one request to a control path: 200 with JSON, 400 or 404 with an `error` that says what is wrong."""
    route = _ROUTES.get((request.method, request.target.partition("?")[0]))
    if route is None:
        known = ", ".join(" ".join(key) for key in _ROUTES)
        return json_reply(404, {"error": f"no such control path; there are {known}"})
    try:
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


def _expire(sandbox: Sandbox, _: bytes) -> dict[str, Any]:
    sandbox.expire_tokens()
    return {}


def _state(sandbox: Sandbox, _: bytes) -> dict[str, Any]:
    return sandbox.state()


_ROUTES: Final[Mapping[tuple[str, str], Callable[[Sandbox, bytes], dict[str, Any]]]] = {
    ("POST", f"{PREFIX}script"): _script,
    ("POST", f"{PREFIX}clear"): _clear,
    ("POST", f"{PREFIX}reset"): _reset,
    ("POST", f"{PREFIX}advance"): _advance,
    ("POST", f"{PREFIX}settle"): _settle,
    ("POST", f"{PREFIX}callback"): _callback,
    ("POST", f"{PREFIX}expire"): _expire,
    ("GET", f"{PREFIX}state"): _state,
}
