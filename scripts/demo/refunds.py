"""Refunds at all three providers, and the faults that one can meet: the outcome of each, and whether to resend it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from refundry import (
    FULL,
    Account,
    Amount,
    AsyncRefundClient,
    Money,
    Refund,
    RefundClient,
    RefundError,
    RefundRejected,
    Retry,
    Timeout,
)
from scripts.demo.sandboxes import sandbox_process

TIMEOUT = Timeout(connect=5, read=1, total=5)
# With a retry, a refund whose reply is lost would succeed. The demo shows the outcome of one attempt.
ONCE = Retry(attempts=1)


@dataclass(frozen=True)
class Case:
    """One refund to show: its request, the fault that it meets, and its expected outcome."""

    story: str
    provider: str
    payment_id: str | None
    amount: Amount
    expected: str
    fault: str | None = None


_OPERATIONS = {"lab4pay": "refund_unreferenced", "paybyrd": "refund_transaction", "blink": "refund_transaction"}
EUR = Money.of("1.00", "EUR")
GBP = Money.of("12.34", "GBP")
CASES = (
    Case("part of a payment", "paybyrd", "paybyrd-eur", EUR, "SUCCEEDED"),
    Case("accepted, done later", "paybyrd", "paybyrd-pending", EUR, "PENDING"),
    Case("nothing is left of it", "paybyrd", "paybyrd-refunded", EUR, "RefundRejected: already refunded"),
    Case("more than is left", "paybyrd", "paybyrd-eur", Money.of("999", "EUR"), "RefundRejected: exceeds remaining"),
    Case("no such payment", "paybyrd", "paybyrd-nothing", EUR, "RefundRejected: not found"),
    Case("refunded, and the reply is lost", "paybyrd", "paybyrd-eur", EUR, "OutcomeUnknown", "cut_after"),
    Case("another amount is reported", "paybyrd", "paybyrd-eur", EUR, "RefundMismatch", "wrong_amount"),
    Case("needs an amount", "paybyrd", "paybyrd-eur", FULL, "UnsupportedOperation"),
    Case("part of a payment", "blink", "blink-gbp", GBP, "SUCCEEDED"),
    Case("yen have no decimals", "blink", "blink-jpy", Money.of("1234", "JPY"), "SUCCEEDED"),
    Case("all that is left", "blink", "blink-gbp", FULL, "SUCCEEDED"),
    Case("accepted, done later", "blink", "blink-pending", GBP, "PENDING"),
    Case("nothing is left of it", "blink", "blink-refunded", GBP, "RefundRejected: invalid"),
    Case("it has not settled yet", "blink", "blink-captured", GBP, "RefundRejected: not refundable"),
    Case("a page in place of JSON", "blink", "blink-kwd", Money.of("1.234", "KWD"), "OutcomeUnknown", "html_200"),
    Case("status 520", "blink", "blink-kwd", Money.of("1.234", "KWD"), "OutcomeUnknown", "status_520"),
    Case("part of a payment, at a till", "lab4pay", "lab4pay-payment", EUR, "PENDING"),
    Case("tied to no payment", "lab4pay", None, EUR, "PENDING"),
    Case("the reply never comes", "lab4pay", None, EUR, "OutcomeUnknown", "hang_after"),
)


def summary(outcome: Refund | RefundError) -> str:
    """An outcome in a few words."""
    if isinstance(outcome, Refund):
        return outcome.status.name
    reason = f": {outcome.reason.value}" if isinstance(outcome, RefundRejected) else ""
    return f"{type(outcome).__name__}{reason}"


def sync_outcomes(accounts: Sequence[Account], before: Callable[[Case], None]) -> Iterator[Refund | RefundError]:
    """The outcome of each case through RefundClient. The client looks up the reason of a refusal."""
    with RefundClient(accounts, timeout=TIMEOUT, retry=ONCE) as client:
        for number, case in enumerate(CASES):
            before(case)
            reference = f"demo/sync/{number}"
            try:
                if case.payment_id is None:
                    assert isinstance(case.amount, Money)
                    yield client.refund_unreferenced(case.provider, amount=case.amount, reference=reference)
                else:
                    yield client.refund(
                        case.provider, payment_id=case.payment_id, amount=case.amount, reference=reference
                    )
            except RefundRejected as refused:
                yield client.explain(refused)
            except RefundError as error:
                yield error


async def async_outcomes(accounts: Sequence[Account], before: Callable[[Case], None]) -> list[Refund | RefundError]:
    """The outcome of each case through AsyncRefundClient. The client looks up the reason of a refusal."""
    outcomes: list[Refund | RefundError] = []
    async with AsyncRefundClient(accounts, timeout=TIMEOUT, retry=ONCE) as client:
        for number, case in enumerate(CASES):
            before(case)
            reference = f"demo/async/{number}"
            try:
                if case.payment_id is None:
                    assert isinstance(case.amount, Money)
                    outcome = await client.refund_unreferenced(case.provider, amount=case.amount, reference=reference)
                else:
                    outcome = await client.refund(
                        case.provider, payment_id=case.payment_id, amount=case.amount, reference=reference
                    )
                outcomes.append(outcome)
            except RefundRejected as refused:
                outcomes.append(await client.explain(refused))
            except RefundError as error:
                outcomes.append(error)
    return outcomes


def refunds(sync: bool) -> bool:
    """Send every refund and print its outcome. True when each is the expected one and no contract was broken."""
    with sandbox_process() as sandbox:
        kind = "RefundClient" if sync else "AsyncRefundClient"
        print(f"\n{kind}, over HTTP to the sandbox at {sandbox.base_url}", flush=True)
        accounts = sandbox.accounts()

        def script(case: Case) -> None:
            # A refund that is refused before it is sent meets no fault. The fault is for the refund alone:
            # a token is fetched before it.
            if case.fault is not None:
                sandbox.script(case.provider, case.fault, operation=_OPERATIONS[case.provider])

        outcomes = list(sync_outcomes(accounts, script)) if sync else asyncio.run(async_outcomes(accounts, script))
        state = sandbox.state()
    print(f"  {'provider':9}{'refund':33}{'amount':12}{'outcome':36}resend")
    right = True
    for case, outcome in zip(CASES, outcomes, strict=True):
        ended = summary(outcome)
        resend = "not needed" if isinstance(outcome, Refund) else outcome.resend.value
        wrong = "" if ended == case.expected else f"   WRONG: expected {case.expected}"
        right = right and not wrong
        print(f"  {case.provider:9}{case.story:33}{case.amount!s:12}{ended:36}{resend}{wrong}")
    executed = ", ".join(f"{provider} {len(books['refunds'])}" for provider, books in state["providers"].items())
    print(f"  Refunds that the providers executed: {executed}. Broken contracts: {len(state['violations'])}.")
    return right and not state["violations"]
