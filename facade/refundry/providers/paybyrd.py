"""Paybyrd Gateway: refunds of card and local payments, most of them at once, some accepted for later."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from refundry.capabilities import Capabilities, counted, decimals
from refundry.errors import InvalidRefund, Reason
from refundry.money import Money
from refundry.outcome import Outcome, Reading
from refundry.providers.fields import FieldReader, given, plain_word, read_json, same_id
from refundry.providers.signatures import is_basic, is_same, no_proof
from refundry.providers.translation import News, Translation, refund_id_of
from refundry.refund import Operation, Refund, RefundStatus
from refundry_paybyrd.api.refunds import refund_transaction
from refundry_paybyrd.api.transactions import get_transaction, list_transactions
from refundry_paybyrd.models import (
    AcceptedLinkResponse,
    AcceptedResponse,
    ErrorResponse,
    RefundResponse,
    RefundSourceTransactionResponse,
    Transaction,
)
from refundry_paybyrd.models import (
    RefundRequest as Body,
)
from refundry_paybyrd.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Paybyrd
    from refundry.providers.translation import About, GeneratedRequest
    from refundry.refund import RefundRequest
    from refundry.wire import WireReply

_Verdicts = dict[str | None, tuple[Outcome, Reason]]

# Codes and their meaning: docs.paybyrd.com/api-reference/api-code-reference. What is not listed here is unknown.
_UNDERWAY: Final = (Outcome.PENDING, Reason.OTHER)
_NO_ACCESS: Final = (Outcome.AUTHENTICATION_FAILED, Reason.OTHER)
_UNKNOWN: Final = (Outcome.UNKNOWN, Reason.OTHER)

_ACCEPTED: Final[_Verdicts] = {
    "BYRD200": (Outcome.SUCCEEDED, Reason.OTHER),
    "BYRD010": _UNDERWAY,
    "BYRD201": _UNDERWAY,  # waiting for the shopper
    "BYRD207": _UNDERWAY,  # waiting for a redirect
}
_REFUSED: Final[_Verdicts] = {
    "BYRD205": (Outcome.REJECTED, Reason.DECLINED),  # by the acquirer
    "BYRD206": (Outcome.REJECTED, Reason.DECLINED),  # by a velocity rule
    "BYRD208": (Outcome.REJECTED, Reason.DECLINED),  # cancelled by the shopper
    "BYRD230": (Outcome.REJECTED, Reason.ALREADY_REFUNDED),
    "BYRD231": (Outcome.REJECTED, Reason.EXCEEDS_REMAINING),
    "BYRD240": (Outcome.REJECTED, Reason.INVALID),  # token expired
    "BYRD290": (Outcome.REJECTED, Reason.OTHER),  # failed before it was processed
    "BYRD291": (Outcome.REJECTED, Reason.OTHER),  # failed while it was made ready for the acquirer
    "BYRD292": (Outcome.REJECTED, Reason.NOT_REFUNDABLE),  # no payment method for it
    "BYRD401": _NO_ACCESS,
    "BYRD403": _NO_ACCESS,
    "BYRD900": (Outcome.REJECTED, Reason.INVALID),
    "BYRD901": (Outcome.REJECTED, Reason.NOT_FOUND),
}
# The refusals that are the verdict also on an earlier attempt under the same key, whose reply was lost: they say what
# became of this refund. Every other may come of the earlier one being worked on still, or having been carried out.
_SETTLE_EARLIER: Final = frozenset({"BYRD205", "BYRD208", "BYRD901"})
_QUERY_FIRST: Final = dict.fromkeys(("BYRD203", "BYRD294", "BYRD299", "BYRD999"), _UNKNOWN)

BY_STATUS_AND_CODE: Final[dict[int, _Verdicts]] = {
    200: {**_ACCEPTED, **_REFUSED},
    # The weaker of two is believed where a 202 comes with a code that says done.
    202: dict.fromkeys((None, *_ACCEPTED), _UNDERWAY),
    400: _REFUSED,
    401: dict.fromkeys((*_ACCEPTED, *_QUERY_FIRST), _UNKNOWN),
    403: dict.fromkeys((*_ACCEPTED, *_QUERY_FIRST), _UNKNOWN),
    404: _REFUSED,
}
BY_STATUS: Final = {401: _NO_ACCESS, 403: _NO_ACCESS}

# Words of a transaction: docs.paybyrd.com/api-reference/api-code-reference; AcquirerSuccess from the provider's own
# shop plugin. Case differs between replies and callbacks.
BY_WORD: Final[Mapping[str, Outcome]] = {
    "Success": Outcome.SUCCEEDED,
    "AcquirerSuccess": Outcome.SUCCEEDED,
    "Processing": Outcome.PENDING,
    "TemporaryFailed": Outcome.PENDING,  # the provider does not know yet
    "Denied": Outcome.REJECTED,
    "Canceled": Outcome.REJECTED,
    "Error": Outcome.REJECTED,
}
_STATES: Final = {plain_word(word): outcome for word, outcome in BY_WORD.items()}
# The codes that go with a final word. Beside another one the refund is not final: the weaker of the two is believed.
# The word Error stands for failures that are final and for some that are not known yet, so it needs one of them.
_FINAL_CODES: Final[Mapping[Outcome, frozenset[str | None]]] = {
    Outcome.SUCCEEDED: frozenset({"BYRD200"}),
    Outcome.REJECTED: frozenset(_REFUSED),
}
NEEDS_A_CODE: Final = "Error"
# The events of a refund (docs.paybyrd.com/api-reference/webhooks), each as the word of its transaction.
_BY_EVENT: Final[Mapping[str, str]] = {
    "transaction.refund.pending": "Processing",
    "transaction.refund.success": "Success",
    "transaction.refund.failed": "Denied",
    "transaction.refund.error": "Error",
    "transaction.refund.canceled": "Canceled",
}

# What the families of events are about: docs.paybyrd.com/api-reference/webhooks; more of orders in the provider's own
# .NET client. Where no event is named, the kind of the transaction says so.
_ABOUT_EVENT: Final[Mapping[str, About]] = {
    "transaction.refund": "refund",
    "transaction.payment": "payment",
    "transaction.preauth": "payment",
    "transaction.capture": "payment",
    "order": "order",
    "chargeback": "other",
}
_ABOUT_KIND: Final[Mapping[str, About]] = {
    "refund": "refund",
    "payment": "payment",
    "preauth": "payment",
    "capture": "payment",
}

# .NET writes the year 1 for a time that was never set.
_FIRST_YEAR, _LAST_YEAR = 2000, 9000
_TRANSACTIONS: Final = "/api/v2/transactions"
_LINK: Final = re.compile(
    re.escape(_TRANSACTIONS) + r"(?:\?requestId=(?P<request>[0-9A-Za-z-]{1,200})|/(?P<transaction>[0-9A-Za-z-]{1,200}))"
)


class PaybyrdTranslation(Translation):
    """Refunds of one payment, by its transaction id."""

    PACKAGE = "refundry_paybyrd"
    ABSENT = UNSET
    CAPABILITIES = {
        Operation.REFUND: Capabilities(
            partial=True,
            full_without_amount=False,
            idempotency_window=24 * 3600,
            settles="now",
            reports=frozenset({"amount", "refund_id", "payment_id", "remaining"}),
            lookup=frozenset({"refund_id", "tracking_id"}),
            absence_proves="nothing",
            cancel=False,
            callbacks="shared secret",
        )
    }

    def __init__(self, account: Paybyrd) -> None:
        super().__init__(account)
        self._paybyrd = account

    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """POST of isoAmount, as Paybyrd counts it, with the idempotency key."""
        assert request.payment_id is not None
        assert isinstance(request.amount, Money)
        return refund_transaction.build_request(
            request.payment_id,
            body=Body(iso_amount=counted(request.amount, self.account)),
            idempotency_key=idempotency_key(request.reference),
        )

    def parse(
        self, request: RefundRequest, reply: WireReply
    ) -> RefundResponse | AcceptedResponse | ErrorResponse | None:
        """The answer on 200, the acceptance on 202, the error body on every other documented status."""
        return refund_transaction.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """By HTTP status and Paybyrd code; where the two contradict each other, unknown."""
        code = reader.text(parsed.code, "/code")
        if code is not None and not (code in _ACCEPTED or code in _REFUSED or code in _QUERY_FIRST):
            reader.deviate("/code", "is not a code that the contract lists")
        found = verdict(status, code)
        message = _message(parsed, reader)
        said = self._said(parsed, request, reader) if found in _ACCEPTED.values() else {}
        why = "its status and code do not say whether it was refunded" if found is _UNKNOWN else ""
        settles = code in _SETTLE_EARLIER and found == _REFUSED[code]
        return Reading(*found, why, code=code, message=message, settles_earlier=settles, **said)

    def state_request(self, refund: Refund) -> GeneratedRequest:
        """GET of the refund's transaction, or, where it has no id yet, of what came of the request."""
        if refund.refund_id is not None or refund.tracking_id is None:
            return get_transaction.build_request(refund_id_of(refund, ", nor a tracking_id"))
        found = self._link(refund.tracking_id)
        if found is None:
            raise InvalidRefund(
                "the tracking_id leads elsewhere than to the transactions of this account; it is not followed",
                field="tracking_id",
            )
        if found["request"]:
            return list_transactions.build_request(request_id=found["request"])
        return get_transaction.build_request(found["transaction"])

    def tracking_of(self, reply: WireReply) -> str | None:
        """The link to what came of the request, by the id that each reply has in a header.

        That this id is the one which the query takes is inferred: confirm in the sandbox.
        """
        request_id = reply.header("requestid")
        link = f"{_TRANSACTIONS}?requestId={request_id}"
        return link if request_id and self._link(link) else None

    def parse_state(self, reply: WireReply) -> Any:
        """The transaction or the array of them on 200, the error body on every other documented status."""
        return list_transactions.read_reply(reply.status, reply.body)

    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """By the word and the code of the transaction; of several, by the one that is this refund."""
        if not isinstance(parsed, list):
            return self._fit_to_ask(refund, parsed, reader, "")
        places = [index for index, one in enumerate(parsed) if not _is_payment(refund, one)]
        if not places:
            return Reading(Outcome.PENDING)  # what is there before the transaction is not documented
        if len(places) == 1:
            return self._fit_to_ask(refund, parsed[places[0]], reader, f"/{places[0]}")
        tried = [(FieldReader(UNSET), index, parsed[index]) for index in places]
        readings = [(self._fit_to_ask(refund, one, each, f"/{index}"), each) for each, index, one in tried]
        fitting = [(reading, each) for reading, each in readings if _is_of(refund, reading)]
        if len(fitting) != 1:
            return Reading(why="it gave several transactions, and not one that is this refund")
        reading, each = fitting[0]
        for pointer, rule in each.deviations:
            reader.deviate(pointer, rule)
        return reading

    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """The code and its sentence."""
        return reader.text(parsed.code, "/code"), _message(parsed, reader)

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool:
        """By the secret that comes with it: a key in x-api-key, or a name and a password as Basic."""
        account = self._paybyrd
        if not account.webhook_api_keys and not account.webhook_basics:
            missing = "neither webhook_api_key nor webhook_username and webhook_password"
            raise no_proof(self.account.name, missing, "webhook_api_key")
        key, basic = headers.get("x-api-key", ""), headers.get("authorization", "")
        by_key = any(is_same(key, secret) for secret in account.webhook_api_keys)
        return by_key or any(is_basic(basic, *secrets) for secrets in account.webhook_basics)

    def read_callback(self, body: bytes, reader: FieldReader) -> tuple[News, ...] | None:
        """An event of transaction.refund, with its transaction under `content`; any other is about no refund.

        Where the envelope names the event is not documented: its word decides only together with the transaction's.
        """
        envelope = read_json(body)
        if not isinstance(envelope, dict):
            reader.deviate("", "is not an envelope with a content")
            return None
        content = envelope.get("content")
        event = (reader.text(envelope.get("event", UNSET), "/event") or "").lower()
        listed = _about_of_event(event)
        about = listed or _about_of_content(content) or ("other" if event else None)
        if about is None or (about == "refund" and not isinstance(content, dict)):
            reader.deviate("", "is not an envelope with a content that says what it is about")
            return None
        if about == "refund":
            return (News(about, self._of_content(event, content, reader)),)
        if event and listed is None:
            reader.deviate("/event", "is not an event that is documented")
        return (News(about, Reading()),)

    def _of_content(self, event: str, content: Any, reader: FieldReader) -> Reading:
        """What the transaction of a refund says, together with the name of its event."""
        transaction = Transaction.from_dict(content)
        if event and transaction.status is UNSET:
            transaction.status = _BY_EVENT.get(event, "Processing")
        if transaction.transaction_id is UNSET:
            reader.deviate("/content/transactionId", "is missing")
        nobody = Refund(self.account.name, "callback", RefundStatus.PENDING)
        reading = self._of_transaction(nobody, transaction, reader, "/content")
        told = transaction.status if isinstance(transaction.status, str) else event
        by_event = _BY_EVENT.get(event)
        if event and by_event is None:
            reader.deviate("/event", "is not an event that is documented")
        elif by_event and _STATES.get(plain_word(told), reading.outcome) is not _STATES[plain_word(by_event)]:
            reader.deviate("/content/status", "contradicts the event")
        else:
            return replace(reading, code=told)
        return replace(reading, outcome=Outcome.PENDING, code=told)

    def _link(self, tracking_id: str) -> re.Match[str] | None:
        """The link of a 202, if it leads to the transactions of this very host and nowhere else."""
        return _LINK.fullmatch(tracking_id.removeprefix(self.account.origin))

    def _fit_to_ask(self, refund: Refund, parsed: Transaction, reader: FieldReader, at: str) -> Reading:
        """As `_of_transaction`. An id that the refund has not yet has to be one that it can be asked about by."""
        reading = self._of_transaction(refund, parsed, reader, at)
        if refund.refund_id is not None:
            return reading
        return replace(reading, refund_id=reader.in_path(reading.refund_id, f"{at}/transactionId"))

    def _of_transaction(self, refund: Refund, parsed: Transaction, reader: FieldReader, at: str) -> Reading:
        """What a transaction says about the refund that it is taken to be."""
        outcome, word = reader.state(parsed.status, f"{at}/status", _STATES)
        code = reader.text(parsed.code, f"{at}/code")
        if outcome is not Outcome.PENDING and word is not None:
            outcome = _weaker(outcome, word, code, reader, f"{at}/code")
        currency = reader.currency(parsed.currency, f"{at}/currency")
        known = currency or (refund.amount.currency if refund.amount else None)
        places = None if known is None else decimals(known, self.account)
        return Reading(
            outcome,
            _REFUSED[code][1] if code in _REFUSED else Reason.OTHER,
            amounts=_amounts(parsed, places, reader, at, signed=True),
            currency=currency,
            refund_id=reader.id_text(parsed.transaction_id, f"{at}/transactionId"),
            payment_id=_payment_of(refund, parsed, reader, at),
            code=word if code is None else code,
            message=reader.text(parsed.description, f"{at}/description"),
            created_at=_created_at(parsed, reader, at),
        )

    def _said(
        self, parsed: RefundResponse | AcceptedResponse, request: RefundRequest, reader: FieldReader
    ) -> dict[str, Any]:
        """What an acceptance says about the refund, as fields of a Reading."""
        if isinstance(parsed, AcceptedResponse):
            reader.expect_object(parsed, "links")
            link = parsed.links if isinstance(parsed.links, AcceptedLinkResponse) else None
            tracking_id = reader.text(link.href, "/links/href") if link else None
            if tracking_id is not None and self._link(tracking_id) is None:
                reader.deviate("/links/href", "leads elsewhere than to the transactions of this host")
                tracking_id = None
            return {"tracking_id": tracking_id}
        assert isinstance(request.amount, Money)
        places = decimals(request.amount.currency, self.account)
        assert places is not None
        said: dict[str, Any] = {
            "amounts": _amounts(parsed, places, reader),
            "refund_id": reader.in_path(reader.id_text(parsed.transaction_id, "/transactionId"), "/transactionId"),
        }
        reader.expect_object(parsed, "sourceTransaction")
        source = parsed.source_transaction
        if isinstance(source, RefundSourceTransactionResponse):
            at = "/sourceTransaction"
            left, currency = source.iso_remaining_amount, request.amount.currency
            said["payment_id"] = reader.id_text(source.transaction_id, f"{at}/transactionId")
            said["remaining"] = reader.minor_units(left, f"{at}/isoRemainingAmount", currency, places)
        return said


def verdict(status: int, code: str | None) -> tuple[Outcome, Reason]:
    """What a reply of this HTTP status and code says of the refund that was asked for."""
    return BY_STATUS_AND_CODE.get(status, {}).get(code, BY_STATUS.get(status, _UNKNOWN))


def idempotency_key(reference: str) -> str:
    """The key that Paybyrd de-duplicates by: the same for the same reference, in every process and for good.

    In the form of a random UUID, which the provider advises. After a refusal it stays the same too. A process cannot
    know what another one was answered under this reference, and a second key could refund what the first has refunded.
    """
    return str(uuid.UUID(bytes=hashlib.sha256(f"refundry\n{reference}".encode()).digest()[:16], version=4))


def _amounts(
    parsed: RefundResponse | Transaction,
    decimals: int | None,
    reader: FieldReader,
    at: str = "",
    *,
    signed: bool = False,
) -> tuple[Decimal | str, ...]:
    """The amount that Paybyrd counts, where it is known how, and the deprecated one in major units."""
    minor = None
    if decimals is not None:
        minor = reader.minor_amount(parsed.iso_amount, f"{at}/isoAmount", decimals, signed=signed)
    major = reader.major_amount(parsed.amount, f"{at}/amount", signed=signed)
    if isinstance(minor, Decimal) and isinstance(major, Decimal) and minor != major:
        reader.deviate(f"{at}/amount", "differs from isoAmount")
    return given(minor, major)


def _about_of_event(event: str) -> About | None:
    """What an event of this name, in lower case, is about; None where its family is not listed."""
    first, _, rest = event.partition(".")
    return _ABOUT_EVENT.get(f"{first}.{rest.partition('.')[0]}") or _ABOUT_EVENT.get(first)


def _about_of_content(content: Any) -> About | None:
    """What a content is about; None where it does not say. That of an order has an orderId, and no transaction.

    So the provider's shop plugins read it.
    """
    if not isinstance(content, dict):
        return None
    kind = content.get("operationType")
    if isinstance(kind, str) and kind:
        return _ABOUT_KIND.get(kind.lower(), None if "refund" in kind.lower() else "other")
    return "order" if "orderId" in content and "transactionId" not in content else None


def _created_at(parsed: Transaction, reader: FieldReader, at: str) -> datetime | None:
    """When Paybyrd made the transaction, in UTC. A time at which there was no Paybyrd stands for none."""
    moment = reader.moment(parsed.created_date, f"{at}/createdDate")
    if moment is None or _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return moment and moment.astimezone(UTC)
    reader.deviate(f"{at}/createdDate", "is no time at which it can have been made")
    return None


def _message(parsed: RefundResponse | AcceptedResponse | ErrorResponse, reader: FieldReader) -> str | None:
    """The sentence for people. An error that has none may have a `message`, as the older pages show of a 401."""
    description = reader.text(parsed.description, "/description")
    if description is not None or not isinstance(parsed, ErrorResponse):
        return description
    return reader.text(parsed.additional_properties.get("message", UNSET), "/message")


def _weaker(outcome: Outcome, word: str, code: str | None, reader: FieldReader, pointer: str) -> Outcome:
    """What a final word says together with the code beside it."""
    if code is None:
        return Outcome.PENDING if plain_word(word) == plain_word(NEEDS_A_CODE) else outcome
    if code in _FINAL_CODES[outcome]:
        return outcome
    if not (plain_word(word) == plain_word(NEEDS_A_CODE) and code in _QUERY_FIRST):  # documented, and not known yet
        reader.deviate(pointer, "does not go with the status")
    return Outcome.PENDING


def _payment_of(refund: Refund, parsed: Transaction, reader: FieldReader, at: str) -> str | None:
    """The payment among the transactions that this one refers to: the refund's, or else the first."""
    referenced = parsed.referenced_transactions
    if not isinstance(referenced, list):
        return None
    pointer = f"{at}/referencedTransactions"
    names = [
        reader.id_text(one.transaction_id, f"{pointer}/{index}/transactionId") for index, one in enumerate(referenced)
    ]
    there = [name for name in names if name is not None]
    same = [name for name in there if same_id(name, refund.payment_id)]
    return next(iter(same or there), None)


def _is_payment(refund: Refund, parsed: Transaction) -> bool:
    """Whether a transaction is the payment itself, and not the refund of it."""
    return same_id(parsed.transaction_id, refund.payment_id)


def _is_of(refund: Refund, reading: Reading) -> bool:
    """Whether a transaction says that it is of this payment, and of this amount where that is known."""
    amount = refund.amount.decimal if refund.amount else reading.amount
    return same_id(reading.payment_id, refund.payment_id) and amount == reading.amount
