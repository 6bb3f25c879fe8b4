"""Paybyrd Gateway: refunds of card and local payments, most of them at once, some accepted for later."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from refundry.capabilities import Capabilities, counted, decimals
from refundry.errors import InvalidRefund, Reason
from refundry.money import Money
from refundry.outcome import Outcome, Reading
from refundry.providers import paybyrd_codes as codes
from refundry.providers.fields import FieldReader, given, json_value, plain_word, same_id
from refundry.providers.idempotency import idempotency_key
from refundry.providers.signatures import is_basic, is_same, no_proof
from refundry.providers.translation import News, Translation, refund_id_of
from refundry.refund import Operation, Refund, RefundStatus
from refundry_paybyrd import models
from refundry_paybyrd.api.refunds import refund_transaction
from refundry_paybyrd.api.transactions import get_transaction, list_transactions
from refundry_paybyrd.types import UNSET, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Paybyrd
    from refundry.providers.translation import About, GeneratedRequest
    from refundry.refund import RefundRequest
    from refundry.wire import WireReply

_TRANSACTIONS: Final = "/api/v2/transactions"
_LINK: Final = re.compile(
    re.escape(_TRANSACTIONS) + r"(?:\?requestId=(?P<request>[0-9A-Za-z-]{1,200})|/(?P<transaction>[0-9A-Za-z-]{1,200}))"
)
_REQUEST_ID: Final = re.compile(r"[0-9A-Za-z-]{1,200}")
# .NET writes the year 1 for a time that was never set.
_FIRST_YEAR, _LAST_YEAR = 2000, 9000


class PaybyrdTranslation(Translation):
    """Refunds of one payment, by its transaction id."""

    account: Paybyrd
    PACKAGE: ClassVar[str] = "refundry_paybyrd"
    ABSENT: ClassVar[object] = UNSET
    CAPABILITIES: ClassVar[Mapping[Operation, Capabilities]] = {
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

    # Refunds.

    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """POST of isoAmount, as Paybyrd counts it, with the idempotency key."""
        assert request.payment_id is not None
        assert isinstance(request.amount, Money)
        return refund_transaction.build_request(
            request.payment_id,
            body=models.RefundRequest(iso_amount=counted(request.amount, self.account)),
            idempotency_key=idempotency_key(request.reference, request.attempt),
        )

    def parse(self, request: RefundRequest, reply: WireReply) -> Any:
        """The answer on 200, the acceptance on 202, the error body on every other documented status."""
        return refund_transaction.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """By HTTP status and Paybyrd code; where the two contradict each other, unknown."""
        code, message = self.refusal(parsed, reader)
        if code is not None and code not in codes.LISTED:
            reader.deviate("/code", "is not a code that the contract lists")
        outcome, reason = codes.verdict(status, code)
        reported: dict[str, Any] = {}
        if outcome in (Outcome.SUCCEEDED, Outcome.PENDING):
            is_link = isinstance(parsed, models.AcceptedResponse)
            reported = self._link_of(parsed, reader) if is_link else self._reported(parsed, request, reader)
        return Reading(
            outcome,
            reason,
            why="its status and code do not say whether it was refunded",
            code=code,
            message=message,
            resolves_earlier=outcome is Outcome.REJECTED and code in codes.RESOLVES_EARLIER,
            **reported,
        )

    def request_id_of(self, reply: WireReply) -> str | None:
        """Each reply has it in a header: docs.paybyrd.com, advanced/tracking-requests."""
        value = reply.header("requestid")
        return value if value is not None and _REQUEST_ID.fullmatch(value) else None

    def tracking_of(self, reply: WireReply) -> str | None:
        """The link to the transactions of the request, by the id that each reply has in a header.

        That the query takes this very id is inferred: confirm in the sandbox.
        """
        link = f"{_TRANSACTIONS}?requestId={reply.header('requestid') or ''}"
        return link if self._link(link) else None

    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """The code and its sentence. The older pages show a 401 with `message` in place of `description`."""
        code, message = reader.text(parsed.code, "/code"), reader.text(parsed.description, "/description")
        if message is None and isinstance(parsed, models.ErrorResponse):
            message = reader.text(parsed.additional_properties.get("message", UNSET), "/message")
        return code, message

    def _link(self, tracking_id: str) -> re.Match[str] | None:
        """The link of a 202, if it leads to the transactions of this very host and nowhere else."""
        return _LINK.fullmatch(tracking_id.removeprefix(self.account.origin))

    def _link_of(self, parsed: models.AcceptedResponse, reader: FieldReader) -> dict[str, Any]:
        """The link of an acceptance for later, as a field of a Reading."""
        reader.expect_object(parsed, "links")
        links = parsed.links
        href = reader.text(links.href, "/links/href") if isinstance(links, models.AcceptedLinkResponse) else None
        if href is not None and self._link(href) is None:
            reader.deviate("/links/href", "leads elsewhere than to the transactions of this host")
            href = None
        return {"tracking_id": href}

    def _reported(self, parsed: models.RefundResponse, request: RefundRequest, reader: FieldReader) -> dict[str, Any]:
        """What an acceptance says of the refund and of the rest of its payment, as fields of a Reading."""
        assert isinstance(request.amount, Money)
        currency = request.amount.currency
        places = decimals(currency, self.account)
        assert places is not None
        refund_id = reader.id_text(parsed.transaction_id, "/transactionId")
        reported: dict[str, Any] = {
            "amounts": _amounts(parsed, places, reader),
            "refund_id": reader.in_path(refund_id, "/transactionId"),
        }
        reader.expect_object(parsed, "sourceTransaction")
        source = parsed.source_transaction
        if isinstance(source, models.RefundSourceTransactionResponse):
            left, at = source.iso_remaining_amount, "/sourceTransaction/isoRemainingAmount"
            reported["payment_id"] = reader.id_text(source.transaction_id, "/sourceTransaction/transactionId")
            reported["remaining"] = reader.minor_units(left, at, currency, places)
        return reported

    # The state of a refund.

    def state_request(self, refund: Refund) -> GeneratedRequest:
        """GET of the refund's transaction or, before it has an id, of the transactions of its request."""
        if refund.refund_id is not None or refund.tracking_id is None:
            return get_transaction.build_request(refund_id_of(refund, ", nor a tracking_id"))
        link = self._link(refund.tracking_id)
        if link is None:
            raise InvalidRefund(
                "the tracking_id leads elsewhere than to the transactions of this account; it is not followed",
                field="tracking_id",
            )
        if link["request"]:
            return list_transactions.build_request(request_id=link["request"])
        return get_transaction.build_request(link["transaction"])

    def parse_state(self, reply: WireReply) -> Any:
        """The transaction or the array of them on 200, the error body on every other documented status."""
        return list_transactions.read_reply(reply.status, reply.body)

    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """By the word and the code of the transaction; of several, by the one that is this refund.

        The contract does not say what an array holds before the refund's transaction exists: where there is none but
        the payment, the refund is pending.
        """
        if not isinstance(parsed, list):
            return self._transaction(refund, parsed, reader, "")
        candidates = [
            (one, FieldReader(UNSET), f"/{index}")
            for index, one in enumerate(parsed)
            if not same_id(one.transaction_id, refund.payment_id)
        ]
        readings = [(self._transaction(refund, *candidate), candidate[1]) for candidate in candidates]
        fitting = [one for one in readings if len(readings) == 1 or _is_of(refund, one[0])]
        if len(fitting) == 1:
            reading, own = fitting[0]
            reader.deviations += own.deviations
            return reading
        if not candidates:
            return Reading(Outcome.PENDING)
        return Reading(why="it gave several transactions, and not one that is this refund")

    def _transaction(self, refund: Refund, parsed: models.Transaction, reader: FieldReader, at: str) -> Reading:
        """What the transaction at the JSON pointer `at` says of this refund.

        An id that is new for the refund is one by which it can be looked up.
        """
        outcome, word = reader.state(parsed.status, f"{at}/status", codes.STATES)
        code = reader.text(parsed.code, f"{at}/code")
        if word is not None and outcome is not Outcome.PENDING and not codes.is_final(outcome, word, code):
            outcome = Outcome.PENDING
            # That an Error is not known yet is documented for these codes.
            if code is not None and not (codes.needs_a_code(word) and code in codes.QUERY_FIRST):
                reader.deviate(f"{at}/code", "does not go with the status")
        currency = reader.currency(parsed.currency, f"{at}/currency")
        known = currency or (refund.amount.currency if refund.amount else None)
        places = None if known is None else decimals(known, self.account)
        refund_id = reader.id_text(parsed.transaction_id, f"{at}/transactionId")
        return Reading(
            outcome,
            codes.REFUSED[code][1] if code in codes.REFUSED else Reason.OTHER,
            amounts=_amounts(parsed, places, reader, at),
            currency=currency,
            refund_id=reader.in_path(refund_id, f"{at}/transactionId") if refund.refund_id is None else refund_id,
            payment_id=_payment_of(refund, parsed, reader, at),
            code=word if code is None else code,
            message=reader.text(parsed.description, f"{at}/description"),
            created_at=_created_at(parsed, reader, at),
        )

    # Callbacks.

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool:
        """By the secret that comes with it: a key in x-api-key, or a name and a password as HTTP Basic."""
        keys, basics = self.account.webhook_api_keys, self.account.webhook_basics
        if not keys and not basics:
            missing = "neither webhook_api_key nor webhook_username and webhook_password"
            raise no_proof(self.account.name, missing, "webhook_api_key")
        key, basic = headers.get("x-api-key", ""), headers.get("authorization", "")
        return any(is_same(key, secret) for secret in keys) or any(is_basic(basic, *secrets) for secrets in basics)

    def read_callback(self, body: bytes, reader: FieldReader) -> tuple[News, ...] | None:
        """The event of transaction.refund, or an event about no refund. The envelope holds a transaction in `content`.

        Where the envelope names the event is not documented: the event decides only together with the transaction's
        word.
        """
        envelope = json_value(body, read_json)
        envelope = envelope if isinstance(envelope, dict) else {}
        content = envelope.get("content")
        event = (reader.text(envelope.get("event", UNSET), "/event") or "").lower()
        listed = _about_event(event)
        about = listed or _about_content(content) or ("other" if event else None)
        if about is None or (about == "refund" and not isinstance(content, dict)):
            reader.deviate("", "is not an envelope with a content that says what it is about")
            return None
        if about == "refund":
            return (News(about, self._event(event, content, reader)),)
        if event and listed is None:
            reader.deviate("/event", "is not an event that is documented")
        return (News(about, Reading()),)

    def _event(self, event: str, content: Any, reader: FieldReader) -> Reading:
        """What the transaction of a refund says, together with its event. Where the two contradict, it is pending."""
        parsed = models.Transaction.from_dict(content)
        by_event = codes.BY_EVENT.get(event)
        if event and parsed.status is UNSET:
            parsed.status = models.TransactionStatus(by_event or "Processing")
        if parsed.transaction_id is UNSET:
            reader.deviate("/content/transactionId", "is missing")
        unknown = Refund(
            self.account.name, "callback", RefundStatus.PENDING
        )  # which refund it is, the caller finds out
        reading = self._transaction(unknown, parsed, reader, "/content")
        word = str(parsed.status) if isinstance(parsed.status, str) else event  # no member of a generated enum
        if event and by_event is None:
            reader.deviate("/event", "is not an event that is documented")
        elif by_event and codes.STATES.get(plain_word(word), reading.outcome) is not codes.STATES[plain_word(by_event)]:
            reader.deviate("/content/status", "contradicts the event")
        else:
            return replace(reading, code=word)
        return replace(reading, outcome=Outcome.PENDING, code=word)


def _amounts(
    parsed: models.RefundResponse | models.Transaction, places: int | None, reader: FieldReader, at: str = ""
) -> tuple[Decimal | str, ...]:
    """The amount that Paybyrd counts, where it is known how many decimals it has, and the deprecated major amount."""
    signed = isinstance(parsed, models.Transaction)
    minor = None if places is None else reader.minor_amount(parsed.iso_amount, f"{at}/isoAmount", places, signed=signed)
    major = reader.major_amount(parsed.amount, f"{at}/amount", signed=signed)
    if isinstance(minor, Decimal) and isinstance(major, Decimal) and minor != major:
        reader.deviate(f"{at}/amount", "differs from isoAmount")
    return given(minor, major)


def _created_at(parsed: models.Transaction, reader: FieldReader, at: str) -> datetime | None:
    """When Paybyrd made the transaction, in UTC; None for a time before there was a Paybyrd."""
    moment = reader.moment(parsed.created_date, f"{at}/createdDate")
    if moment is None or _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return moment and moment.astimezone(UTC)
    reader.deviate(f"{at}/createdDate", "is no time at which it can have been made")
    return None


def _payment_of(refund: Refund, parsed: models.Transaction, reader: FieldReader, at: str) -> str | None:
    """The payment among the transactions that this one refers to: the refund's own, or else the first."""
    referenced = parsed.referenced_transactions
    names = [
        reader.id_text(one.transaction_id, f"{at}/referencedTransactions/{index}/transactionId")
        for index, one in enumerate(referenced if isinstance(referenced, list) else ())
    ]
    same = [name for name in names if same_id(name, refund.payment_id)]
    return next((name for name in (*same, *names) if name is not None), None)


def _is_of(refund: Refund, reading: Reading) -> bool:
    """Whether a transaction says that it is of this payment, and of this amount where that is known."""
    amount = refund.amount.decimal if refund.amount else reading.amount
    return same_id(reading.payment_id, refund.payment_id) and amount == reading.amount


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
        return codes.ABOUT_KIND.get(kind.lower()) or (None if "refund" in kind.lower() else "other")
    return "order" if "orderId" in content and "transactionId" not in content else None
