"""The callbacks of Paybyrd: an envelope that may name its event, with a transaction under `content`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from refundry.outcome import Outcome, Reading
from refundry.providers import paybyrd_codes as codes
from refundry.providers.fields import FieldReader, json_value, plain_word
from refundry.providers.paybyrd_transactions import transaction
from refundry.providers.translation import News
from refundry.refund import Refund, RefundStatus
from refundry_paybyrd.models import Transaction
from refundry_paybyrd.types import UNSET, read_json

if TYPE_CHECKING:
    from refundry.accounts import Account
    from refundry.providers.translation import About


def read(account: Account, body: bytes, reader: FieldReader) -> tuple[News, ...] | None:
    """The event of transaction.refund, or an event about no refund.

    Where the envelope names the event is not documented: the event decides only together with the transaction's word.
    """
    envelope = json_value(body, read_json)
    if not isinstance(envelope, dict):
        reader.deviate("", "is not an envelope with a content")
        return None
    content = envelope.get("content")
    event = (reader.text(envelope.get("event", UNSET), "/event") or "").lower()
    listed = _about_event(event)
    about = listed or _about_content(content) or ("other" if event else None)
    if about is None or (about == "refund" and not isinstance(content, dict)):
        reader.deviate("", "is not an envelope with a content that says what it is about")
        return None
    if about == "refund":
        return (News(about, _refund(account, event, content, reader)),)
    if event and listed is None:
        reader.deviate("/event", "is not an event that is documented")
    return (News(about, Reading()),)


def _refund(account: Account, event: str, content: Any, reader: FieldReader) -> Reading:
    """What the transaction of a refund says, together with its event. Where the two contradict, it is pending."""
    parsed = Transaction.from_dict(content)
    if event and parsed.status is UNSET:
        parsed.status = codes.BY_EVENT.get(event, "Processing")
    if parsed.transaction_id is UNSET:
        reader.deviate("/content/transactionId", "is missing")
    unknown = Refund(account.name, "callback", RefundStatus.PENDING)  # which refund it is, the caller finds out
    reading = transaction(account, unknown, parsed, reader, "/content")
    word = parsed.status if isinstance(parsed.status, str) else event
    by_event = codes.BY_EVENT.get(event)
    if event and by_event is None:
        reader.deviate("/event", "is not an event that is documented")
    elif by_event and codes.STATES.get(plain_word(word), reading.outcome) is not codes.STATES[plain_word(by_event)]:
        reader.deviate("/content/status", "contradicts the event")
    else:
        return replace(reading, code=word)
    return replace(reading, outcome=Outcome.PENDING, code=word)


def _about_event(event: str) -> About | None:
    """What an event of this name, in lower case, is about; None where its family is not listed."""
    first, _, rest = event.partition(".")
    return codes.ABOUT_EVENT.get(f"{first}.{rest.partition('.')[0]}") or codes.ABOUT_EVENT.get(first)


def _about_content(content: Any) -> About | None:
    """What a content is about; None where it does not say. An order has an orderId, and no transaction.

    The provider's shop plugins read it so.
    """
    if not isinstance(content, dict):
        return None
    kind = content.get("operationType")
    if isinstance(kind, str) and kind:
        if kind.lower() in codes.ABOUT_KIND:
            return codes.ABOUT_KIND[kind.lower()]
        return None if "refund" in kind.lower() else "other"
    return "order" if "orderId" in content and "transactionId" not in content else None
