"""The envelope around a translation: what a reply says, also where its body cannot be read.

Nothing here raises, whatever a reply holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from refundry.interruption import pass_through
from refundry.outcome import CREDENTIALS_REFUSED, NoAnswer, Outcome, PaymentState, Reading, of_status
from refundry.providers.credentials import IssuedToken, with_token
from refundry.providers.fields import FieldReader, same_id
from refundry.redaction import Secret
from refundry.validation import is_header_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from refundry.providers.translation import TokenTranslation, Translation
    from refundry.refund import Refund, RefundRequest
    from refundry.wire import WireReply


def read_refund(translation: Translation, request: RefundRequest, reply: WireReply) -> Reading:
    """What the reply to a `refund_request` says of this refund."""
    parsed = _parsed(reply, lambda: translation.parse(request, reply))
    if isinstance(parsed, NoAnswer):
        return _unreadable(reply, parsed)
    reader = FieldReader(translation.ABSENT)
    reading = translation.interpret(request, reply.status, parsed, reader)
    if same_id(reading.refund_id, request.payment_id):
        reader.deviate("", "gives the refund the id of its payment")
        reading = replace(reading, refund_id=None)
    return replace(reading, deviations=tuple(reader.deviations)) if reader.deviations else reading


def read_state(translation: Translation, refund: Refund, reply: WireReply) -> Reading:
    """What the reply to a `state_request` says of the state of this refund."""
    parsed = _parsed(reply, lambda: translation.parse_state(reply))
    if isinstance(parsed, NoAnswer):
        return _unreadable(reply, parsed)
    reader = FieldReader(translation.ABSENT)
    if reply.status != 200:
        denied = reply.status in CREDENTIALS_REFUSED
        code, message = translation.refusal(parsed, reader)
        outcome = Outcome.AUTHENTICATION_FAILED if denied else Outcome.UNKNOWN
        reading = Reading(outcome, why="it gave no state", code=code, message=message)
    else:
        reading = translation.state(refund, parsed, reader)
        if same_id(reading.refund_id, refund.payment_id):
            reading = Reading(why="it gave the payment, and not its refund")
    return replace(reading, deviations=tuple(reader.deviations)) if reader.deviations else reading


def read_payment(translation: Translation, reply: WireReply) -> PaymentState | NoAnswer:
    """What the reply to a `payment_request` says of the state of the payment."""
    parsed = _parsed(reply, lambda: translation.parse_state(reply))
    if isinstance(parsed, NoAnswer):
        return parsed
    if reply.status != 200:
        return NoAnswer("it gave no state")
    return translation.payment_state(parsed)


def read_token(translation: TokenTranslation, reply: WireReply) -> IssuedToken | NoAnswer:
    """The access token in the reply to a `token_request`, or why there is none."""
    # A token is good under every status of success, also one that the contract does not describe.
    undescribed = 200 <= reply.status < 300 and reply.status not in translation.TOKEN_STATUSES
    described = replace(reply, status=translation.TOKEN_STATUSES[0]) if undescribed else reply
    parsed = _parsed(reply, lambda: translation.parse_token(described))
    if isinstance(parsed, NoAnswer):
        return parsed
    reader = FieldReader(translation.ABSENT)
    if reply.status >= 300:
        code, message = translation.refusal(parsed, reader)
        return NoAnswer("it was refused", code, message, tuple(reader.deviations))
    token = reader.text(parsed.access_token, "/access_token")
    if token is None or not is_header_text(token):
        return NoAnswer("the reply holds no token", deviations=tuple(reader.deviations))
    if undescribed:
        reader.deviate("", f"has status {reply.status}, which the contract does not describe")
    stated = translation.token_lifetime(parsed, reply, reader)
    lifetime = translation.DEFAULT_TOKEN_LIFETIME if stated is None else max(stated, 0.0)
    return IssuedToken(with_token(translation.account, Secret(token)), lifetime, tuple(reader.deviations))


def _parsed(reply: WireReply, parse: Callable[[], Any]) -> Any:
    """The generated model of a reply, or a NoAnswer that says why it cannot be read."""
    if not reply.complete:
        return NoAnswer("the reply ended early")
    try:
        parsed = parse()
    except ValueError as unreadable:
        pass_through(unreadable)
        problem = str(unreadable)
    else:
        if parsed is not None:
            return parsed
        problem = f"status {reply.status} is not in the contract"
    return NoAnswer(problem, deviations=(("", problem),))


def _unreadable(reply: WireReply, unread: NoAnswer) -> Reading:
    """A reply that cannot be read says what its status says; one that ended early says nothing."""
    outcome = of_status(reply.status) if reply.complete else Outcome.UNKNOWN
    return Reading(outcome, why=unread.why, deviations=unread.deviations)
