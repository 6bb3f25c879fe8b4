"""What every provider's translation has in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from refundry.checks import Secret
from refundry.errors import InvalidRefund, UnsupportedOperation
from refundry.money import EXPONENTS, FULL, Money
from refundry.outcome import Outcome, Reading
from refundry.wire import WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Account
    from refundry.refund import Capabilities, Operation, RefundRequest

_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?|-?inf")

_MOST_DIGITS: Final = 20


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
    def headers(self) -> dict[str, str]:
        """The headers that the contract names, and the content type."""
        ...

    @property
    def content(self) -> bytes | None:
        """The body."""
        ...


class Translation(ABC):
    """Between a refund and the messages of one provider, for one account. It knows no socket, clock or storage."""

    CAPABILITIES: ClassVar[Mapping[Operation, Capabilities]]
    ABSENT: ClassVar[object]
    """What stands for a field that is not there, in this provider's generated package."""

    def __init__(self, account: Account) -> None:
        self.account: Account = account

    @abstractmethod
    def build(self, request: RefundRequest) -> WireRequest:
        """The HTTP request that asks for this refund. Raises nothing for a request that `check` lets pass."""

    @abstractmethod
    def parse(self, reply: WireReply) -> Any:
        """The reply as the generated model of its status, None for a status that the contract does not describe.

        Raises ValueError where the body is not what the contract describes for that status.
        """

    @abstractmethod
    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: Reader) -> Reading:
        """What a reply that could be parsed says. Raises nothing; takes its values through the reader."""

    def read(self, request: RefundRequest, reply: WireReply) -> Reading:
        """What this reply says about this refund. Raises nothing, whatever the reply holds.

        A reply that cannot be read is unknown, whatever its status. The one exception is 401: all three providers
        check the credentials before they do anything.
        """
        if not reply.complete:
            return Reading(why="the reply ended early")
        problem = f"status {reply.status} is not in the contract"
        try:
            parsed = self.parse(reply)
        except ValueError as unreadable:
            parsed, problem = None, str(unreadable)
        if parsed is not None:
            reader = Reader(self.ABSENT)
            reading = self.interpret(request, reply.status, parsed, reader)
            return replace(reading, departures=tuple(reader.departures)) if reader.departures else reading
        if reply.status == 401:
            return Reading(Outcome.AUTHENTICATION_FAILED, departures=(("", problem),))
        return Reading(why=problem, departures=(("", problem),))

    def check(self, request: RefundRequest) -> Capabilities:
        """What this provider can do in the operation asked for.

        Raises UnsupportedOperation where it cannot do what is asked, and InvalidRefund where the currency is not the
        account's.
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
        return capabilities

    def wire(self, generated: GeneratedRequest, *credentials: tuple[str, Secret]) -> WireRequest:
        """A generated request as it goes out: with the account's host and the headers that prove who sends it.

        A header of the generated request that is among the credentials stands there only, so that it does not show.
        """
        hidden = [name.lower() for name, _ in credentials]
        shown = tuple((name, value) for name, value in generated.headers.items() if name.lower() not in hidden)
        return WireRequest(
            method=generated.method,
            origin=self.account.origin,
            target=generated.path,
            headers=(*shown, ("Accept", "application/json")),
            credentials=credentials,
            body=generated.content or b"",
        )


class Reader:
    """Reads single values of a reply: what can be used is returned, and what departs from the contract is noted.

    `absent` stands for a field that the reply does not have.
    """

    def __init__(self, absent: object) -> None:
        self._absent = absent
        self.departures: list[tuple[str, str]] = []

    def note(self, pointer: str, rule: str) -> None:
        """Note that the value at this JSON pointer departs from the contract."""
        self.departures.append((pointer, rule))

    def text(self, value: object, pointer: str) -> str | None:
        """A text that is not empty."""
        if value is self._absent:
            return None
        if isinstance(value, str) and value:
            return value
        self.note(pointer, "is not a text, or an empty one")
        return None

    def flag(self, value: object, pointer: str) -> bool | None:
        """True or False."""
        if value is self._absent:
            return None
        if isinstance(value, bool):
            return value
        self.note(pointer, "is neither true nor false")
        return None

    def expect_object(self, parsed: Any, name: str) -> None:
        """Note a member that is there and is no object. The generated model keeps it apart, as it came."""
        if name in parsed.additional_properties:
            self.note(f"/{name}", "is not an object")

    def whole(self, value: object, pointer: str) -> int | None:
        """A whole number, zero or more."""
        if value is self._absent:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.note(pointer, "is not a whole number")
        return None

    def minor_amount(self, value: object, pointer: str, currency: str) -> Decimal | None:
        """An amount in minor units, as one in major units of this currency.

        Exact, and without its sign, for refunds are written both ways. What is no number is noted and left out; what
        is one, but not as the contract has it, is noted and taken: an amount is there to be compared.
        """
        if value is self._absent:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.note(pointer, "is not a whole number")
            if not isinstance(value, float) and not (isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)):
                return None
        return self._amount(value, pointer, EXPONENTS[currency])

    def major_amount(self, value: object, pointer: str) -> Decimal | None:
        """An amount in major units, a number or a text. As `minor_amount` otherwise."""
        return None if value is self._absent else self._amount(value, pointer, 0)

    def _amount(self, value: object, pointer: str, decimals: int) -> Decimal | None:
        text = repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _NUMBER.fullmatch(text):
            self.note(pointer, "is not an amount")
            return None
        _, digits, exponent = Decimal(text).as_tuple()
        if text.startswith("-") or len(digits) > _MOST_DIGITS:
            self.note(pointer, "is below zero, or has too many digits")
        if not isinstance(exponent, int):
            return Decimal("Infinity")
        # Made from its digits, for arithmetic would round it to the decimal context of the caller.
        return Decimal((0, digits, exponent - decimals))
