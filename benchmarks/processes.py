"""Whole processes: imports, the time from process start to the first refund, and runs of the generator."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.calls import AT_ONCE
from benchmarks.setting import GENERATOR, ROOT, run, stock_command
from scripts.contracts.document import dump
from tests.generation import documents

NOTHING = "pass"
REFUNDRY = "import refundry"
NAMES = "from refundry import Money, RefundClient, Paybyrd"
HTTPX = "import httpx"
PACKAGE = "import refundry_paybyrd"
_STATEMENTS = (NOTHING, REFUNDRY, NAMES, HTTPX, PACKAGE)

BY_HAND = "the hand-written httpx script"
BY_REFUNDRY = "the refundry script"
_SCRIPTS = {
    BY_HAND: """
import sys
import httpx
with httpx.Client(headers={"x-api-key": "test-key"}) as client:
    reply = client.post(f"{sys.argv[1]}/api/v2/refund/c16ce479", json={"isoAmount": 100})
assert reply.json()["isoAmount"] == 100
""",
    BY_REFUNDRY: """
import sys
from refundry import Money, Paybyrd, RefundClient
with RefundClient([Paybyrd(api_key="test-key", base_url=sys.argv[1])]) as client:
    refund = client.refund("paybyrd", payment_id="c16ce479", amount=Money.of("1.00", "EUR"), reference="bench/first")
assert refund.amount == Money.of("1.00", "EUR")
""",
}


@dataclass(frozen=True, slots=True)
class Process:
    """The time of one process and its children, in seconds."""

    cpu: float
    wall: float


_Taken = dict[str, list[Process]]


def _interleaved(
    commands: Mapping[str, Callable[[int], Process]], rounds: int, what: str, say: Callable[[str], None]
) -> _Taken:
    taken: _Taken = {name: [] for name in commands}
    names = list(commands)
    for number in range(rounds):
        shift = number % len(names)
        for name in (*names[shift:], *names[:shift]):
            taken[name].append(commands[name](number))
        say(f"{what}: round {number + 1} of {rounds}")
    return taken


def _timed(what: str, command: list[str], **variables: str) -> Process:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run(what, command, **variables)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Process(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall)


def imports(rounds: int, say: Callable[[str], None]) -> _Taken:
    """The time of an interpreter with each import, and with none."""

    def command(statement: str) -> Callable[[int], Process]:
        return lambda _: _timed(f"`{statement}`", [sys.executable, "-c", statement])

    for statement in _STATEMENTS:  # the first one may have to write bytecode
        command(statement)(0)
    return _interleaved({statement: command(statement) for statement in _STATEMENTS}, rounds, "imports", say)


def first_refunds(base_url: str, bundle: Path, rounds: int, say: Callable[[str], None]) -> _Taken:
    """The time of two scripts that make one refund each. Over https both read a full bundle of authorities."""

    def command(name: str) -> Callable[[int], Process]:
        return lambda _: _timed(name, [sys.executable, "-c", _SCRIPTS[name], base_url], SSL_CERT_FILE=str(bundle))

    for name in _SCRIPTS:
        command(name)(0)
    what = f"first refund over {base_url.partition(':')[0]}"
    return _interleaved({name: command(name) for name in _SCRIPTS}, rounds, what, say)


OURS_HELD = "AsyncRefundClient"
HTTPX_HELD = "httpx.AsyncClient"
# Another task of the same loop wakes up every millisecond. The loop is held for as long as it wakes up too late.
# On a busy machine this includes the time of other processes. So the CPU time of the loop's thread is printed, too.
_TICKING = f"""
import asyncio, sys, time

held = computed = 0.0

async def tick():
    global held, computed
    while True:
        began, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.001)
        held = max(held, time.perf_counter() - began - 0.001)
        computed = max(computed, time.thread_time() - cpu)

async def measured(call):
    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    units = await asyncio.gather(*(call(number) for number in range({AT_ONCE})))
    ticking.cancel()
    assert units == [100] * {AT_ONCE}, units
    print(1000 * held, 1000 * computed)
"""
_HELD = {
    OURS_HELD: """
from refundry import AsyncRefundClient, Money, Paybyrd

async def main():
    async with AsyncRefundClient([Paybyrd(api_key="test-key", base_url=sys.argv[1])]) as client:
        async def call(number):
            amount, reference = Money.of("1.00", "EUR"), f"bench/{number}"
            refund = await client.refund("paybyrd", payment_id="c16ce479", amount=amount, reference=reference)
            return refund.amount.minor_units
        await measured(call)

asyncio.run(main())
""",
    HTTPX_HELD: """
import httpx

async def main():
    async with httpx.AsyncClient(headers={"x-api-key": "test-key"}, timeout=60) as client:
        async def call(number):
            reply = await client.post(f"{sys.argv[1]}/api/v2/refund/c16ce479", json={"isoAmount": 100})
            return reply.json()["isoAmount"]
        await measured(call)

asyncio.run(main())
""",
}


@dataclass(frozen=True, slots=True)
class Held:
    """The longest time for which a loop was held, and the CPU time of its thread in it, in milliseconds."""

    wall: float
    cpu: float


def loop_held(base_url: str, bundle: Path, rounds: int, say: Callable[[str], None]) -> dict[str, list[Held]]:
    """The longest time for which 64 first calls hold the event loop of a new process.

    The client exists before, as in a service that has started. No connection does, and nothing that one needs.
    """
    taken: dict[str, list[Held]] = {name: [] for name in _HELD}
    for number in range(-1, rounds):  # the first one may have to write bytecode
        for name, script in _HELD.items():
            command = [sys.executable, "-c", _TICKING + script, base_url]
            printed = run(f"{name}, {AT_ONCE} cold", command, SSL_CERT_FILE=str(bundle))
            if number >= 0:
                taken[name].append(Held(*map(float, printed.split())))
        say(f"loop held: round {number + 1} of {rounds}")
    return taken


BARE = f"one bare run of `{GENERATOR}`"
REGENERATE = "`python -m scripts.packages.generate`, of packages that have passed"
VERIFIED = "`python -m scripts.packages.generate --verify`"


def generators(rounds: int, folder: Path, say: Callable[[str], None]) -> _Taken:
    """The time to regenerate all three packages, and of one bare run of openapi-python-client for one of them.

    With `--verify` each package is imported and compared with its contract; without it, none that has passed is.
    """
    contract = ROOT / "generated" / "refundry_paybyrd" / "contract.json"

    def bare(number: int) -> Process:
        return _timed(BARE, stock_command(contract, folder / f"bare_{number}"))

    regenerate = [sys.executable, "-m", "scripts.packages.generate", "--output", str(folder / "regenerated")]
    commands: dict[str, Callable[[int], Process]] = {
        BARE: bare,
        REGENERATE: partial(_again, REGENERATE, regenerate),
        VERIFIED: partial(_again, VERIFIED, [*regenerate, "--verify"]),
    }
    commands[VERIFIED](0)  # from here on, the packages have passed
    return _interleaved(commands, rounds, "generators", say)


OTHERS = 600
SLICED = f"three operations of {OTHERS}"
ALONE = "the three operations alone"
INGESTED = "`python -m scripts.contracts.ingest`"
_GENERATE = """
import sys
from pathlib import Path
from scripts.packages.generate import main
sys.exit(main(["--provider", "paybyrd", "--output", f"{sys.argv[1]}/out"], Path(sys.argv[1])))
"""


def slices(rounds: int, folder: Path, say: Callable[[str], None]) -> tuple[_Taken, float]:
    """The time to generate three operations of a document of 600 and of one of three, and to take the large one in.

    Returns the size of the large document in MB, too.
    """
    commands: dict[str, Callable[[int], Process]] = {}
    for name, others in ((SLICED, OTHERS), (ALONE, 0)):
        root = folder / f"of_{others}"
        specs, page = root / "specs", root / "page.yaml"
        (specs / "paybyrd").mkdir(parents=True)
        (specs / "paybyrd" / "source.toml").write_text(documents.SOURCE, encoding="utf-8")
        (specs / "paybyrd" / "overlay.yaml").write_text(documents.OVERLAY, encoding="utf-8")
        page.write_text(dump(documents.platform(others, **documents.LARGE), "A page"), encoding="utf-8")
        address = ("--address", "https://docs.example.com/openapi.yaml")
        ingest = [
            sys.executable,
            "-m",
            "scripts.contracts.ingest",
            "paybyrd",
            str(page),
            "--specs",
            str(specs),
            *address,
        ]
        commands[name] = partial(_again, name, [sys.executable, "-c", _GENERATE, str(root)])
        if others:
            commands[INGESTED] = partial(_again, INGESTED, ingest)
        _again(INGESTED, ingest, 0)
        commands[name](0)
    megabytes = (folder / f"of_{OTHERS}" / "page.yaml").stat().st_size / 1e6
    return _interleaved(commands, rounds, "slices", say), megabytes


def _again(name: str, command: list[str], _: int) -> Process:
    return _timed(name, command)
