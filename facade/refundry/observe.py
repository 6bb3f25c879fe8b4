"""What a client tells of what it does: to its hooks, to the log, and as spans. None of it can change an outcome.

Nothing here is given a credential, a body or anything else of a reply.
"""

from __future__ import annotations

import logging
import sys
from functools import cache
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from refundry.errors import AuthenticationFailed, InvalidRefund, LookupFailed, NotSent, OutcomeUnknown, RefundError
from refundry.interruption import pass_through
from refundry.outcome import CredentialsRefused
from refundry.refund import Attempt, ContractDeviation, Operation, Refund
from refundry.wire import Evidence, SendFailure, WireReply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.providers.translation import Translation

LOG: Final = logging.getLogger("refundry")
LOG.addHandler(logging.NullHandler())

# The outcome for the caller of a call that was interrupted after the first byte.
_INTERRUPTED: Final[Mapping[Operation, type[RefundError]]] = {
    Operation.REFUND: OutcomeUnknown,
    Operation.REFUND_UNREFERENCED: OutcomeUnknown,
    Operation.LOOKUP: LookupFailed,
    Operation.CANCEL: LookupFailed,
    Operation.TOKEN: NotSent,
}


class Observer:
    """The hooks of a client, the logger "refundry", and OpenTelemetry where the process has loaded its API."""

    def __init__(
        self,
        on_attempt: Callable[[Attempt], None] | None,
        on_deviation: Callable[[ContractDeviation], None] | None,
    ) -> None:
        for name, hook in (("on_attempt", on_attempt), ("on_deviation", on_deviation)):
            if hook is not None and _is_async(hook):
                raise InvalidRefund(
                    f"{name} is an async function, which nobody would await; give a plain one", field=name
                )
        self._on_attempt = on_attempt
        self._on_deviation = on_deviation

    def attempt(
        self,
        translation: Translation,
        reference: str,
        operation: Operation,
        answer: WireReply | SendFailure,
        seconds: float,
        result: object,
    ) -> None:
        """Tell of one attempt: unknown outcomes as a warning in the log, all others for debugging.

        `result` is the outcome for the caller, or its class.
        """
        kind = result if isinstance(result, type) else type(result)
        level = logging.WARNING if issubclass(kind, OutcomeUnknown) else logging.DEBUG
        # Without the API of OpenTelemetry being loaded, nobody can have asked for spans.
        is_logged, trace = LOG.isEnabledFor(level), sys.modules.get("opentelemetry.trace")
        if self._on_attempt is None and not is_logged and trace is None:
            return
        if isinstance(answer, WireReply):
            evidence, status, cause = Evidence.ANSWERED, answer.status, None
        else:
            evidence, status, cause = answer.evidence, None, answer.cause
        account = translation.account
        attempt = Attempt(account.name, reference, operation, evidence, status, seconds, _named(result, kind))
        if is_logged:
            _harmless(_log, attempt, level, cause)
        if trace is not None:
            _harmless(_span, attempt, trace, account.origin)
        _harmless(self._on_attempt, attempt)

    def interrupted(
        self, translation: Translation, reference: str, operation: Operation, evidence: Evidence, seconds: float
    ) -> None:
        """Report an attempt that was interrupted while it was under way."""
        outcome = NotSent if evidence is Evidence.NOT_SENT else _INTERRUPTED[operation]
        self.attempt(translation, reference, operation, SendFailure(evidence, "interrupted"), seconds, outcome)

    def deviations(
        self, translation: Translation, operation: Operation | None, deviations: tuple[tuple[str, str], ...]
    ) -> None:
        """Report what deviates from the contract."""
        if self._on_deviation is None and not LOG.isEnabledFor(logging.INFO):
            return
        contract = contract_hash(translation.PACKAGE)
        for pointer, rule in deviations:
            deviation = ContractDeviation(translation.account.name, operation, pointer, rule, contract)
            _harmless(_log_deviation, deviation)
            _harmless(self._on_deviation, deviation)


@cache
def contract_hash(package: str) -> str:
    """The SHA-256 of the contract that a generated package was made from: of its contract.json, in hexadecimal."""
    from hashlib import sha256
    from importlib.resources import files

    return sha256(files(package).joinpath("contract.json").read_bytes()).hexdigest()


def _named(result: object, kind: type) -> str:
    if isinstance(result, Refund):
        return result.status.name
    if isinstance(result, SendFailure):
        kind = AuthenticationFailed if isinstance(result, CredentialsRefused) else NotSent
    return kind.__name__ if issubclass(kind, RefundError) else "OK"


def _span(attempt: Attempt, trace: Any, origin: str) -> None:
    """One span for each attempt, with the names that OpenTelemetry has for HTTP, and no personal data."""
    from urllib.parse import urlsplit

    ended = time_ns()
    server = urlsplit(origin)
    attributes: dict[str, str | int] = {
        "refundry.provider": attempt.provider,
        "refundry.operation": attempt.operation.value,
        "refundry.reference": attempt.reference,
        "refundry.evidence": attempt.evidence.value,
        "refundry.outcome": attempt.outcome,
        "server.address": server.hostname or "",
        "server.port": server.port or {"http": 80, "https": 443}[server.scheme],
    }
    if attempt.status is not None:
        attributes["http.response.status_code"] = attempt.status
    span = trace.get_tracer("refundry").start_span(
        f"refundry {attempt.operation.value}",
        kind=trace.SpanKind.CLIENT,
        attributes=attributes,
        start_time=ended - int(attempt.seconds * 1e9),
    )
    if not attempt.outcome.isupper():
        span.set_status(trace.Status(trace.StatusCode.ERROR, attempt.outcome))
    span.end(ended)


def _log(attempt: Attempt, level: int, cause: BaseException | None) -> None:
    LOG.log(
        level,
        "%s of %r at %s: %s (%s, HTTP status %s, %.3f s)%s",
        *(attempt.operation.value, attempt.reference, attempt.provider, attempt.outcome, attempt.evidence.value),
        *(attempt.status, attempt.seconds, "" if cause is None else f", by {type(cause).__name__}"),
    )


def _log_deviation(deviation: ContractDeviation) -> None:
    what = "a callback" if deviation.operation is None else deviation.operation.value
    LOG.info(
        "%s of %s deviates from its contract: %s %s",
        *(what, deviation.provider, deviation.pointer or "it", deviation.rule),
    )


def _is_async(hook: Any) -> bool:
    from inspect import isasyncgenfunction, iscoroutinefunction, unwrap

    called = (unwrap(hook), getattr(hook, "__call__", None))  # noqa: B004 (the method itself is wanted)
    return any(iscoroutinefunction(one) or isasyncgenfunction(one) for one in called)


def _harmless(tell: Callable[..., None] | None, event: Attempt | ContractDeviation, *more: object) -> None:
    """Tell of an event, such that what that raises cannot stand in for the outcome of a refund."""
    if tell is None:
        return
    try:
        tell(event, *more)
    except Exception as error:  # noqa: BLE001 (a fault in an observer must not hide what became of the money)
        pass_through(error)
        try:
            LOG.exception("the hook for %s failed", type(event).__name__)
        except Exception as fault:  # noqa: BLE001 (as above: a handler or a filter of the log may be at fault)
            pass_through(fault)
