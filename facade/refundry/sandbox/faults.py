"""The faults of a provider: whether each executes the refund, how it changes the reply, and how the reply arrives."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from refundry.wire import MAX_REPLY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Changes = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_JSON: Final = (("Content-Type", "application/json"),)
_PAGE: Final = b"<!DOCTYPE html><html><body><h1>The gateway is not available</h1></body></html>"


class Delivery(StrEnum):
    """How a reply arrives."""

    WHOLE = "whole"
    AFTER_INTERIM = "after an interim reply"
    TWICE = "twice, one after the other"
    DRIPPING = "a byte at a time"
    HALF = "cut off in the middle: of the body, or of the head where there is no body"
    REFUSED = "the connection is cut before the request is executed"
    CUT = "the connection is cut after the request was executed"
    HANGING = "nothing arrives, and the connection stays open"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply, without Content-Length, and how it arrives."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = _JSON
    delivery: Delivery = Delivery.WHOLE


def json_reply(status: int, fields: object, *headers: tuple[str, str]) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, json.dumps(fields, ensure_ascii=False).encode(), (*_JSON, *headers))


class Work(StrEnum):
    """What the provider does with a valid request."""

    ASKED = "what is asked"
    ASKED_THEN_FAIL = "what is asked, then fail"
    ASKED_OF_ALL = "what is asked, without heeding the query"
    FAIL = "fail"
    DECLINE = "decline"
    NOTHING = "nothing"
    LATER = "what is asked, at the next `advance`"
    NO_TOKEN = "end every token, and refuse this one"


class Fault(StrEnum):
    """What can go wrong on a call. `executes` and `meaning` say what each does.

    The values are the names for the server's control path.
    """

    DECLINED = "declined"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR_BEFORE = "server_error_before"
    SERVER_ERROR_AFTER = "server_error_after"
    STATUS_520 = "status_520"
    HTML_200 = "html_200"
    EMPTY_200 = "empty_200"
    TRUNCATED_JSON = "truncated_json"
    WRONG_SHAPE = "wrong_shape"
    UNKNOWN_VALUE = "unknown_value"
    NULL_OBJECT = "null_object"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_PAYMENT = "wrong_payment"
    WHOLE_LIST = "whole_list"
    TOO_LARGE = "too_large"
    ECHO_CREDENTIALS = "echo_credentials"
    REDIRECT = "redirect"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"
    CUT_IN_REPLY = "cut_in_reply"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    SLOW_DRIP = "slow_drip"
    INTERIM_REPLY = "interim_reply"
    CUT_WHILE = "cut_while"
    DUPLICATE_REPLY = "duplicate_reply"
    IN_PROGRESS = "in_progress"
    TOKEN_EXPIRED = "token_expired"

    @property
    def executes(self) -> bool:
        """Whether a refund that the provider would have accepted is executed by this call, before its end."""
        return EFFECTS[self].work in (Work.ASKED, Work.ASKED_THEN_FAIL, Work.ASKED_OF_ALL)

    @property
    def meaning(self) -> str:
        """What the caller meets, in one line."""
        return EFFECTS[self].meaning


def _as_it_is(reply: Reply, _: Changes) -> Reply:
    return reply


def _changed(reply: Reply, changes: Changes) -> Reply:
    """Change the object of the body, or each object of its array. A reply without a body stays as it is."""
    if not reply.body:
        return reply
    value = json.loads(reply.body)
    changed = [{**one, **changes(one)} for one in value] if isinstance(value, list) else {**value, **changes(value)}
    return replace(reply, body=json.dumps(changed, ensure_ascii=False).encode())


def _always(reply: Reply) -> Callable[[Reply, Changes], Reply]:
    return lambda _, __: reply


def _body(change: Callable[[bytes], bytes]) -> Callable[[Reply, Changes], Reply]:
    return lambda reply, _: replace(reply, body=change(reply.body))


@dataclass(frozen=True, slots=True)
class Effect:
    """What a fault does. `deform` takes the honest reply, and a function that gives the changed fields."""

    meaning: str
    work: Work = Work.ASKED
    deform: Callable[[Reply, Changes], Reply] = _as_it_is
    delivery: Delivery = Delivery.WHOLE

    def applied(self, honest: Reply, changes: Changes) -> Reply:
        """The reply that goes out."""
        return replace(self.deform(honest, changes), delivery=self.delivery)


_HTML: Final = (("Content-Type", "text/html; charset=utf-8"),)
_TOO_MANY: Final = json_reply(429, {"success": False, "message": "Too many requests"}, ("Retry-After", "1"))
# Its form is made up: no provider documents what a key answers whose first request has not ended.
_IN_PROGRESS: Final = json_reply(409, {"message": "A request with this key is in progress"})
# Relative to the request's own address: a client that follows it asks for the refund again.
_REDIRECTED: Final = Reply(307, b"", (("Location", "?redirected"),))

HONEST: Final = Effect("behaves")
EFFECTS: Final[Mapping[Fault, Effect]] = {
    Fault.DECLINED: Effect("the provider declines the refund", Work.DECLINE),
    Fault.TOO_MANY_REQUESTS: Effect("429 with Retry-After", Work.NOTHING, _always(_TOO_MANY)),
    Fault.SERVER_ERROR_BEFORE: Effect("500 of the provider, which has not refunded", Work.FAIL),
    Fault.SERVER_ERROR_AFTER: Effect("500 of the provider, which has refunded", Work.ASKED_THEN_FAIL),
    Fault.STATUS_520: Effect("520 with a page of the gateway", deform=_always(Reply(520, _PAGE, _HTML))),
    Fault.HTML_200: Effect("200 with a page in place of JSON", deform=_always(Reply(200, _PAGE, _HTML))),
    Fault.EMPTY_200: Effect("200 with an empty body", deform=_always(Reply(200))),
    Fault.TRUNCATED_JSON: Effect(
        "the first half of the JSON, as a whole HTTP reply", deform=_body(lambda body: body[: len(body) // 2])
    ),
    Fault.WRONG_SHAPE: Effect("an array around the JSON object", deform=_body(lambda body: b"[" + body + b"]")),
    Fault.UNKNOWN_VALUE: Effect("a code or status that the contract does not list", deform=_changed),
    Fault.NULL_OBJECT: Effect("null where an object or an answer belongs", deform=_changed),
    Fault.WRONG_AMOUNT: Effect("a hundred times the amount, in the reply alone", deform=_changed),
    Fault.WRONG_PAYMENT: Effect("the id of another payment, in the reply alone", deform=_changed),
    Fault.WHOLE_LIST: Effect("every transaction, where those of one request were asked for", Work.ASKED_OF_ALL),
    Fault.TOO_LARGE: Effect(
        "valid JSON of more than 1 MiB", deform=_body(lambda body: body + b" " * (MAX_REPLY_BYTES + 1 - len(body)))
    ),
    Fault.ECHO_CREDENTIALS: Effect("a message that quotes the credentials", deform=_changed),
    Fault.REDIRECT: Effect("307 to the same address", Work.NOTHING, _always(_REDIRECTED)),
    Fault.CUT_BEFORE: Effect(Delivery.REFUSED.value, Work.NOTHING, delivery=Delivery.REFUSED),
    Fault.CUT_AFTER: Effect(Delivery.CUT.value, delivery=Delivery.CUT),
    Fault.CUT_IN_REPLY: Effect("the connection is cut in the middle of the reply", delivery=Delivery.HALF),
    Fault.HANG_BEFORE: Effect("no reply for ever, and no refund", Work.NOTHING, delivery=Delivery.HANGING),
    Fault.HANG_AFTER: Effect("no reply for ever, after the refund", delivery=Delivery.HANGING),
    Fault.SLOW_DRIP: Effect("the right reply, a byte at a time", delivery=Delivery.DRIPPING),
    Fault.INTERIM_REPLY: Effect("a 103 before the right reply", delivery=Delivery.AFTER_INTERIM),
    Fault.CUT_WHILE: Effect(
        "the connection is cut, and the refund executed at the next advance", Work.LATER, delivery=Delivery.CUT
    ),
    Fault.DUPLICATE_REPLY: Effect("the right reply, and the same again", delivery=Delivery.TWICE),
    Fault.IN_PROGRESS: Effect("409: a request with this key is in progress", Work.NOTHING, _always(_IN_PROGRESS)),
    Fault.TOKEN_EXPIRED: Effect("401, and every token that was given has ended", Work.NO_TOKEN),
}
