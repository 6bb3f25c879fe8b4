"""`python -m refundry.ledger`: for the person who has to know what became of a refund, and to decide."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from refundry.environment import LEDGER, near_ledger
from refundry.errors import InvalidRefund, LedgerFailed
from refundry.ledger import migrations
from refundry.ledger.accounts import ListAccounts, Rename
from refundry.ledger.answers import UNRESOLVED, Found, History, Listed
from refundry.ledger.archive import Count, archive
from refundry.ledger.changes import Decide
from refundry.ledger.database import SECONDS_TO_WAIT
from refundry.ledger.inspection import FOLDER_OF, Examine, Fact, existing, integrity, safe_for, scheme_of
from refundry.ledger.rules import State
from refundry.money import FULL
from refundry.redaction import Secret
from refundry.refund import RefundStatus
from refundry.validation import account_name, reference_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from refundry.ledger.answers import HistoryLine, LedgerEntry
    from refundry.ledger.database import DatabaseLedger

_DONE: Final = 0
_WRONG: Final = 1
_UNFIT: Final = 2
_EXIT_CODES: Final = """\
exit codes:
  0  done; check found nothing wrong
  1  check found something wrong; there is no such reference; or a change was refused, or not agreed to
  2  the arguments are unfit, or the ledger could not be opened, read or written"""
_URL: Final = f"""\
The ledger is the one of {LEDGER}, or of a URL that is given as the last argument. Other users of a machine
can read the arguments of a command: keep a password in {LEDGER}, in PGPASSWORD, or in ~/.pgpass."""
_AFTER_SCHEME: Final = re.compile(r"://\S*")
_DECIDABLE: Final = {"executed": True, "not-executed": False}


class _Refused(Exception):
    """The command refuses: the text says why, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(options, "url", ...) is None:
        options.url = Secret(rest[0])  # argparse takes no optional argument that stands behind an option
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        code: int = options.run(options)
    except _Refused as refused:
        return _failed(refused, _WRONG)
    except (InvalidRefund, LedgerFailed) as failed:
        return _failed(failed, _UNFIT)
    return code


# The commands.


def _list(options: argparse.Namespace) -> int:
    states, contradicted = UNRESOLVED, True
    if options.all:
        states = frozenset(State)
    elif options.state is not None:
        states, contradicted = frozenset({State(options.state)}), False
    ledger = _opened(options)
    try:
        accounts = ledger.commit(ListAccounts())
        listed = Listed(options.account, states, contradicted, options.limit + 1, safe_for(accounts))
        found = ledger.commit(listed, SECONDS_TO_WAIT)
    finally:
        ledger.close()
    shown, has_more = found[: options.limit], len(found) > options.limit
    if options.json:
        _print_json({"entries": [_plain(one) for one in shown], "has_more": has_more})
        return _DONE
    for one in shown:
        print("\n".join(_lines_of(one)), end="\n\n")
    what = "in the ledger" if options.all else options.state or "unresolved"
    many = f"{_many(len(shown))} {what}"
    print(many + (f" at {options.account}" if options.account else "") + (": --limit shows more" if has_more else ""))
    return _DONE


def _show(options: argparse.Namespace) -> int:
    ledger = _opened(options)
    try:
        entry = _found(ledger, options.account, options.reference)
        history = ledger.commit(History(options.account, options.reference))
    finally:
        ledger.close()
    if options.json:
        _print_json({"entry": _plain(entry), "history": [line.to_dict() for line in history]})
        return _DONE
    print("\n".join(_lines_of(entry)))
    if history:
        print("history:")
    for line in history:
        print("\n".join(_lines_of_history(line)))
    return _DONE


def _decide(options: argparse.Namespace) -> int:
    by, reason = options.by.strip(), options.reason.strip()
    if not by or not reason:
        raise _Refused("--by and --reason are empty: the history says who decided, and what they saw")
    executed = _DECIDABLE[options.outcome]
    ledger = _opened(options)
    try:
        entry = _found(ledger, options.account, options.reference)
        if entry.is_archived or (entry.state != State.UNKNOWN and entry.contradiction is None):
            raise _Refused(
                f"{entry.reference!r} at {entry.provider} is {_state(entry)}; a person decides what is unknown, and "
                "nothing else"
            )
        what = (
            "It will count as refunded: requested again, it is returned, and nothing is sent."
            if executed
            else "It will be free: requested again, the refund IS SENT. If it was executed after all, it is paid twice."
        )
        _agree(options, [*_lines_of(entry), "", f"{by} decides: {options.outcome}, because: {reason}", what])
        try:
            ledger.commit(Decide(options.account, options.reference, executed, by, reason), SECONDS_TO_WAIT)
        except LookupError as refused:
            raise _Refused(str(refused)) from None
        entry = _found(ledger, options.account, options.reference)
    finally:
        ledger.close()
    if options.json:
        _print_json({"entry": _plain(entry)})
    else:
        print(f"Decided: {entry.reference!r} at {entry.provider} is {_state(entry)}.")
    return _DONE


def _check(options: argparse.Namespace) -> int:
    url = _url(options)
    ledger = existing(url)
    try:
        facts = ledger.commit(Examine(scheme_of(url)), SECONDS_TO_WAIT)
    except LedgerFailed as failed:
        facts = [Fact("a client can open it", "no", str(failed))]
    finally:
        ledger.close()
    if FOLDER_OF[scheme_of(url)] == "sqlite":
        facts.append(integrity(url, options.seconds))
    wrong = [fact for fact in facts if fact.what_to_do is not None]
    if options.json:
        _print_json({"wrong": len(wrong), "facts": [fact._asdict() for fact in facts]})
    else:
        for fact in facts:
            print(f"{'ok' if fact.what_to_do is None else 'WRONG':6} {fact.name:28} {fact.value}")
            if fact.what_to_do is not None:
                print(f"{'':6} {'':28} {fact.what_to_do}")
        print(f"{len(wrong)} wrong" if wrong else "nothing is wrong")
    return _WRONG if wrong else _DONE


def _rename(options: argparse.Namespace) -> int:
    account_name(options.new)
    ledger = _opened(options)
    try:
        plan = _renamed(ledger, Rename(options.old, options.new, dry=True))
        _agree(
            options,
            [
                f"{options.old!r} is {plan.account}, with {_many(plan.references)}. All will be {options.new!r}'s.",
                f"Stop every client with the name {options.old!r} first: one that still runs knows nothing of the new",
                "name, and would send a reference that the other has sent. One that starts later is refused.",
            ],
        )
        done = _renamed(ledger, Rename(options.old, options.new, options.by))
    finally:
        ledger.close()
    if options.json:
        _print_json({"account": options.new, "references": done.references})
    else:
        print(f"Renamed: {_many(done.references)} now under {options.new!r}. Give the clients name={options.new!r}.")
    return _DONE


def _archive(options: argparse.Namespace) -> int:
    ledger = _opened(options)
    try:
        most = ledger.commit(Count(options.before.timestamp()), SECONDS_TO_WAIT)
        _agree(
            options,
            [
                f"At most {_many(most)} last changed before {_time(options.before)} and may have ended. Those that",
                f"have move to {options.to}, with their history. Requested again they are replayed or refused, and",
                "payment_amount= counts them no more.",
            ],
        )
        count = archive(ledger, options.before, options.to)
    finally:
        ledger.close()
    if options.json:
        _print_json({"archived": count, "to": options.to})
    else:
        print(f"Archived: {_many(count)} now in {options.to}.")
    return _DONE


def _print_sql(options: argparse.Namespace) -> int:
    print(migrations.printed(FOLDER_OF[options.kind], role=options.role), end="")
    return _DONE


# The ledger, and what is asked of it.


def _url(options: argparse.Namespace) -> Secret:
    if options.url is not None:
        url: Secret = options.url
        return url
    if os.environ.get(LEDGER, "").strip():
        return Secret(os.environ[LEDGER])
    near = next((name for name in os.environ if near_ledger(name)), None)
    hint = f" ({near} is set: did you mean {LEDGER}?)" if near else ""
    raise InvalidRefund(f"give the URL of the ledger, or set {LEDGER}{hint}", field="ledger")


def _opened(options: argparse.Namespace) -> DatabaseLedger:
    return existing(_url(options))


def _found(ledger: DatabaseLedger, account: str, reference: str) -> LedgerEntry:
    accounts = ledger.commit(ListAccounts())
    entry = ledger.commit(Found(account, reference_text(reference), safe_for(accounts)), SECONDS_TO_WAIT)
    if entry is not None:
        return entry
    names = [one.name for one in accounts]
    given_up = next((one.new_name for one in accounts if one.name == account and one.new_name is not None), None)
    hint = (
        f"it is named {given_up!r} now" if given_up else f"the ledger has the accounts {', '.join(names) or '(none)'}"
    )
    raise _Refused(f"there is no reference {reference!r} at {account!r}; {hint}")


def _renamed(ledger: DatabaseLedger, rename: Rename) -> Any:
    try:
        return ledger.commit(rename, SECONDS_TO_WAIT)
    except LookupError as refused:
        raise _Refused(str(refused)) from None


def _agree(options: argparse.Namespace, lines: Iterable[str]) -> None:
    """Show what will change, and ask. Raises _Refused without a yes."""
    print("\n".join(lines), file=sys.stderr)
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise _Refused(
            "nobody can be asked, for the input is no terminal; nothing was changed. --yes agrees beforehand"
        )
    print("Type yes to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != "yes":
        raise _Refused("nothing was changed")


# What is printed.


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


def _plain(entry: LedgerEntry) -> dict[str, Any]:
    return {**entry.to_dict(), "age_seconds": _age(entry), "next": _next(entry)}


def _lines_of(entry: LedgerEntry) -> Iterator[str]:
    age = _age(entry)
    yield f"{entry.provider}  {entry.reference}"
    yield f"  {_state(entry)}" + ("" if age is None else f" for {_span(age)}")
    if not entry.is_archived:
        asked = "all that is left" if entry.amount is FULL else str(entry.amount)
        of = "no payment" if entry.payment_id is None else f"payment {entry.payment_id}"
        sent = "" if entry.first_sent is None else f", first sent {_time(entry.first_sent)}"
        yield f"  amount    {asked} of {of}, attempt {entry.attempt}{sent}"
    ids = [("refund", entry.refund and entry.refund.refund_id), ("to ask by", entry.tracking_id)]
    told = [f"{name} {value}" for name, value in ids if value]
    answer = [
        f"{name} {value}" for name, value in (("HTTP", entry.http_status), ("code", entry.provider_code)) if value
    ]
    for name, value in (
        ("provider", ", ".join([*answer, *told])),
        ("why", entry.why),
        ("decided", entry.decided_by and f"by {entry.decided_by}"),
        ("AGAINST", entry.contradiction),
        ("next", _next(entry)),
    ):
        if value:
            yield f"  {name:9} {_shown(value)}"


def _lines_of_history(line: HistoryLine) -> Iterator[str]:
    yield f"  {_time(line.at)}  {_shown(line.event)} -> {line.state}, attempt {line.attempt}"
    if line.by is not None:
        yield f"    by {_shown(line.by)}"
    if line.reason is not None:
        yield f"    because: {_shown(line.reason)}"
    for outcome, status, request_id in line.facts.get("tried", ()):
        answer = "" if status is None else f", HTTP {status}"
        yield f"    {outcome}{answer}" + ("" if request_id is None else f", request id {_shown(request_id)}")
    for name, value in line.facts.items():
        if name not in ("tried", "attempt") and value is not None:
            yield f"    {name}: {_shown(value)}"


def _state(entry: LedgerEntry) -> str:
    status = f" ({entry.refund.status.value})" if entry.refund is not None else ""
    return f"{entry.state}{status}{', archived' if entry.is_archived else ''}"


def _next(entry: LedgerEntry) -> str | None:
    """What somebody can do about a reference; None where there is nothing to do."""
    at = f"{shlex.quote(entry.provider)} {shlex.quote(entry.reference)}"
    if entry.contradiction is not None:
        return (
            "look at the provider which of the two is so, and mend the difference there; then a decide that agrees "
            f"with the state ends this: decide {at} {'executed' if entry.state == State.ACCEPTED else 'not-executed'}"
        )
    if entry.state == State.SENDING:
        return "wait: a call has it now"
    if entry.state == State.ACCEPTED and entry.refund is not None and entry.refund.status is RefundStatus.PENDING:
        return "client.resolve asks the provider whether it is done"
    if entry.state != State.UNKNOWN:
        return None
    if entry.resend_until is not None and entry.resend_until > datetime.now(UTC):
        return (
            f"refund it again under this very reference before {_time(entry.resend_until)}: until then the provider "
            "does not execute it twice"
        )
    if entry.tracking_id is not None:
        return "client.resolve asks the provider; if that does not help, look there by hand"
    return f"look for it at the provider, by payment, amount and time; then decide {at} executed, or not-executed"


def _age(entry: LedgerEntry) -> float | None:
    """The seconds since it was first sent, or since its last change."""
    since = entry.first_sent or entry.changed_at
    return None if since is None else max((datetime.now(UTC) - since).total_seconds(), 0.0)


def _many(count: int) -> str:
    return "1 reference" if count == 1 else f"{count} references"


def _shown(text: object) -> str:
    """A text without what could move a terminal's cursor: a provider's words may hold anything."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text))


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}" if seconds >= 10 * size else f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _failed(why: object, code: int) -> int:
    print(f"error: {why}", file=sys.stderr)
    return code


# The arguments.


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        message = _AFTER_SCHEME.sub("://…", message)  # a URL in a wrong place may have a password
        sys.exit(_failed(f"{message}; --help tells more", _UNFIT))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m refundry.ledger",
        description=f"Look into a ledger of refunds, and decide what nobody else can.\n\n{_URL}",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, what: str, *examples: str) -> argparse.ArgumentParser:
        shown = "\n".join(f"  python -m refundry.ledger {one}" for one in examples)
        added = commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}.\n\n{_URL}",
            epilog=f"examples:\n{shown}\n\n{_EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added

    one = command(
        "list",
        _list,
        "list the references that are unknown or contradicted, oldest first",
        "list",
        "list --state sending --account shop-2",
        "list --all --json sqlite:////var/lib/shop/refunds.db",
    )
    which = one.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="all references, whatever their state")
    which.add_argument("--state", choices=[state.value for state in State], help="those in this state")
    one.add_argument("--account", metavar="NAME", help="only those of this account")
    one.add_argument("--limit", type=_number, default=100, metavar="N", help="at most so many (default: 100)")
    _end(one)

    one = command(
        "show", _show, "show a reference and its history, the provider's request ids among it", "show paybyrd order-7/1"
    )
    _reference(one)
    _end(one)

    one = command(
        "decide",
        _decide,
        "record a person's word on a reference that is unknown",
        'decide paybyrd order-7/1 executed --by "Your Name" --reason "their dashboard shows 79.10 EUR at 06:01"',
    )
    _reference(one)
    one.add_argument("outcome", choices=_DECIDABLE, help="whether the refund was executed")
    one.add_argument("--by", required=True, metavar="NAME", help="who decides; it stays in the history")
    one.add_argument("--reason", required=True, metavar="TEXT", help="what they have seen; it stays in the history")
    _end(one, asks=True)

    one = command(
        "check", _check, "say what is so of a ledger, and what is wrong with it", "check", "check --seconds 60"
    )
    one.add_argument(
        "--seconds",
        type=float,
        default=2.0,
        metavar="N",
        help="how long SQLite may examine the file, while refunds wait (default: 2)",
    )
    _end(one)

    one = command("rename", _rename, "give an account another name, in every table", "rename paybyrd shop-2")
    one.add_argument("old", metavar="OLD")
    one.add_argument("new", metavar="NEW")
    one.add_argument("--by", metavar="NAME", help="who renames it; it stays in the history")
    _end(one, asks=True)

    one = command(
        "archive",
        _archive,
        "move references that have ended out to a file",
        "archive --before 2026-01-01 --to /var/archive/refunds-2025.jsonl",
    )
    one.add_argument(
        "--before", type=_moment, required=True, metavar="TIME", help="last changed before this time (UTC)"
    )
    one.add_argument("--to", required=True, metavar="FILE", help="the file; an archive that is there is continued")
    _end(one, asks=True)

    one = command(
        "print-sql",
        _print_sql,
        "print the tables and the least grants, for a database administrator",
        "print-sql postgresql --role shop | psql shop",
    )
    one.add_argument("kind", choices=["sqlite", "postgresql"])
    one.add_argument(
        "--role", default="refundry", metavar="NAME", help="whom PostgreSQL grants it to (default: refundry)"
    )
    return parser


def _reference(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", metavar="ACCOUNT", help="the name of the account")
    parser.add_argument("reference", metavar="REFERENCE")


def _end(parser: argparse.ArgumentParser, *, asks: bool = False) -> None:
    if asks:
        parser.add_argument("--yes", action="store_true", help="change it without asking")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("url", nargs="?", type=Secret, metavar="URL", help=f"the ledger (default: {LEDGER})")


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 10**9:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-01-01 or 2026-01-01T06:00+01:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
