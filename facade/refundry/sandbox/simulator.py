"""The sandbox: it checks each request, passes it to the machine of its provider, and applies scripted faults."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict, deque
from dataclasses import asdict, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from refundry.money import Money
from refundry.sandbox.contract import Contract, Request, Violation
from refundry.sandbox.entry import Options
from refundry.sandbox.faults import EFFECTS, HONEST, Fault, Reply, Work, json_reply
from refundry.sandbox.lab4pay import INTEGRATOR_ID
from refundry.sandbox.machine import Call, Callback, Machine, MinorUnits, Payment, SandboxRefund, counted
from refundry.sandbox.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.accounts import Account
    from refundry.sandbox.entry import BlinkReply
    from refundry.transport import AsyncTransport, Transport


class Sandbox:
    """Lab4Pay, Paybyrd and Blink, all in memory. May be used by many threads.

    It starts with payments of 10,000 minor units: `lab4pay-payment`, `paybyrd-eur`, `paybyrd-jpy`, `paybyrd-kwd`,
    `blink-gbp`, `blink-jpy`, `blink-kwd`; `paybyrd-pending` and `blink-pending`, whose refunds are pending until
    `advance`; `lab4pay-refunded`, `paybyrd-refunded` and `blink-refunded`, of which nothing remains; `blink-captured`,
    which is not settled and can only be voided. Every refund of Lab4Pay waits for its terminal, that is for `advance`.

    `credentials` replace those of CREDENTIALS, by provider: they are always valid. `token_credentials` replace those of
    TOKEN_CREDENTIALS; Lab4Pay and Blink give tokens for them, which are valid for `token_seconds`. `expires_in` turns
    these seconds into the value in Lab4Pay's reply: any JSON value, None to leave it out; a text by default.
    `integrator_id` is Lab4Pay's. `blink_reply` chooses the older or the newer form of Blink's reply. Lab4Pay's terminal
    counts in `terminal_currency`; `heed_cancel` says whether it stops a refund that it has begun. `minor_units` says
    whether Lab4Pay and Paybyrd count in the minor units of ISO 4217 ("iso") or in hundredths; neither publishes it.
    `clock` gives the seconds since 1970 for tokens, Paybyrd's idempotency keys and times, and the Date of each reply.
    The same `seed` and the same calls give the same ids.

    `callback` makes a callback and sends it nowhere. WEBHOOK_SECRETS prove it.

    Raises ImportError without the extra `sandbox` of the distribution.
    """

    def __init__(
        self,
        *,
        seed: str = "sandbox",
        credentials: Mapping[str, str] | None = None,
        token_credentials: Mapping[str, Mapping[str, str]] | None = None,
        token_seconds: float = 1800.0,
        expires_in: Callable[[float], object] = "{:.0f}".format,
        integrator_id: str = INTEGRATOR_ID,
        blink_reply: BlinkReply = "status",
        terminal_currency: str = "EUR",
        heed_cancel: bool = True,
        minor_units: MinorUnits = "iso",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if minor_units not in ("iso", "hundredths"):
            raise ValueError("minor_units is one of iso, hundredths")
        self._options = Options(
            seed, token_seconds, expires_in, integrator_id, blink_reply, terminal_currency, heed_cancel, minor_units
        )
        self._providers = dict(PROVIDERS)
        self._credentials = {name: provider.credential for name, provider in PROVIDERS.items()} | dict(
            credentials or {}
        )
        self._token_credentials = {name: provider.token_credentials for name, provider in PROVIDERS.items()} | dict(
            token_credentials or {}
        )
        self._clock = clock
        self._lock = threading.Lock()
        # By provider and operation; "" is any operation but one that gives a token.
        self._scripts: defaultdict[tuple[str, str], deque[Fault | None]] = defaultdict(deque)
        self._faults_by_payment: dict[str, Fault] = {}
        self._rates: dict[tuple[str, str], dict[Fault, float]] = {}
        self._later: list[Callable[[], object]] = []
        self._before_reply: dict[str, Callable[[Callback], object]] = {}
        self._violations: list[Violation] = []
        self._machines: dict[str, Machine] = {}
        self.reset()
        self._contracts = {provider: Contract.shipped(provider) for provider in self._machines}

    def reset(self) -> None:
        """Restore the beginning: payments, refunds, tokens, stored answers, ids, scripts and violations.

        A token from before is no longer valid, so a client fetches a new one.
        """
        machines: dict[str, Machine] = {}
        now = self._clock()  # no skew: that ends too
        for name, provider in self._providers.items():
            machine = machines[name] = provider.machine(self._options, self._token_credentials[name])
            for payment_id, currency, unlike in provider.payments:
                fields = {"refunded": 0, "pending": False, "settled": True, **unlike}
                currency = currency or self._options.terminal_currency
                machine.add(_payment(machine, payment_id, 10_000, currency, at=now, **fields))
        with self._lock:
            self._machines = machines
            self._chance = random.Random(self._options.seed)
            self._ahead = 0.0
            self._scripts.clear()
            self._faults_by_payment.clear()
            self._rates.clear()
            self._later.clear()
            self._before_reply.clear()
            self._violations.clear()

    def add_payment(
        self,
        provider: str,
        payment_id: str,
        amount_minor: int,
        currency: str,
        *,
        refunded: int = 0,
        pending: bool = False,
        settled: bool = True,
    ) -> None:
        """Add a captured payment, or replace it. Amounts are in minor units; `pending` makes its refunds wait.

        A payment that is not `settled` can only be voided; only Blink has such payments. ValueError for an unknown
        provider, an invalid amount or one that the provider cannot count, more refunded than captured, another currency
        than the terminal's at Lab4Pay, and a payment that is not settled at another provider than Blink.
        """
        machine = self._machine(provider)
        payment = _payment(
            machine,
            payment_id,
            amount_minor,
            currency,
            refunded=refunded,
            pending=pending,
            settled=settled,
            at=self._clock() + self._ahead,
        )
        with self._lock:
            machine.add(payment)

    def script(self, provider: str, *faults: Fault | None, operation: str = "") -> None:
        """Queue faults for the next calls to this provider, one for each; None stands for an honest answer.

        A token call takes no fault, and neither does a call with an expired token: a client makes both before the
        refund. With an `operation`, the operationId of the contract, only calls of that one take the faults, before
        those for any operation. So `create_token` puts a fault on a token call. ValueError for an unknown provider or
        operation.
        """
        self._check_operation(provider, operation)
        with self._lock:
            self._scripts[provider, operation].extend(faults)

    def at_rate(self, provider: str, fault: Fault, rate: float, *, operation: str = "") -> None:
        """Let so large a part of the calls to this provider meet a fault, from 0 to 1, where nothing else says.

        `operation` as for `script`. Several faults of one operation share the calls. Which calls meet them follows from
        the seed and the order of the calls. ValueError where the rates of an operation exceed 1.
        """
        self._check_operation(provider, operation)
        with self._lock:
            rates = {**self._rates.get((provider, operation), {}), fault: rate}
            if not 0 <= rate <= 1 or sum(rates.values()) > 1:
                raise ValueError("a rate is from 0 to 1, and so is the sum of those of one operation")
            self._rates[provider, operation] = rates

    def _check_operation(self, provider: str, operation: str) -> None:
        operations = self._machine(provider).operations()
        if operation and operation not in operations:
            raise ValueError(f"{provider} has no operation {operation!r}; there are {', '.join(operations)}")

    def on_payment(self, payment_id: str, fault: Fault | None) -> None:
        """Set the fault of every call about this payment, where no script says otherwise; None ends it."""
        with self._lock:
            self._faults_by_payment.pop(payment_id, None)
            if fault is not None:
                self._faults_by_payment[payment_id] = fault

    def clear_faults(self, provider: str | None = None) -> None:
        """Remove the queued faults and the rates of a provider, of every operation; without a provider, every fault.

        The faults of payments (`on_payment`) belong to no provider: they end only without one. ValueError for an
        unknown provider.
        """
        cleared = self._machines if provider is None else (self._machine(provider).PROVIDER,)
        with self._lock:
            for key in [key for key in self._scripts if key[0] in cleared]:
                del self._scripts[key]
            for key in [key for key in self._rates if key[0] in cleared]:
                del self._rates[key]
            if provider is None:
                self._faults_by_payment.clear()

    def advance(self) -> None:
        """Move every pending refund one state on. Lab4Pay needs two steps, the others one.

        A refund whose connection was cut while it was being executed is executed first.
        """
        with self._lock:
            for work in self._later:
                work()
            self._later.clear()
            for machine in self._machines.values():
                machine.advance()

    def settle(self, provider: str, refund_id: str, state: str) -> None:
        """Put a refund into a state, in the provider's own word, whether the contract lists it or not.

        A state in which the refund failed makes its amount refundable again. ValueError for an unknown provider or
        refund, and for a refund that has failed before.
        """
        machine = self._machine(provider)
        with self._lock:
            index = _refund_index(machine, refund_id)
            if machine.refunds[index].state in machine.UNDONE:
                raise ValueError("the refund has failed, which is final")
            machine.put(index, state)

    def callback(self, provider: str, refund_id: str, *, forged: bool = False) -> Callback:
        """The provider's callback about a refund in its present state. It is sent nowhere.

        A `forged` one says the same with a wrong signature or key. ValueError for an unknown provider or refund, and
        for a forged one of Blink, whose callbacks prove nothing.
        """
        machine = self._machine(provider)
        with self._lock:
            return machine.callback(machine.refunds[_refund_index(machine, refund_id)], forged)

    def skew(self, seconds: float) -> None:
        """Let the providers' clocks be so many seconds ahead of `clock`, or behind it, from now on."""
        with self._lock:
            self._ahead = seconds

    def before_reply(self, provider: str, tell: Callable[[Callback], object]) -> None:
        """Tell of the next refund that this provider executes, by its callback, before the reply to it goes out.

        So a callback comes earlier than the reply. It is told of one refund. ValueError for an unknown provider.
        """
        name = self._machine(provider).PROVIDER
        with self._lock:
            self._before_reply[name] = tell

    def expire_tokens(self) -> None:
        """Expire every token so far. The credentials of CREDENTIALS stay valid."""
        with self._lock:
            for machine in self._machines.values():
                machine.forget_tokens()

    def refunds(self, provider: str) -> tuple[SandboxRefund, ...]:
        """The refunds that this provider has executed, in order."""
        with self._lock:
            return tuple(self._machine(provider).refunds)

    def remaining(self, provider: str, payment_id: str) -> int:
        """The amount of a payment that can still be refunded, in minor units. KeyError for an unknown payment."""
        with self._lock:
            return self._machine(provider).payments[payment_id].remaining

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The rules of the contracts that requests broke, in order."""
        with self._lock:
            return tuple(self._violations)

    def accounts(
        self,
        *,
        base_url: str | None = None,
        plain_http_to: str | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> list[Account]:
        """The accounts of all providers, with the credentials of this sandbox, for a client of the facade.

        Those of Lab4Pay and Blink fetch their tokens. All have their callback secrets and the sandbox's minor units.
        The arguments are those of the accounts.
        """
        where = {"base_url": base_url, "plain_http_to": plain_http_to, "transport": transport}
        return [provider.account(**self._fields(name), **where) for name, provider in self._providers.items()]

    def environment(self, *, base_url: str, plain_http_to: str | None = None) -> dict[str, str]:
        """The same accounts as variables of the environment, for `RefundClient.from_env` in any process."""
        where = {"base_url": base_url, **({} if plain_http_to is None else {"plain_http_to": plain_http_to})}
        return {
            f"REFUNDRY_{name}_{field}".upper(): value
            for name in self._providers
            for field, value in {**self._fields(name), **where}.items()
        }

    def _fields(self, name: str) -> dict[str, Any]:
        """The arguments of an account: credentials, and what the sandbox counts in."""
        provider = self._providers[name]
        keys = self._token_credentials[name] or {"api_key": self._credentials[name]}
        return {**keys, **provider.webhook_secrets, **provider.settings(self._options)}

    def state(self) -> dict[str, Any]:
        """The whole state as JSON values, without credentials."""
        with self._lock:
            return {
                "providers": {
                    provider: {
                        "payments": [
                            {**asdict(payment), "remaining": payment.remaining} for payment in machine.payments.values()
                        ],
                        "refunds": [asdict(refund) for refund in machine.refunds],
                        "script": _named(self._scripts[provider, ""]),
                        "scripts": {
                            operation: _named(script)
                            for (name, operation), script in self._scripts.items()
                            if name == provider and operation and script
                        },
                    }
                    for provider, machine in self._machines.items()
                },
                "violations": [asdict(violation) for violation in self._violations],
            }

    def handle(self, request: Request) -> Reply:
        """Answer one HTTP request. 404 where no provider has its path, 405 where the path has not its method."""
        with self._lock:
            now = self._clock() + self._ahead
            known = {name: len(self._machines[name].refunds) for name in self._before_reply}
            reply = self._routed(request, now)
            early = [
                (self._before_reply.pop(name), self._machines[name].callback(self._machines[name].refunds[-1], False))
                for name, count in known.items()
                if len(self._machines[name].refunds) > count
            ]
        for tell, callback in early:
            tell(callback)
        return replace(reply, headers=(*reply.headers, ("Date", formatdate(now, usegmt=True))))

    def _routed(self, request: Request, now: float) -> Reply:
        for provider, contract in self._contracts.items():
            checked = contract.check(request)
            if checked is not None:
                call, violations = checked
                return self._answer(self._machines[provider], contract, request, replace(call, at=now), violations)
        self._violations.append(Violation(None, "path", "not in a contract"))
        return json_reply(404, {"message": "no provider of the sandbox has this path"})

    def _answer(
        self, machine: Machine, contract: Contract, request: Request, call: Call, violations: list[Violation]
    ) -> Reply:
        self._violations += violations
        machine.begin()
        is_open = contract.is_open(call)
        is_known = is_open or self._proves(machine, contract.credential(request.headers), call.at)
        fault = self._next_fault(machine.PROVIDER, call, any_call=not is_open) if is_known else None
        effect = EFFECTS[fault] if fault is not None else HONEST
        if any(violation.where == "method" for violation in violations):
            honest = json_reply(405, {"message": "method not allowed"})
        elif not is_known:
            honest = machine.unauthorised()
        elif violations:
            honest = machine.invalid("; ".join(f"{broken.where}: {broken.rule}" for broken in violations))
        else:
            honest = self._worked(machine, call, effect.work)
        headers = "; ".join(f"{name}: {value}" for name, value in request.headers.items())
        credentials = f"{headers}; {request.body.decode('utf-8', 'replace')}" if is_open else headers
        return effect.applied(honest, lambda members: machine.changes(fault, members, credentials))

    def _proves(self, machine: Machine, credential: str | None, at: float) -> bool:
        """Whether a credential is the one that is always good, or a token that is good at this time."""
        return credential == self._credentials[machine.PROVIDER] or machine.knows(credential, at)

    def _worked(self, machine: Machine, call: Call, work: Work) -> Reply:
        if work is Work.NOTHING:
            return json_reply(503, {})
        if work is Work.NO_TOKEN:
            machine.forget_tokens()
            return machine.unauthorised()
        do = machine.operations()[call.operation]
        if work is Work.LATER:
            self._later.append(lambda: machine.answer(call, lambda: do(call)))
            return json_reply(503, {})
        producers = {
            Work.ASKED: lambda: do(call),
            Work.ASKED_THEN_FAIL: lambda: (do(call), machine.failed())[1],
            Work.ASKED_OF_ALL: lambda: do(replace(call, query={})),
            Work.FAIL: machine.failed,
            Work.DECLINE: machine.declined,
        }
        return machine.answer(call, producers[work])

    def _next_fault(self, provider: str, call: Call, *, any_call: bool) -> Fault | None:
        for operation in (call.operation, "") if any_call else (call.operation,):
            if self._scripts[provider, operation]:
                return self._scripts[provider, operation].popleft()
        for name in call.path.values():
            if name in self._faults_by_payment:
                return self._faults_by_payment[name]
        for operation in (call.operation, "") if any_call else (call.operation,):
            rates = self._rates.get((provider, operation))
            if rates:
                drawn = self._chance.random()
                for fault, rate in rates.items():
                    drawn -= rate
                    if drawn < 0:
                        return fault
        return None

    def _machine(self, provider: str) -> Machine:
        if provider not in self._machines:
            raise ValueError(f"there is no provider {provider!r}; there are {', '.join(self._machines)}")
        return self._machines[provider]


def _payment(
    machine: Machine,
    payment_id: str,
    amount_minor: int,
    currency: str,
    *,
    refunded: int,
    pending: bool,
    settled: bool,
    at: float,
) -> Payment:
    """A payment that the provider can have. ValueError otherwise."""
    if not 0 <= refunded <= amount_minor:
        raise ValueError("what was refunded is from zero to what was captured")
    state = machine.SETTLED if settled else machine.UNSETTLED
    if state is None:
        raise ValueError(f"{machine.PROVIDER} does not tell payments that are not settled apart")
    captured = Money.from_minor(amount_minor, currency).minor_units
    for amount in (captured, refunded):
        counted(amount, currency, machine.minor_units)
    return Payment(payment_id, captured, currency, refunded, pending, state, at)


def _refund_index(machine: Machine, refund_id: str) -> int:
    index = machine.refund_index(refund_id)
    if index is None:
        raise ValueError(f"{machine.PROVIDER} has no such refund")
    return index


def _named(script: deque[Fault | None]) -> list[str | None]:
    return [fault.value if fault else None for fault in script]
