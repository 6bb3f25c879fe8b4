"""The report of a smoke run, as Markdown. It shows names, words and statuses, and no other value of a reply."""

from collections.abc import Iterable, Iterator

from refundry import Account
from refundry.departures import Departure
from refundry.redaction import Secret, without
from scripts.contracts.contradictions import decisions
from scripts.smoke.answers import answers
from scripts.smoke.exchanges import Exchange
from scripts.smoke.run import Run


def report(provider: str, account: Account, run: Run) -> str:
    """Return the report. No credential, and no token that came, is in it, in whatever form."""
    text = "\n".join(_lines(provider, account, run)) + "\n"
    return without(text, [*account.secrets, *_tokens(run.exchanges)])


def departures(provider: str, run: Run) -> int:
    """Return how many departures from the contract the run saw, without those of its listed contradictions."""
    listed = _contradictions(provider)
    return sum(not _is_listed(one, listed) for exchange in run.exchanges for one in exchange.departures)


def _contradictions(provider: str) -> list[tuple[str, str]]:
    """Where an example of the contract breaks its schema, and the keyword: replies like it are known to do so."""
    return [(finding.pointer, finding.rule) for finding in decisions(provider)]


def _is_listed(departure: Departure, listed: Iterable[tuple[str, str]]) -> bool:
    keyword = departure.keyword.replace("x-extensible-enum", "enum")
    return any(at.endswith(f"/value{departure.pointer}") and keyword == rule for at, rule in listed)


def _lines(provider: str, account: Account, run: Run) -> Iterator[str]:
    yield from (f"# {provider}: one smallest refund at {account.origin}", "")
    yield from ("| call | outcome | |", "|---|---|---|")
    for what, outcome, expected in run.calls:
        yield f"| {what} | {outcome} | {'as expected' if expected else '**not as expected**'} |"
    yield from (
        "",
        "| operation | HTTP | media type | seconds | departures from the contract |",
        "|---|---|---|---|---|",
    )
    for exchange in run.exchanges:
        yield f"| {_row(exchange)} |"
    yield from ("", f"## Departures: {departures(provider, run)}", "")
    listed = _contradictions(provider)
    for exchange in run.exchanges:
        for one in exchange.departures:
            where = f"{exchange.operation or 'no operation'}: `{one.pointer or '/'}`"
            known = ", as listed in contradictions.toml" if _is_listed(one, listed) else ""
            yield f"- {where} breaks `{one.keyword}`, the rule at `{one.rule}`{known}"
    for deviation in run.deviations:
        operation = deviation.operation.value if deviation.operation else "callback"
        yield f"- {operation}: `{deviation.pointer or '/'}` {deviation.rule}, and was read all the same"
    yield from ("", "## To confirm in the sandbox", "")
    for point, answer in answers(provider, run.exchanges):
        yield f"- {point} **{answer or 'Not answered by this run.'}**"


def _row(exchange: Exchange) -> str:
    status = exchange.failure if exchange.status is None else str(exchange.status)
    cells = (exchange.operation or "none of the contract", status, exchange.media_type or "none")
    return " | ".join((*cells, f"{exchange.seconds:.1f}", str(len(exchange.departures))))


def _tokens(exchanges: Iterable[Exchange]) -> Iterator[Secret]:
    """Every text of a reply that gave a token."""
    for exchange in exchanges:
        if exchange.operation == "create_token":
            yield from (Secret(text) for text in _texts(exchange.body) if len(text) >= 8)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
