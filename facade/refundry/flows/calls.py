"""A call as the attempts see it: what it asks for, what an answer means for it, and whether it may be sent again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from refundry.outcome import Answer
    from refundry.providers.translation import GeneratedRequest, Translation
    from refundry.redaction import Secret
    from refundry.refund import Operation
    from refundry.wire import Progress

Result = TypeVar("Result")


@dataclass(slots=True)
class Conclusion(Generic[Result]):
    """What a call makes of one answer.

    `attempt_outcome` is what this attempt ended as. `outcome_for_caller` is what the caller would learn after it, which
    is another outcome where an earlier attempt is unknown and this one does not resolve it. `credentials_refused` says
    that the provider refused the token of the attempt. `deviations` are those of the reply from its contract.
    """

    answer: Answer
    attempt_outcome: Result
    outcome_for_caller: Result
    credentials_refused: bool = False
    deviations: tuple[tuple[str, str], ...] = ()


class Call(ABC, Generic[Result]):
    """One thing to get from a provider. It knows no socket, and only `record` writes anything down."""

    def __init__(
        self, translation: Translation, operation: Operation, reference: str, request: GeneratedRequest
    ) -> None:
        self.translation: Translation = translation
        self.operation: Operation = operation
        self.reference: str = reference
        self.request: GeneratedRequest = request

    @abstractmethod
    def conclude(self, answer: Answer, secrets: tuple[Secret, ...]) -> Conclusion[Result]:
        """What an answer means for this call, without the credentials that the provider echoed."""

    @abstractmethod
    def may_retry(self, last: Conclusion[Result], previous: Conclusion[Result] | None) -> bool:
        """Whether another attempt may follow the last one. `previous` is the attempt before the last."""

    def has_time_for(self, seconds: float) -> bool:
        """Whether an attempt of so many seconds may still begin."""
        return True

    def begin(self, progress: Progress) -> None:
        """Note that an attempt is about to be handed to the transport."""

    def record(self, conclusion: Conclusion[Result]) -> None:
        """Note how an attempt ended."""
