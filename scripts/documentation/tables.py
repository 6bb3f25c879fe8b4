"""Prints the tables of docs/ and specs/ from the code, between their marks, or checks that they are up to date."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from refundry import RefundClient
from refundry.accounts import KINDS
from refundry.ledger.rules import TABLE, Event, State, step
from refundry.outcome import STATES, Outcome
from refundry.providers import blink, lab4pay
from refundry.providers import paybyrd_codes as paybyrd
from scripts.contracts.constructs import CONSTRUCTS, Treatment
from scripts.contracts.contract import effective
from scripts.contracts.errors import ContractError
from scripts.documentation import outcomes
from scripts.files import ROOT
from scripts.wire import peers as parsers
from scripts.wire import verdicts
from tests.providers import RECORDS

DOCS = ROOT / "docs"
_BEGIN = "<!-- The table is printed by `nox -s docs`: {} -->"
_END = "<!-- The table ends. -->"

Row = tuple[str, ...]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def capabilities(provider: str) -> str:
    """The provider's capabilities, one row each, and one column an operation."""
    client = RefundClient([RECORDS[provider].account()])
    columns = client.capabilities(provider)
    names = [*next(iter(columns.values())).__slots__]
    rows = [(name.replace("_", " "), *(_plain(getattr(one, name)) for one in columns.values())) for name in names]
    return table(("", *(f"`{operation.value}`" for operation in columns)), rows)


def _plain(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(f"`{one}`" for one in sorted(value)) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return f"{value // 3600} hours" if isinstance(value, int) else str(value)


def lab4pay_statuses() -> str:
    """The outcome of a refund by the HTTP status of its reply."""
    rows = [(f"{status}", *_verdict(*verdict)) for status, verdict in lab4pay.BY_STATUS.items()]
    return table(("HTTP status", "outcome", "reason"), [*rows, ("any other", "unknown", "")])


def paybyrd_codes() -> str:
    """The outcome of a refund by the code of its reply, one column for the HTTP statuses that agree on each code."""
    listed = effective("paybyrd")["components"]["schemas"]["PaybyrdCode"]["x-extensible-enum"]
    columns: dict[tuple[str, ...], list[str]] = {}
    for status in paybyrd.BY_STATUS_AND_CODE:
        column = tuple(_in_words(*paybyrd.verdict(status, code)) for code in (*listed, None, "another"))
        columns.setdefault(column, []).append(str(status))
    head = tuple(f"with {', '.join(statuses)}" for statuses in columns.values())
    names = [*(f"`{code}`" for code in listed), "none", "any other"]
    return table(("code", *head), zip(names, *columns, strict=True))


def _in_words(outcome: Outcome, reason: Any) -> str:
    return " ".join(_verdict(outcome, reason)).strip()


def blink_words() -> str:
    """The outcome of a refund by the status word of its reply, beside each `success` and without one."""
    words = {f"`{word}`": word for word in (*blink.BY_WORD, *blink.UNCONFIRMED)} | {"any other": "-", "none": None}
    rows = [
        (shown, *(blink.verdict(word, flag).value for flag in (True, False, None))) for shown, word in words.items()
    ]
    return table(("`status`", "with `success: true`", "with `success: false`", "without `success`"), rows)


def blink_statuses() -> str:
    """The outcome of a refused refund by the HTTP status of its reply, and the body that this outcome needs."""
    rows = []
    for status, verdict in blink.ERROR_BY_STATUS.items():
        body = "anything" if status == 401 else "an object"
        if verdict[0] is Outcome.REJECTED:
            alone = status in blink.NEEDS_SUCCESS_FALSE
            body = "`success: false`" if alone else "`success: false`, or `message` or `error` without `success`"
        rows.append((f"{status}", body, *_verdict(*verdict)))
    return table(
        ("HTTP status", "with a body of", "outcome", "reason"), [*rows, ("any other", "anything", "unknown", "")]
    )


def blink_payments() -> str:
    """The reason of a refusal, by the state of the payment."""
    rows = [(f"`{word}`", reason.name) for word, reason in blink.PAYMENT_WORDS.items()]
    return table(("the payment is", "reason"), [*rows, ("any other", "as in the refusal")])


def _verdict(outcome: Outcome, reason: Any) -> Row:
    return outcome.value, reason.name if outcome is Outcome.REJECTED else ""


def states(words: Mapping[str, Outcome], not_alone: str = "") -> str:
    """The state that each word for a transaction means; the word `not_alone` needs a code that confirms it."""
    rows = [
        (f"`{word}`", STATES[outcome].name + (" with a code that says so, else PENDING" if word == not_alone else ""))
        for word, outcome in words.items()
    ]
    return table(("word", "state"), [*rows, ("any other", "PENDING, and reported to `on_deviation`")])


def inferred(provider: str) -> str:
    """The parts of the contract that are inferred and not documented: those with evidence of sureness D."""
    found: dict[tuple[str, str], list[str]] = {}
    for where, evidence in _evidence(effective(provider), ""):
        source, _, claim = evidence.removesuffix(" (D)").partition(", ")
        places = found.setdefault((claim or "that it is so", source), [])
        if where not in places:
            places.append(where)
    rows = [(claim, ", ".join(f"`{where}`" for where in places), source) for (claim, source), places in found.items()]
    return table(("what is inferred", "where in the contract", "from"), rows)


def _evidence(node: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        where = node.get("operationId", where)
        given = node.get("x-evidence", [])
        for one in [given] if isinstance(given, str) else given:
            if one.endswith("(D)"):
                yield where, one
        for name, child in node.items():
            if name != "x-evidence":
                yield from _evidence(child, _below(where, name))
    elif isinstance(node, list):
        for child in node:
            yield from _evidence(
                child, f"{where}/{child['name']}" if isinstance(child, dict) and "name" in child else where
            )


_UNNAMED = frozenset(
    {"components", "schemas", "responses", "properties", "paths", "parameters", "content", "application/json"}
    | {"schema", "oneOf", "items", "get", "post"}
)


def _below(where: str, name: str) -> str:
    if name in _UNNAMED or name.startswith("/"):
        return where
    return f"{where}/{name}" if where else name


def replies(provider: str) -> str:
    """The ending of a refund by the status of its reply."""
    rows = [
        (statuses, what, ending.evidence, ending.outcome, ending.resend or "not needed", f"{ending.sends}")
        for what, page in (("a body that fits the contract", False), ("an HTML page instead", True))
        for statuses, ending in outcomes.ranges(provider, page=page)
    ]
    return table(("HTTP status", "with", "evidence", "outcome for the caller", "resend", "times sent"), rows)


def failures() -> str:
    """The ending of a refund by the exception that its httpx transport raises."""
    rows = []
    for kind in outcomes.exceptions():
        endings = [outcomes.of_exception(provider, kind) for provider in outcomes.PROVIDERS]
        rows.append(
            (f"`{kind.__name__}`", endings[0].evidence, endings[0].outcome, *(f"{ending.sends}" for ending in endings))
        )
    heads = tuple(f"times sent to {provider}" for provider in outcomes.PROVIDERS)
    return table(("raised", "evidence", "outcome for the caller", *heads), rows)


def reference_states() -> str:
    """The states of a reference: a diagram of the steps that change the state, and the table of all steps."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, steps in TABLE.items():
        for event, (after, _) in steps.items():
            if after is not state:
                arrows.setdefault((state, after), []).append(event.value)
    diagram = [f"    {one.name} --> {other.name}: {'<br>or '.join(events)}" for (one, other), events in arrows.items()]
    rows = [(event.value, *(_step(state, event) for state in State)) for event in Event]
    drawn = "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> FREE", *diagram, "```"])
    return f"{drawn}\n\n{table(('event', *(f'in {state.name}' for state in State)), rows)}"


def _step(state: State, event: Event) -> str:
    """What the event leads to; nothing where the state cannot meet it."""
    if event not in TABLE[state]:
        return ""
    after, answer = step(state, event)
    return answer.value if after is state else f"{answer.value}: {after.name}"


def peers() -> str:
    """What h11, urllib3, llhttp and refundry's transports read of the replies that test a parser."""
    return table(("reply", *parsers.READERS, "connection", "why refundry reads less"), verdicts.rows())


def constructs(treatment: Treatment) -> str:
    """The constructs of OpenAPI that get one treatment, by the kind of object that has them."""
    rows = [
        (one.kind, ", ".join(map(_named, one.members)), one.how) for one in CONSTRUCTS if one.treatment is treatment
    ]
    return table(("of", "construct", "how"), rows)


def _named(member: str) -> str:
    """A member as code, and a construct that is described in words as it is."""
    return f"`{member}`" if " " not in member or ":" in member else member


def _states_of(provider: str) -> str:
    return states(import_module(f"refundry.providers.{provider}").BY_WORD)


def _not_yet() -> str:
    """What stands in place of a table of a provider about which something is still to be decided."""
    return "The table is printed once every decision about the provider is taken."


_OF_A_PROVIDER = ("capabilities", "inferred", "replies", "states")
TABLES: Mapping[str, Callable[[], str]] = {
    **{f"{table} of {one}": _not_yet for table in _OF_A_PROVIDER for one in KINDS},
    **{f"states of {one}": partial(_states_of, one) for one in outcomes.PROVIDERS},
    **{f"capabilities of {one}": partial(capabilities, one) for one in outcomes.PROVIDERS},
    **{f"inferred of {one}": partial(inferred, one) for one in outcomes.PROVIDERS},
    **{f"replies of {one}": partial(replies, one) for one in outcomes.PROVIDERS},
    **{f"constructs {one.value}": partial(constructs, one) for one in Treatment},
    "failures": failures,
    "reference-states": reference_states,
    "statuses of lab4pay": lab4pay_statuses,
    "codes of paybyrd": paybyrd_codes,
    "states of paybyrd": lambda: states(paybyrd.BY_WORD, paybyrd.NEEDS_A_CODE),
    "words of blink": blink_words,
    "statuses of blink": blink_statuses,
    "payments of blink": blink_payments,
    "peers": peers,
}


def printed(text: str, file: str) -> str:
    """Return a document with each of its tables up to date. Raises ContractError for a mark that cannot be used."""
    lines = text.splitlines()
    made: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        made.append(line)
        place += 1
        before, _, after = _BEGIN.partition("{}")
        if line.startswith(before):
            name = line.removeprefix(before).removesuffix(after)
            if name not in TABLES:
                raise ContractError(f"{file}:{place}: there is no table {name!r}; there are {', '.join(TABLES)}")
            if _END not in lines[place:]:
                raise ContractError(f"{file}:{place}: the table {name!r} has no end; write {_END}")
            made += ["", TABLES[name](), "", _END]
            place = lines.index(_END, place) + 1
    return "\n".join(made) + "\n"


def pages() -> list[Path]:
    """Return the documents that have tables: the pages of docs/, and that on the contracts."""
    return sorted([*DOCS.glob("*.md"), *ROOT.glob("specs/README.md")])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.documentation.tables",
        description="Print the tables of docs/*.md and specs/README.md from the code, between their marks.",
        epilog="Exit codes: 0 every table is up to date; 1 with --check, one is not; 2 a mark cannot be used.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, and fail when a table is not up to date")
    check = parser.parse_args(arguments).check
    stale = []
    for path in pages():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        try:
            new = printed(text, name)
        except ContractError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        if new != text:
            stale.append(name)
            if not check:
                path.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"{name}: a table is not what the code says; run `nox -s docs`" if check else f"written: {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
