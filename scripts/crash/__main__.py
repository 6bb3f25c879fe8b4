"""`python -m scripts.crash`: kill workers while they refund, and account for every reference."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from scripts.arguments import whole_number
from scripts.crash.plan import Setting
from scripts.crash.run import Result, Stuck, run
from scripts.documentation import figures

LEDGERS: Final = ("sqlite", "postgres", "pgbouncer")
_STORIES: Final = 10
_COLUMNS: Final = ("accepted", "unknown", "free", "executed twice", "lost", "wrong")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    results: list[Result] = []
    try:
        with ExitStack() as stack:
            for kind in options.ledger:
                url = stack.enter_context(_ledgers(kind))
                for workers in options.workers:
                    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="refundry-crash-")))
                    name = f"{kind}, {workers} worker{'s' * (workers > 1)}"
                    _say(f"{name}: {options.refunds:,} refunds, each delivered twice or more ...")
                    setting = Setting(name, url(folder), workers, options.refunds, folder, options.seed)
                    results.append(run(setting, _say))
                    _say(table(results[-1:]))
    except Stuck as stuck:
        _say(f"error: {stuck}")
        return 2
    print(f"\n{table(results)}")
    if options.write is not None:
        figures.write(options.write, "nox -s crash", f"```text\n{table(results)}\n```")
    for result in results:
        print("\n".join(_stories(result)), end="")
    return 0 if all(result.is_right for result in results) else 1


def table(results: Sequence[Result]) -> str:
    """The figures of each run, as a table."""
    head = ["ledger and workers", "refunds", "kills", *_COLUMNS, "refunds/s", "seconds"]
    rows = [
        [
            result.setting.name,
            f"{result.setting.refunds:,}",
            f"{result.kills:,}",
            *(f"{result.verdict.figures[name]:,}" for name in _COLUMNS),
            f"{result.setting.refunds / result.seconds:.0f}",
            f"{result.seconds:.0f}",
        ]
        for result in results
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in (head, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _stories(result: Result) -> Iterator[str]:
    stories = result.verdict.stories
    if stories:
        yield f"\n{result.setting.name}: references that are wrong: {len(stories)}."
        yield from stories[:_STORIES]
        if len(stories) > _STORIES:
            yield f"... and {len(stories) - _STORIES} more."
        yield ""


@contextmanager
def _ledgers(kind: str) -> Iterator[Callable[[Path], str]]:
    """What gives the URL of an empty ledger for a run in this folder."""
    if kind == "sqlite":
        yield lambda folder: f"sqlite:///{folder / 'refunds.db'}"
        return
    # Only these need the servers, and psycopg.
    from tests.databases.pgbouncer import PgBouncer
    from tests.databases.postgres import PostgresServer

    # On a disk, for there alone a commit waits for it.
    with PostgresServer(parent=Path(tempfile.gettempdir())) as server:
        if kind == "postgres":
            yield lambda _: server.url(server.create_database())
        else:
            with PgBouncer(server) as bouncer:
                yield lambda _: bouncer.url(server.create_database())


_count = whole_number(1_000_000)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.crash",
        description="Refund at the three providers of the sandbox with workers that share a ledger, and kill them "
        "with SIGKILL at random moments, each after about 40 calls. A queue delivers each reference twice or more, "
        "often to two workers at once, and again where a worker was killed. The workers take turns: one call at a "
        "time, four threads, asyncio, uvloop. A few replies are lost and a few refunds declined. Afterwards compare "
        "for each reference what the providers have executed, what the ledger says and what the workers were told.",
        epilog="Exit codes: 0 every reference is accounted for; 1 some are not, and what happened to them is printed; "
        "2 a run did not end. The ledgers lie in the folder for temporary files: set TMPDIR to a disk, not to memory.",
    )
    parser.add_argument(
        "--refunds", type=_count, default=10_000, metavar="N", help="references of each run (default: 10000)"
    )
    parser.add_argument(
        "--workers", type=_count, nargs="+", default=[1, 4], metavar="N", help="workers at once (default: 1 4)"
    )
    parser.add_argument(
        "--ledger", choices=LEDGERS, nargs="+", default=["sqlite", "postgres"], help="default: sqlite postgres"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of fates, deliveries and kills (default: 0)")
    figures.add_argument(parser)
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
