"""What every provider's translation has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol
from urllib.parse import urlencode

from refundry.errors import InvalidRefund, UnsupportedOperation
from refundry.interruption import pass_through
from refundry.money import EXPONENTS, FULL, MAX_MINOR_UNITS, Money
from refundry.outcome import Outcome, Reading
from refundry.providers.fields import FieldReader, contradiction_in, plain_word, rescaled, same_id
from refundry.redaction import Secret
from refundry.refund import Operation
from refundry.validation import is_header_text, path_id
from refundry.wire import SecretBytes, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from refundry.accounts import Account, TokenAccount
    from refundry.errors import Reason
    from refundry.refund import Capabilities, Refund, RefundRequest
    from refundry.webhooks import News

_OF_HUNDREDTHS: Final = 2
_NO_TOKEN_YET: Final = "the-token-is-fetched-when-this-is-sent"


class GeneratedRequest(Protocol):
    """What `build_request` of each generated package gives."""

    @property
    def method(self) -> str:
        """POST and the like."""
        ...

    @property
    def path(self) -> str:
        """The path, percent-encoded."""
        ...

    @property
    def params(self) -> dict[str, Any]:
        """The query."""
        ...

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the contract names, and the content type."""
        ...

    @property
    def content(self) -> bytes | None:
        """The body."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What proves to a provider who sends: headers, or, with `in_body`, what is in the body already.

    `secrets` is all of it that must not show, in whatever the provider sends back.
    """

    credentials: tuple[tuple[str, Secret], ...]
    secrets: tuple[Secret, ...]
    in_body: bool = False


@dataclass(slots=True)
class IssuedToken:
    """A new token: the access that it gives, and for how many seconds it is good."""

    access: Credentials
    seconds: float


class Translation(ABC):
    """Between a refund and the messages of one provider, for one account. It knows no socket, clock or storage."""

    CAPABILITIES: ClassVar[Mapping[Operation, Capabilities]]
    PACKAGE: ClassVar[str]
    """The generated package that it reads and writes with."""
    ABSENT: ClassVar[object]
    """What stands for a field that is not there, in this package."""
    UNDOING: ClassVar[frozenset[str]] = frozenset()
    """The words of a refund that was done and is no longer, as `plain_word` has them."""
    COUNTS_MINOR_UNITS: ClassVar[bool] = False
    """Whether amounts go out as whole numbers, so that it matters what the provider counts."""
    void_hint: ClassVar[str] = ""
    """What there is for a payment that cannot be refunded yet, in words for people; "" where there is nothing."""

    def __init__(self, account: Account) -> None:
        self.account: Account = account
        self.fixed_credentials: Credentials | None = None if account.fetches_token else self.access(None)
        """The access that is always good, or None where it is a token that has to be fetched."""

    @abstractmethod
    def access(self, token: Secret | None) -> Credentials:
        """The access by this token; without one, by the account's own, or, in a request to look at, by a blank."""

    # Refunds.

    @abstractmethod
    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """The request that asks for this refund. Raises nothing for one that `check` lets pass."""

    @abstractmethod
    def parse(self, request: RefundRequest, reply: WireReply) -> Any:
        """The reply as the generated model of its status, None for a status that the contract does not describe.

        Raises ValueError where the body is not what the contract describes for that status.
        """

    @abstractmethod
    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """What a reply that could be parsed says. Raises nothing; takes its values through the reader."""

    def read(self, request: RefundRequest, reply: WireReply) -> Reading:
        """What this reply says about this refund. Raises nothing, whatever the reply holds."""

        def interpret(parsed: Any, reader: FieldReader) -> Reading:
            reading = self.interpret(request, reply.status, parsed, reader)
            if not same_id(reading.refund_id, request.payment_id):
                return reading
            reader.deviate("", "gives the refund the id of its payment")
            return replace(reading, refund_id=None)

        return self._read(reply, lambda: self.parse(request, reply), interpret)

    def tracking_of(self, reply: WireReply) -> str | None:
        """What an unknown refund can be asked about by, from its reply; None where there is nothing."""
        return None

    # The state of a refund, and of a payment.

    @abstractmethod
    def state_request(self, refund: Refund) -> GeneratedRequest:
        """The request that asks for the state of a refund.

        Raises UnsupportedOperation where the refund has no id to be asked about by, InvalidRefund for one that leads
        elsewhere.
        """

    @abstractmethod
    def parse_state(self, reply: WireReply) -> Any:
        """The reply to a `state_request`. As `parse` otherwise."""

    @abstractmethod
    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """What a reply of 200 says: SUCCEEDED, PENDING or REJECTED, UNKNOWN where it says nothing of the refund."""

    @abstractmethod
    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """Code and message of an error body."""

    def read_state(self, refund: Refund, reply: WireReply) -> Reading:
        """What this reply says about the state of this refund. Raises nothing, whatever the reply holds."""

        def interpret(parsed: Any, reader: FieldReader) -> Reading:
            if reply.status == 200:
                reading = self.state(refund, parsed, reader)
                if same_id(reading.refund_id, refund.payment_id):
                    return Reading(why="it gave the payment, and not its refund")
                return reading
            denied = reply.status in (401, 403)
            outcome = Outcome.AUTHENTICATION_FAILED if denied else Outcome.UNKNOWN
            code, message = self.refusal(parsed, reader)
            return Reading(outcome, why="it gave no state", code=code, message=message)

        return self._read(reply, lambda: self.parse_state(reply), interpret)

    def cancel_request(self, refund: Refund) -> GeneratedRequest:
        """The request that calls a refund off. Raises UnsupportedOperation where this provider has none."""
        raise UnsupportedOperation(
            f"{self.account.name} cannot call off a refund that it has accepted", field="provider"
        )

    def payment_request(self, payment_id: str) -> GeneratedRequest | None:
        """The request that asks why a payment cannot be refunded; None where that is not asked at this provider."""
        return None

    def payment_state(self, parsed: Any) -> tuple[str, Reason] | None:
        """The state of that payment, where it cannot be refunded in that: the provider's word, and the reason it is."""
        return None

    def read_payment(self, reply: WireReply) -> Reading:
        """What a reply to a `payment_request` says: REJECTED with the state as its code, UNKNOWN without an answer.

        REJECTED comes with the reason why the payment cannot be refunded.
        """

        def interpret(parsed: Any, _: FieldReader) -> Reading:
            state = self.payment_state(parsed)
            if reply.status != 200:
                return Reading(why="it gave no state")
            return Reading(Outcome.SUCCEEDED) if state is None else Reading(Outcome.REJECTED, state[1], code=state[0])

        return self._read(reply, lambda: self.parse_state(reply), interpret)

    # Callbacks.

    @abstractmethod
    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool | None:
        """Whether the provider sent this callback; None where nothing can prove it. Header names are in lower case.

        Raises InvalidRefund where the account has not what proves it.
        """

    @abstractmethod
    def read_callback(self, body: bytes, reader: FieldReader) -> Sequence[News] | None:
        """All that a callback tells; None where it cannot be read, and the reader has noted why.

        The outcome of a reading is that of `state`, its code the provider's word for it.
        """

    def undoes(self, word: str | None) -> bool:
        """Whether the provider's word for a refund says that it was done, and no longer is."""
        return word is not None and plain_word(word) in self.UNDOING

    # For all of them.

    def _read(
        self, reply: WireReply, parse: Callable[[], Any], interpret: Callable[[Any, FieldReader], Reading]
    ) -> Reading:
        """A reply that cannot be read is unknown, whatever its status.

        The one exception is 401: all three providers check the credentials before they do anything.
        """
        if not reply.complete:
            return Reading(why="the reply ended early")
        problem = f"status {reply.status} is not in the contract"
        try:
            parsed = parse()
        except ValueError as unreadable:
            pass_through(unreadable)
            parsed, problem = None, str(unreadable)
        if parsed is not None and (contradiction := contradiction_in(reply.body)):
            parsed, problem = None, contradiction
        if parsed is not None:
            reader = FieldReader(self.ABSENT)
            reading = interpret(parsed, reader)
            return replace(reading, deviations=tuple(reader.deviations)) if reader.deviations else reading
        if reply.status == 401:
            return Reading(Outcome.AUTHENTICATION_FAILED, why=problem, deviations=(("", problem),))
        return Reading(why=problem, deviations=(("", problem),))

    def check(self, request: RefundRequest) -> Capabilities:
        """What this provider can do in the operation asked for.

        Raises UnsupportedOperation where it cannot do what is asked, and InvalidRefund where the currency is not the
        account's, or the amount is none that the provider counts.
        """
        account = self.account
        facts: dict[str, Any] = {"provider": account.name, "reference": request.reference}
        capabilities = self.CAPABILITIES.get(request.operation)
        if capabilities is None:
            able = " or ".join(operation.value for operation in self.CAPABILITIES)
            raise UnsupportedOperation(
                f"{account.name} has no {request.operation.value}; it has {able}", field="payment_id", **facts
            )
        if request.amount is FULL and not capabilities.full_without_amount:
            raise UnsupportedOperation(
                f"{account.name} needs an amount; give Money in place of FULL", field="amount", **facts
            )
        if isinstance(request.amount, Money) and account.currency not in (None, request.amount.currency):
            raise InvalidRefund(
                f"{account.name} is an account in {account.currency}, and the amount is {request.amount}",
                field="amount",
                **facts,
            )
        if isinstance(request.amount, Money) and self.COUNTS_MINOR_UNITS:
            try:
                self.counted(request.amount)
            except InvalidRefund as refused:
                vars(refused).update(facts)
                raise
        return capabilities

    def decimals(self, currency: str) -> int | None:
        """How many decimals of a major unit there are in what the provider counts; None where nobody has said it."""
        if EXPONENTS[currency] == _OF_HUNDREDTHS or self.account.minor_units == "hundredths":
            return _OF_HUNDREDTHS
        return EXPONENTS[currency] if self.account.minor_units == "iso" else None

    def counted(self, amount: Money) -> int:
        """An amount as the provider counts it. InvalidRefund where that is no whole number, or nobody has said it."""
        currency, name = amount.currency, self.account.name
        decimals = self.decimals(currency)
        if decimals is None:
            raise InvalidRefund(
                f"{currency} has {EXPONENTS[currency]} decimals, and whether {name} counts it by ISO 4217 or in "
                'hundredths is not published: ask there, and make the account with minor_units="iso" or "hundredths"',
                field="minor_units",
            )
        units, rest = rescaled(amount.minor_units, EXPONENTS[currency], decimals)
        if rest or units > MAX_MINOR_UNITS:
            raise InvalidRefund(
                f"{name} counts {currency} in hundredths, and {amount} is no whole number of them up to "
                f"{MAX_MINOR_UNITS}",
                field="amount",
            )
        return units

    def refund_id_of(self, refund: Refund, hint: str = "") -> str:
        """The provider's id of a refund. UnsupportedOperation where it has none, InvalidRefund where it is unfit."""
        if refund.refund_id is None:
            raise UnsupportedOperation(
                f"{self.account.name} is asked about a refund by its refund_id, and this one has none{hint}",
                field="refund_id",
            )
        return path_id(refund.refund_id, "refund_id")

    def wire(self, generated: GeneratedRequest, access: Credentials) -> WireRequest:
        """A generated request as it goes out: with the account's host and the headers that prove who sends it.

        A header of the generated request that is among the credentials stands there only, so that it does not show.
        """
        hidden = [name.lower() for name, _ in access.credentials]
        shown = tuple((name, value) for name, value in generated.headers.items() if name.lower() not in hidden)
        body = generated.content or b""
        return WireRequest(
            method=generated.method,
            origin=self.account.origin,
            target=f"{generated.path}?{urlencode(generated.params)}" if generated.params else generated.path,
            headers=(*shown, ("Accept", "application/json")),
            credentials=access.credentials,
            body=SecretBytes(body) if access.in_body else body,
        )


class TokenTranslation(Translation):
    """For a provider whose requests carry a bearer token, the account's own or one that has to be fetched."""

    TOKEN_STATUSES: ClassVar[Sequence[int]] = (200,)
    """The statuses under which the contract describes a token."""
    DOCUMENTED_LIFE: ClassVar[float]
    """For how many seconds a token is good whose reply does not say it in a way that can be read."""
    KEYS_REFUSED: ClassVar[frozenset[int]] = frozenset({401, 403})
    """The HTTP statuses of a reply to a `token_request` that say that the keys are wrong."""

    def __init__(self, account: TokenAccount) -> None:
        self._token_account = account
        self.keys = Credentials((), account.secrets, in_body=True)
        """What a request for a token goes out with."""
        super().__init__(account)

    @abstractmethod
    def token_request(self) -> GeneratedRequest:
        """The request for an access token."""

    @abstractmethod
    def parse_token(self, reply: WireReply) -> Any:
        """The reply to a `token_request`. As `parse` otherwise."""

    @abstractmethod
    def token_lifetime(self, parsed: Any, reply: WireReply, reader: FieldReader) -> float | None:
        """For how many seconds the token in this reply is good; None where it does not say."""

    def keys_to_send(self) -> dict[str, str]:
        """What a token is fetched with, by the names of the account's arguments, revealed."""
        return {name: secret.reveal() for name, secret in self._token_account.keys.items()}

    def access(self, token: Secret | None) -> Credentials:
        """The token as the Authorization header, beside what else the account sends."""
        token = token or self._token_account.token or Secret(_NO_TOKEN_YET)
        others = self.account.headers
        credentials = (("Authorization", Secret(f"Bearer {token.reveal()}")), *others)
        return Credentials(credentials, (token, *self.account.secrets))

    def read_token(self, reply: WireReply) -> tuple[Reading, IssuedToken | None]:
        """The token in this reply, or None where it gives none; the reading says why. Raises nothing."""
        granted: IssuedToken | None = None

        def interpret(parsed: Any, reader: FieldReader) -> Reading:
            nonlocal granted
            if reply.status >= 300:
                code, message = self.refusal(parsed, reader)
                return Reading(why="it was refused", code=code, message=message)
            token = reader.text(parsed.access_token, "/access_token")
            if token is None or not is_header_text(token):
                return Reading(why="the reply holds no token")
            if reply.status not in self.TOKEN_STATUSES:
                reader.deviate("", f"has status {reply.status}, which the contract does not describe")
            life = self.token_lifetime(parsed, reply, reader)
            granted = IssuedToken(self.access(Secret(token)), self.DOCUMENTED_LIFE if life is None else max(life, 0.0))
            return Reading(Outcome.SUCCEEDED)

        # A token is one under whatever status of success it comes.
        undescribed = 200 <= reply.status < 300 and reply.status not in self.TOKEN_STATUSES
        described = replace(reply, status=self.TOKEN_STATUSES[0]) if undescribed else reply
        reading = self._read(reply, lambda: self.parse_token(described), interpret)
        return reading, granted
