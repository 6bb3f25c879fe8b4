"""Paybyrd Gateway: refunds of card and local payments, most of them at once, some accepted for later."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from refundry.capabilities import Capabilities, counted, decimals
from refundry.errors import InvalidRefund
from refundry.money import Money
from refundry.outcome import Reading
from refundry.providers import paybyrd_callbacks
from refundry.providers import paybyrd_codes as codes
from refundry.providers.paybyrd_transactions import amounts, askable_transaction, the_refund_among
from refundry.providers.signatures import is_basic, is_same, no_proof
from refundry.providers.translation import News, Translation, refund_id_of
from refundry.refund import Operation, Refund
from refundry_paybyrd import models
from refundry_paybyrd.api.refunds import refund_transaction
from refundry_paybyrd.api.transactions import get_transaction, list_transactions
from refundry_paybyrd.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Paybyrd
    from refundry.providers.fields import FieldReader
    from refundry.providers.translation import GeneratedRequest
    from refundry.refund import RefundRequest
    from refundry.wire import WireReply

_TRANSACTIONS: Final = "/api/v2/transactions"
_LINK: Final = re.compile(
    re.escape(_TRANSACTIONS) + r"(?:\?requestId=(?P<request>[0-9A-Za-z-]{1,200})|/(?P<transaction>[0-9A-Za-z-]{1,200}))"
)


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

    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """POST of isoAmount, as Paybyrd counts it, with the idempotency key."""
        assert request.payment_id is not None
        assert isinstance(request.amount, Money)
        return refund_transaction.build_request(
            request.payment_id,
            body=models.RefundRequest(iso_amount=counted(request.amount, self.account)),
            idempotency_key=idempotency_key(request.reference),
        )

    def parse(self, request: RefundRequest, reply: WireReply) -> Any:
        """The answer on 200, the acceptance on 202, the error body on every other documented status."""
        return refund_transaction.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """By HTTP status and Paybyrd code; where the two contradict each other, unknown."""
        code = reader.text(parsed.code, "/code")
        if code is not None and code not in codes.LISTED:
            reader.deviate("/code", "is not a code that the contract lists")
        verdict = codes.verdict(status, code)
        message = _message(parsed, reader)
        reported: dict[str, Any] = {}
        if verdict in codes.ACCEPTED.values():
            accepted_later = isinstance(parsed, models.AcceptedResponse)
            reported = self._link_of(parsed, reader) if accepted_later else self._reported(parsed, request, reader)
        why = "its status and code do not say whether it was refunded" if verdict is codes.UNKNOWN else ""
        settles = code in codes.RESOLVES_EARLIER and verdict == codes.REFUSED[code]
        return Reading(*verdict, why, code=code, message=message, resolves_earlier=settles, **reported)

    def tracking_of(self, reply: WireReply) -> str | None:
        """The link to the transactions of the request, by the id that each reply has in a header.

        That the query takes this very id is inferred: confirm in the sandbox.
        """
        request_id = reply.header("requestid")
        link = f"{_TRANSACTIONS}?requestId={request_id}"
        return link if request_id and self._link(link) else None

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
        """By the word and the code of the transaction; of several, by the one that is this refund."""
        if isinstance(parsed, list):
            return the_refund_among(self.account, refund, parsed, reader)
        return askable_transaction(self.account, refund, parsed, reader, "")

    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """The code and its sentence."""
        return reader.text(parsed.code, "/code"), _message(parsed, reader)

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool:
        """By the secret that comes with it: a key in x-api-key, or a name and a password as HTTP Basic."""
        keys, basics = self.account.webhook_api_keys, self.account.webhook_basics
        if not keys and not basics:
            missing = "neither webhook_api_key nor webhook_username and webhook_password"
            raise no_proof(self.account.name, missing, "webhook_api_key")
        key, basic = headers.get("x-api-key", ""), headers.get("authorization", "")
        return any(is_same(key, secret) for secret in keys) or any(is_basic(basic, *secrets) for secrets in basics)

    def read_callback(self, body: bytes, reader: FieldReader) -> tuple[News, ...] | None:
        """The event of a transaction.refund; any other event is about no refund."""
        return paybyrd_callbacks.read(self.account, body, reader)

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
            "amounts": amounts(parsed, places, reader),
            "refund_id": reader.in_path(refund_id, "/transactionId"),
        }
        reader.expect_object(parsed, "sourceTransaction")
        source, at = parsed.source_transaction, "/sourceTransaction"
        if isinstance(source, models.RefundSourceTransactionResponse):
            left = source.iso_remaining_amount
            reported["payment_id"] = reader.id_text(source.transaction_id, f"{at}/transactionId")
            reported["remaining"] = reader.minor_units(left, f"{at}/isoRemainingAmount", currency, places)
        return reported


def idempotency_key(reference: str) -> str:
    """The key that Paybyrd de-duplicates by: the same for the same reference, in every process and for good.

    It has the form of a random UUID, which the provider advises. It stays the same after a refusal: a process cannot
    know what another process was answered under this reference, and with a second key both could refund.
    """
    digits = hashlib.sha256(f"refundry\n{reference}".encode()).hexdigest()
    variant = f"{int(digits[16], 16) & 3 | 8:x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def _message(parsed: Any, reader: FieldReader) -> str | None:
    """The sentence for people. The older pages show a 401 with `message` in place of `description`."""
    description = reader.text(parsed.description, "/description")
    if description is not None or not isinstance(parsed, models.ErrorResponse):
        return description
    return reader.text(parsed.additional_properties.get("message", UNSET), "/message")
