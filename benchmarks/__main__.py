"""The command: it measures, compares the figures with the targets, and prints which were missed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks import calls, ledgers, parts, processes, references
from benchmarks.calls import Sizes
from benchmarks.figures import Spread, Verdict, judge, paired, spread, table
from benchmarks.setting import Defect, Server, generate_stock, installed, serving
from scripts.documentation import figures


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    calls: Sizes
    ledgers: Sizes
    imports: int
    first_refunds: int
    generators: int
    cold_starts: int
    references: int


WHOLE = Effort(
    calls=Sizes(rounds=20, single=100, at_once=640, httpx_at_once=256),
    ledgers=Sizes(rounds=15, single=50, at_once=640, httpx_at_once=0),
    imports=15,
    first_refunds=10,
    generators=5,
    cold_starts=11,
    references=100_000,
)
QUICK = Effort(
    calls=Sizes(rounds=5, single=40, at_once=320, httpx_at_once=128),
    ledgers=Sizes(rounds=3, single=20, at_once=320, httpx_at_once=0),
    imports=4,
    first_refunds=3,
    generators=2,
    cold_starts=3,
    references=10_000,
)
_REFERENCES_IN_MEMORY = 16_000


@dataclass
class Results:
    """The lines of the report, and the figures in them."""

    lines: list[str] = field(default_factory=list)
    figures: dict[str, Spread] = field(default_factory=dict)
    absolute: dict[str, float] = field(default_factory=dict)

    def title(self, text: str) -> None:
        """Begin a table."""
        self.lines += ["", text]

    def ratio(self, name: str, label: str, measured: Sequence[float], against: Sequence[float], note: str = "") -> None:
        """Add a figure: the ratios of two measurements, round by round."""
        self._add(name, label, paired(measured, against), note)

    def values(self, name: str, label: str, measured: Sequence[float], note: str = "") -> None:
        """Add a figure of its own: a measurement, round by round."""
        self._add(name, label, spread(measured), note)

    def _add(self, name: str, label: str, figure: Spread, note: str) -> None:
        self.figures[name] = figure
        self.lines.append(
            f"  {label:50} {figure.median:z8.3f}   {figure.first:z.3f} .. {figure.third:z.3f}"
            f"   {figure.low:z.3f} .. {figure.high:z.3f}   {note}".rstrip()
        )


_COLUMNS = f"  {'':50} {'median':>8}   quartiles        lowest .. highest"


def _calls(results: Results, server: Server, folder: Path, effort: Effort, say: Callable[[str], None]) -> None:
    stock = None
    if installed("openapi_python_client"):
        say("generating the stock client")
        stock = folder / "stock_paybyrd"
        generate_stock(stock)
    with calls.contenders(server.http, effort.calls, stock) as contenders:
        taken = calls.measure(contenders, effort.calls.rounds, say)
        spent = {
            one.name: parts.in_words(parts.shares(one.call, one.calls))
            for one in contenders
            if one.name in (calls.SYNC, calls.ASYNC_AT_ONCE)
        }
    cpu = {name: [sample.cpu for sample in samples] for name, samples in taken.items()}
    wall = {name: [sample.wall for sample in samples] for name, samples in taken.items()}
    results.absolute |= {f"{name}: CPU microseconds a call": median(values) * 1e6 for name, values in cpu.items()}
    results.absolute |= {f"{name}: calls a second": 1 / median(values) for name, values in wall.items()}

    results.title(f"CPU of a call, as a ratio to {calls.BY_HAND}")
    results.lines.append(_COLUMNS)
    figures = {calls.SYNC: "sync refund", calls.ASYNC: "async refund"}
    for name, values in cpu.items():
        results.ratio(figures.get(name, name), name, values, cpu[calls.BY_HAND], f"{median(values) * 1e6:.0f} us")
    if stock is None:
        results.lines.append("  The stock generated client is left out: openapi-python-client is not installed.")

    ours, floor = cpu[calls.SYNC], cpu[calls.FLOOR]
    results.ratio("refund over floor", f"{calls.SYNC}, of the floor", ours, floor, "not of httpx")
    results.lines += [f"  Time of {name}, by a profiler: {shares}." for name, shares in spent.items()]

    results.title(f"Throughput at {calls.AT_ONCE} at once, as ratios")
    results.lines.append(_COLUMNS)
    ours = wall[calls.ASYNC_AT_ONCE]
    results.ratio("async over httpx", "AsyncRefundClient to httpx.AsyncClient", wall[calls.HTTPX_AT_ONCE], ours)
    if calls.AIOHTTP_AT_ONCE in wall:
        results.ratio("async over aiohttp", "AsyncRefundClient to bare aiohttp", wall[calls.AIOHTTP_AT_ONCE], ours)
    else:
        results.lines.append("  aiohttp is left out: it is not installed.")
    rates = (f"{name.partition(',')[0]} {1 / median(wall[name]):.0f}" for name in wall if name.endswith("at once"))
    results.lines.append(f"  Calls a second: {', '.join(rates)}")


def _references(results: Results, effort: Effort, say: Callable[[str], None]) -> None:
    results.title(f"CPU of a lookup with {effort.references:,} references known, as a ratio to one with 10")
    results.lines.append(_COLUMNS)
    say(f"refunding {effort.references:,} times")
    taken = calls.measure(references.contenders(effort.references, 20 * effort.calls.single), effort.calls.rounds, say)
    few, many = ([sample.cpu for sample in taken[name]] for name in (references.FEW, references.MANY))
    results.ratio("lookup among many", references.MANY, many, few, f"{median(many) * 1e6:.0f} us")
    results.title(f"Bytes of a reference in memory, of {_REFERENCES_IN_MEMORY:,}")
    results.lines.append(_COLUMNS)
    results.values("bytes of a reference", "with its texts", [references.bytes_of_one(_REFERENCES_IN_MEMORY)])


def _ledgers(results: Results, server: Server, effort: Effort, say: Callable[[str], None]) -> None:
    with ledgers.places() as places:
        taken = ledgers.compare(server.http, places.urls, effort.ledgers, say)
    results.title(f"Refunds a second with a ledger, as a ratio to {ledgers.WITHOUT}")
    results.lines.append(_COLUMNS)
    for (name, way), samples in taken.samples.items():
        wall, cpu = [one.wall for one in samples], [one.cpu for one in samples]
        rate, microseconds = 1 / median(wall), median(cpu) * 1e6
        label = f"{name}, {way}"
        results.absolute |= {f"{label}: refunds a second": rate, f"{label}: CPU microseconds": microseconds}
        figure = f"{name} rate" if way == ledgers.TASKS else f"{label}: rate"
        without = [one.wall for one in taken.samples[ledgers.WITHOUT, way]]
        results.ratio(figure, label, without, wall, f"{rate:.0f} a second, {microseconds:.0f} us of CPU each")
    results.lines += [f"  {remark}" for remark in places.remarks]
    results.lines.append("  The CPU is that of the client's process; a server of PostgreSQL takes some of its own.")
    results.title(f"Longest time for which {ledgers.TASKS} hold their loop, in milliseconds")
    results.lines.append(_COLUMNS)
    for name, held in taken.held.items():
        results.values(f"loop held, {name}", name, [one.wall for one in held])
        results.values(f"loop held, {name}, CPU", f"{name}, CPU of its thread", [one.cpu for one in held])


def _ledger_lines(results: Results) -> str:
    """The part of the report that a page on ledgers shows."""
    heads = [number for number, line in enumerate(results.lines) if line == ""]
    parts = [
        results.lines[begin + 1 : end]
        for begin, end in zip(heads, [*heads[1:], len(results.lines)], strict=True)
        if "with a ledger" in results.lines[begin + 1] or "hold their loop" in results.lines[begin + 1]
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _new_connections(results: Results, server: Server, effort: Effort, say: Callable[[str], None]) -> None:
    results.title(f"New connections over TLS: CPU of a call, as a ratio to {calls.NEW_BY_HAND}")
    if server.closing is None or server.https is None:
        results.lines.append("  They are left out: trustme is not installed.")
        return
    results.lines.append(_COLUMNS)
    with calls.over_new_connections(server.closing, server.bundle, effort.calls) as contenders:
        taken = calls.measure(contenders, effort.calls.rounds, say)
    cpu = {name: [sample.cpu for sample in samples] for name, samples in taken.items()}
    results.absolute |= {f"{name}: CPU microseconds a call": median(values) * 1e6 for name, values in cpu.items()}
    note = f"{median(cpu[calls.NEW_SYNC]) * 1e6:.0f} us"
    results.ratio("new connection", calls.NEW_SYNC, cpu[calls.NEW_SYNC], cpu[calls.NEW_BY_HAND], note)

    results.title(f"Longest time for which the event loop is held while {calls.AT_ONCE} start cold, in milliseconds")
    results.lines.append(_COLUMNS)
    held = processes.loop_held(server.https, server.bundle, effort.cold_starts, say)
    for figure, name in (("loop held", processes.OURS_HELD), ("loop held, httpx", processes.HTTPX_HELD)):
        results.values(figure, name, [one.wall for one in held[name]])
        results.values(f"{figure}, CPU", f"{name}, CPU of its thread", [one.cpu for one in held[name]])


def _imports(results: Results, effort: Effort, say: Callable[[str], None]) -> None:
    taken = processes.imports(effort.imports, say)
    nothing = [process.cpu for process in taken[processes.NOTHING]]
    cpu = {
        statement: [process.cpu - empty for process, empty in zip(taken[statement], nothing, strict=True)]
        for statement in taken
        if statement != processes.NOTHING
    }
    results.absolute |= {f"{statement}: CPU milliseconds": median(values) * 1e3 for statement, values in cpu.items()}
    results.title("CPU of a process that imports, less that of an empty one, as a ratio to `import httpx`")
    results.lines.append(_COLUMNS)
    names = {processes.NAMES: "import names"}
    for statement, values in cpu.items():
        note = f"{median(values) * 1e3:z.1f} ms"
        results.ratio(names.get(statement, statement), statement, values, cpu[processes.HTTPX], note)


def _first_refunds(results: Results, server: Server, effort: Effort, say: Callable[[str], None]) -> None:
    results.title("From process start to the first refund and the end, as a ratio to the hand-written httpx script")
    results.lines.append(_COLUMNS)
    for base_url, name in ((server.https, "first refund"), (server.http, "first refund over http")):
        if base_url is None:
            results.lines.append("  Over https it is left out: trustme is not installed.")
            continue
        taken = processes.first_refunds(base_url, server.bundle, effort.first_refunds, say)
        ours, theirs = taken[processes.BY_REFUNDRY], taken[processes.BY_HAND]
        scheme = base_url.partition(":")[0]
        results.absolute[f"{name}: milliseconds"] = median(one.wall for one in ours) * 1e3
        results.absolute[f"{name}, httpx script: milliseconds"] = median(one.wall for one in theirs) * 1e3
        note = f"{median(one.wall for one in ours) * 1e3:.0f} ms"
        results.ratio(name, f"time, over {scheme}", [one.wall for one in ours], [one.wall for one in theirs], note)
        results.ratio(f"{name}, CPU", f"CPU, over {scheme}", [one.cpu for one in ours], [one.cpu for one in theirs])
    results.lines.append("  Over http no certificates are needed; httpx reads them all the same.")


def _generators(results: Results, folder: Path, effort: Effort, say: Callable[[str], None]) -> None:
    results.title(f"Regenerating all three packages, as a ratio to {processes.BARE}")
    missing = [name for name in ("openapi_python_client", "datamodel_code_generator") if not installed(name)]
    if missing:
        results.lines.append(f"  It is left out: {' and '.join(missing)} cannot be imported.")
        return
    results.lines.append(_COLUMNS)
    taken = processes.generators(effort.generators, folder, say)
    ours, bare = taken[processes.REGENERATE], taken[processes.BARE]
    results.absolute["regenerate: seconds"] = median(one.wall for one in ours)
    results.absolute["one bare run: seconds"] = median(one.wall for one in bare)
    for figure, label, runs in (
        ("regenerate", "written, after they have passed", ours),
        ("regenerate and verify", "written, imported and compared", taken[processes.VERIFIED]),
    ):
        note = f"{median(one.wall for one in runs):.2f} s"
        results.ratio(figure, label, [one.wall for one in runs], [one.wall for one in bare], note)
        results.ratio(f"{figure}, CPU", f"{label}, CPU", [one.cpu for one in runs], [one.cpu for one in bare])
    _slices(results, folder, effort, say)


def _slices(results: Results, folder: Path, effort: Effort, say: Callable[[str], None]) -> None:
    taken, megabytes = processes.slices(effort.generators, folder, say)
    sliced, alone, ingested = (taken[name] for name in (processes.SLICED, processes.ALONE, processes.INGESTED))
    results.title(f"Generating {processes.SLICED}, as a ratio to {processes.ALONE}")
    results.lines.append(_COLUMNS)
    note = f"{median(one.wall for one in sliced):.2f} s"
    results.ratio("slice", "time", [one.wall for one in sliced], [one.wall for one in alone], note)
    results.ratio("slice, CPU", "CPU", [one.cpu for one in sliced], [one.cpu for one in alone])
    results.title(f"Taking in a document of {megabytes:.1f} MB of which three operations are chosen, in seconds")
    results.lines.append(_COLUMNS)
    results.values("ingest", "time", [one.wall for one in ingested])
    results.values("ingest, CPU", "CPU", [one.cpu for one in ingested])


def versions() -> dict[str, str]:
    """The versions of what takes part, and the number of cores."""
    found = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    for name in ("httpx", "httptools", "attrs", "aiohttp", "openapi-python-client"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def as_json(results: Results, verdicts: Sequence[Verdict]) -> str:
    """The figures as JSON."""
    whole = {
        "versions": versions(),
        "figures": {name: asdict(figure) for name, figure in results.figures.items()},
        "absolute": results.absolute,
        "targets": [
            {**asdict(verdict.target), "value": verdict.value, "verdict": verdict.word} for verdict in verdicts
        ],
    }
    return f"{json.dumps(whole, indent=2)}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure refundry against httpx called by hand and others, on a server on this machine. All "
        "figures are ratios of what was measured side by side; a ratio below 1 is less than the other takes, and of "
        "throughput one above 1 is more. A missed target is said at the end.",
        epilog="Exit codes: 0 measured; 1 a target was missed, with --fail-on-miss; 2 what was to be measured failed.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, about a minute; the figures are rougher")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file, too")
    figures.add_argument(parser)
    parser.add_argument("--fail-on-miss", action="store_true", help="exit with 1 where a target is missed")
    return parser


_LOADED = "Other processes were at work, which disturbs the ratios of time and throughput more than those of CPU."


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    effort = QUICK if options.quick else WHOLE
    results = Results()
    load = os.getloadavg()[0]
    try:
        if options.json is not None and not options.json.absolute().parent.is_dir():
            raise Defect(f"{options.json}: there is no such folder to write to; make it first")
        with tempfile.TemporaryDirectory() as name, serving(Path(name)) as server:
            folder = Path(name)
            _calls(results, server, folder, effort, _say)
            _references(results, effort, _say)
            _ledgers(results, server, effort, _say)
            _new_connections(results, server, effort, _say)
            _imports(results, effort, _say)
            _first_refunds(results, server, effort, _say)
            _generators(results, folder, effort, _say)
    except Defect as defect:
        _say(f"error: {defect}")
        return 2
    verdicts = judge(results.figures)
    if options.json is not None:
        options.json.write_text(as_json(results, verdicts), encoding="utf-8")
    print(", ".join(f"{name} {number}" for name, number in versions().items()))
    print(f"Load of the machine before the run: {load:.1f}. {_LOADED if load > 0.5 else ''}".rstrip())
    print("\n".join(results.lines))
    print(f"\nTargets\n{table(verdicts)}")
    if options.write is not None:
        figures.write(options.write, "nox -s bench", f"```\n{_ledger_lines(results)}\n```")
    return exit_code(verdicts, fail_on_miss=options.fail_on_miss)


def exit_code(verdicts: Sequence[Verdict], *, fail_on_miss: bool) -> int:
    """0, or 1 for a missed target with `--fail-on-miss`."""
    return int(fail_on_miss and any(verdict.met is False for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
