"""The main job in one run: the generated packages are what their contracts make, and refunds at all three providers.

The providers are the sandbox, in a process of its own, and every refund goes to it over HTTP. What is expected of each
is written beside it: a call that ends otherwise fails the demo.
"""

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

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
    Timeout,
)
from refundry.sandbox import Sandbox
from scripts import generate

_START_LINE = re.compile(r"listens at (http://127\.0\.0\.1:\d+)\.")
_SECONDS_TO_STOP = 10
TIMEOUT = Timeout(connect=5, read=1, total=5)


@dataclass(frozen=True)
class Case:
    """One refund to show: what is asked, what goes wrong on the way, and what has to come of it."""

    story: str
    provider: str
    payment_id: str | None
    amount: Amount
    expected: str
    fault: str | None = None


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
    Case("a page in place of JSON", "blink", "blink-kwd", Money.of("1.234", "KWD"), "OutcomeUnknown", "html_200"),
    Case("status 520", "blink", "blink-kwd", Money.of("1.234", "KWD"), "OutcomeUnknown", "status_520"),
    Case("sent to the terminal", "lab4pay", None, EUR, "PENDING"),
    Case("the reply never comes", "lab4pay", None, EUR, "OutcomeUnknown", "hang_after"),
)


@contextmanager
def sandbox_server() -> Iterator[str]:
    """The sandbox in a process of its own. Gives its address; ends it by its process id."""
    command = [sys.executable, "-m", "refundry.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = _START_LINE.search(process.stdout.readline())
            if found is None:
                raise SystemExit("error: the sandbox did not start; run `python -m refundry.sandbox` to see why")
            yield found[1]
        finally:
            process.terminate()
            process.wait(_SECONDS_TO_STOP)


def told(outcome: Refund | RefundError) -> str:
    """An outcome in a few words."""
    if isinstance(outcome, Refund):
        return outcome.status.name
    reason = f": {outcome.reason.value}" if isinstance(outcome, RefundRejected) else ""
    return f"{type(outcome).__name__}{reason}"


def sync_outcomes(accounts: Sequence[Account], before: Callable[[Case], None]) -> Iterator[Refund | RefundError]:
    """What comes of each case through RefundClient."""
    with RefundClient(accounts, timeout=TIMEOUT) as client:
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
            except RefundError as error:
                yield error


async def async_outcomes(accounts: Sequence[Account], before: Callable[[Case], None]) -> list[Refund | RefundError]:
    """What comes of each case through AsyncRefundClient."""
    outcomes: list[Refund | RefundError] = []
    async with AsyncRefundClient(accounts, timeout=TIMEOUT) as client:
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
            except RefundError as error:
                outcomes.append(error)
    return outcomes


def refunds(sync: bool) -> bool:
    """Ask for every refund and print what came of it. True where each ended as it has to, and by the contracts."""
    with sandbox_server() as base_url:
        print(
            f"\n{'RefundClient' if sync else 'AsyncRefundClient'}, over HTTP to the sandbox at {base_url}", flush=True
        )
        accounts = Sandbox().accounts(base_url=base_url)

        def script(case: Case) -> None:
            order = {"provider": case.provider, "faults": [case.fault]}
            # A refund that is refused here never meets a fault, so only those that have one are scripted.
            if case.fault is not None:
                httpx.post(f"{base_url}/_sandbox/script", json=order).raise_for_status()

        outcomes = list(sync_outcomes(accounts, script)) if sync else asyncio.run(async_outcomes(accounts, script))
        state = httpx.get(f"{base_url}/_sandbox/state").raise_for_status().json()
    print(f"  {'provider':9}{'refund':33}{'amount':12}{'what came of it':36}asking again")
    right = True
    for case, outcome in zip(CASES, outcomes, strict=True):
        ended = told(outcome)
        resend = "not needed" if isinstance(outcome, Refund) else outcome.resend.value
        wrong = "" if ended == case.expected else f"   WRONG: expected {case.expected}"
        right = right and not wrong
        print(f"  {case.provider:9}{case.story:33}{case.amount!s:12}{ended:36}{resend}{wrong}")
    executed = ", ".join(f"{provider} {len(books['refunds'])}" for provider, books in state["providers"].items())
    print(f"  Refunds that the providers executed: {executed}. Broken contracts: {len(state['violations'])}.")
    return right and not state["violations"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 where all ended as it has to."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.demo",
        description="Generate the three packages anew and compare them with what is committed, then refund at all "
        "three providers of the sandbox over HTTP, sync and async, and print what came of each refund.",
        epilog="Exit codes: 0 all ended as it has to; 1 something did not.",
    )
    parser.parse_args(arguments)
    print("Generating the three packages from their contracts into a temporary folder ...", flush=True)
    same = generate.main(["--check"]) == 0
    ended = [refunds(sync=True), refunds(sync=False)]
    right = same and all(ended)
    print("\nAll ended as it has to." if right else "\nNOT all ended as it has to.")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
