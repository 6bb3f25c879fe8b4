"""The sandbox: three provider machines behind one door, which checks each request and takes faults by script."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from refundry.accounts import Blink, Lab4Pay, Paybyrd
from refundry.money import Money
from refundry.sandbox.blink import BlinkMachine, BlinkReply
from refundry.sandbox.contract import Contract, Request, Violation
from refundry.sandbox.faults import EFFECTS, HONEST, Fault, Reply, Work, json_reply
from refundry.sandbox.lab4pay import Lab4PayMachine
from refundry.sandbox.machine import Call, Machine, Payment, SandboxRefund
from refundry.sandbox.paybyrd import PaybyrdMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.accounts import Account
    from refundry.transport import AsyncTransport, Transport

CREDENTIALS: Final[Mapping[str, str]] = {
    "lab4pay": "test-key-lab4pay",
    "paybyrd": "test-key-paybyrd",
    "blink": "test-key-blink",
}
INTEGRATOR_ID: Final = "test-integrator-lab4pay"

# Provider, id, captured in minor units, currency, refunded before in minor units, whether its refunds are pending.
_PAYMENTS: Final = (
    ("paybyrd", "paybyrd-eur", 10_000, "EUR", 0, False),
    ("paybyrd", "paybyrd-jpy", 10_000, "JPY", 0, False),
    ("paybyrd", "paybyrd-kwd", 10_000, "KWD", 0, False),
    ("paybyrd", "paybyrd-pending", 10_000, "EUR", 0, True),
    ("paybyrd", "paybyrd-refunded", 10_000, "EUR", 10_000, False),
    ("blink", "blink-gbp", 10_000, "GBP", 0, False),
    ("blink", "blink-jpy", 10_000, "JPY", 0, False),
    ("blink", "blink-kwd", 10_000, "KWD", 0, False),
    ("blink", "blink-pending", 10_000, "GBP", 0, True),
    ("blink", "blink-refunded", 10_000, "GBP", 10_000, False),
)


class Sandbox:
    """Lab4Pay, Paybyrd and Blink, all in memory. May be used by many threads.

    It starts with payments of 10,000 minor units: `paybyrd-eur`, `paybyrd-jpy`, `paybyrd-kwd`, `blink-gbp`,
    `blink-jpy`, `blink-kwd`; `paybyrd-pending` and `blink-pending`, whose refunds are pending until `advance`;
    `paybyrd-refunded` and `blink-refunded`, of which nothing remains. Lab4Pay's refunds are tied to no payment.

    `credentials` stand in for those of CREDENTIALS, by provider; `integrator_id` is Lab4Pay's. `blink_reply` chooses
    the age of Blink's reply, `terminal_currency` what Lab4Pay's terminal counts in. `clock` gives the seconds after
    which Paybyrd forgets an idempotency key. The same `seed` and the same calls give the same ids.

    Raises ImportError without the extra `sandbox` of the distribution.
    """

    def __init__(
        self,
        *,
        seed: str = "sandbox",
        credentials: Mapping[str, str] | None = None,
        integrator_id: str = INTEGRATOR_ID,
        blink_reply: BlinkReply = "status",
        terminal_currency: str = "EUR",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        machines: tuple[Machine, ...] = (
            Lab4PayMachine(seed, integrator_id=integrator_id, currency=terminal_currency),
            PaybyrdMachine(seed),
            BlinkMachine(seed, reply=blink_reply),
        )
        self._machines = {machine.PROVIDER: machine for machine in machines}
        self._contracts = {provider: Contract.shipped(provider) for provider in self._machines}
        self._credentials = {**CREDENTIALS, **(credentials or {})}
        self._integrator_id = integrator_id
        self._clock = clock
        self._lock = threading.Lock()
        self._scripts: dict[str, deque[Fault | None]] = {provider: deque() for provider in self._machines}
        self._faults_by_payment: dict[str, Fault] = {}
        self._violations: list[Violation] = []
        for provider, payment_id, captured, currency, refunded, pending in _PAYMENTS:
            self.add_payment(provider, payment_id, captured, currency, refunded=refunded, pending=pending)

    def add_payment(
        self,
        provider: str,
        payment_id: str,
        amount_minor: int,
        currency: str,
        *,
        refunded: int = 0,
        pending: bool = False,
    ) -> None:
        """Add a captured payment, or replace it. Amounts are in minor units; `pending` makes its refunds wait.

        ValueError for a provider that has no payments or is unknown, an amount that is none, and more refunded than
        was captured.
        """
        machine = self._machine(provider)
        if provider == "lab4pay":
            raise ValueError("the refunds of lab4pay are tied to no payment")
        if not 0 <= refunded <= amount_minor:
            raise ValueError("what was refunded is from zero to what was captured")
        with self._lock:
            machine.payments[payment_id] = Payment(
                payment_id, Money.from_minor(amount_minor, currency).minor_units, currency, refunded, pending
            )

    def script(self, provider: str, *faults: Fault | None) -> None:
        """Queue what the next calls to this provider meet, one each; None behaves. After them it behaves again."""
        self._machine(provider)
        with self._lock:
            self._scripts[provider].extend(faults)

    def on_payment(self, payment_id: str, fault: Fault | None) -> None:
        """What every call about this payment meets from now on, where no script says otherwise; None ends it."""
        with self._lock:
            self._faults_by_payment.pop(payment_id, None)
            if fault is not None:
                self._faults_by_payment[payment_id] = fault

    def advance(self) -> None:
        """Let time pass: every pending refund is moved one state on. Lab4Pay needs two steps, the others one."""
        with self._lock:
            for machine in self._machines.values():
                machine.advance()

    def refunds(self, provider: str) -> tuple[SandboxRefund, ...]:
        """The refunds that this provider has executed, in order."""
        with self._lock:
            return tuple(self._machine(provider).refunds)

    def remaining(self, provider: str, payment_id: str) -> int:
        """What can still be refunded of a payment, in minor units. KeyError where there is no such payment."""
        with self._lock:
            return self._machine(provider).payments[payment_id].remaining

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Where requests broke the contracts, in order."""
        with self._lock:
            return tuple(self._violations)

    def accounts(
        self, *, base_url: str | None = None, transport: Transport | AsyncTransport | None = None
    ) -> list[Account]:
        """The three providers, with the credentials that this sandbox knows, for a client of the facade."""
        keys = self._credentials
        return [
            Lab4Pay(
                access_token=keys["lab4pay"],
                integrator_id=self._integrator_id,
                base_url=base_url,
                transport=transport,
            ),
            Paybyrd(api_key=keys["paybyrd"], base_url=base_url, transport=transport),
            Blink(access_token=keys["blink"], base_url=base_url, transport=transport),
        ]

    def state(self) -> dict[str, Any]:
        """All that is known, as values that JSON can hold; no credential is among them."""
        with self._lock:
            return {
                "providers": {
                    provider: {
                        "payments": [
                            {**asdict(payment), "remaining": payment.remaining} for payment in machine.payments.values()
                        ],
                        "refunds": [asdict(refund) for refund in machine.refunds],
                        "script": [fault.value if fault else None for fault in self._scripts[provider]],
                    }
                    for provider, machine in self._machines.items()
                },
                "violations": [asdict(violation) for violation in self._violations],
            }

    def handle(self, request: Request) -> Reply:
        """Answer one HTTP request. 404 where no provider has its path, 405 where the path has not its method."""
        with self._lock:
            for provider, contract in self._contracts.items():
                checked = contract.check(request)
                if checked is not None:
                    return self._answer(self._machines[provider], contract, request, *checked)
            self._violations.append(Violation(None, "path", "not in a contract"))
            return json_reply(404, {"message": "no provider of the sandbox has this path"})

    def _answer(
        self, machine: Machine, contract: Contract, request: Request, call: Call, violations: list[Violation]
    ) -> Reply:
        self._violations += violations
        fault = self._next_fault(machine.PROVIDER, call)
        effect = EFFECTS[fault] if fault is not None else HONEST
        if any(violation.where == "method" for violation in violations):
            honest = json_reply(405, {"message": "method not allowed"})
        elif contract.credential(request.headers) != self._credentials[machine.PROVIDER]:
            honest = machine.unauthorised()
        elif violations:
            honest = machine.invalid("; ".join(f"{broken.where}: {broken.rule}" for broken in violations))
        else:
            honest = self._worked(machine, call, effect.work)
        headers = "; ".join(f"{name}: {value}" for name, value in request.headers.items())
        return effect.applied(honest, machine.changes(fault, json.loads(honest.body), headers))

    def _worked(self, machine: Machine, call: Call, work: Work) -> Reply:
        if work is Work.NOTHING:
            return json_reply(503, {})
        producers = {
            Work.REFUND: lambda: machine.refund(call),
            Work.REFUND_THEN_FAIL: lambda: (machine.refund(call), machine.failed())[1],
            Work.FAIL: machine.failed,
            Work.DECLINE: machine.declined,
        }
        return machine.answer(call, self._clock(), producers[work])

    def _next_fault(self, provider: str, call: Call) -> Fault | None:
        if self._scripts[provider]:
            return self._scripts[provider].popleft()
        return next(
            (self._faults_by_payment[name] for name in call.path.values() if name in self._faults_by_payment), None
        )

    def _machine(self, provider: str) -> Machine:
        if provider not in self._machines:
            raise ValueError(f"there is no provider {provider!r}; there are {', '.join(self._machines)}")
        return self._machines[provider]
