"""Every interleaving of a few calls for one reference, breadth first, and the promises in every state.

What is assumed of the world: a machine does not sleep between the look at the lease and the first byte, and a request
that left reaches the provider within SECONDS_ON_THE_WAY, or never. Both are less than what the leases and the margin of
the window leave room for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from refundry import RefundInProgress, RefundStatus
from refundry.ledger.changes import Decide, Learn, Record
from refundry.ledger.entry import ids_of
from refundry.ledger.rules import Accepted, Sending, Unknown, state_of
from scripts.model.calls import (
    NO_CONNECTION,
    NO_REPLY,
    Answered,
    At,
    BrokenOff,
    Call,
    Calls,
    Committed,
    FirstByte,
    Heard,
    Input,
    Kind,
    Subject,
    Time,
)
from scripts.model.provider import ASKED, REFERENCE, Provider, Verdict, reply, state_reply
from scripts.model.store import Row
from tests.stateful import world

if TYPE_CHECKING:
    from refundry.ledger.entry import Entry

LEASE: Final = 18
"""A little more than a lease: 10 seconds for the call, 2 for an attempt, 5 of grace."""
SECONDS_ON_THE_WAY: Final = 20
WINDOW: Final = 24 * 3600 - 25 - 3
"""As long as the window without its margin (the call's 10 seconds and a wait of 15), and 3 seconds less."""
SET_BACK: Final = 3600
_STATUS: Final = {
    Verdict.DONE: RefundStatus.SUCCEEDED,
    Verdict.PENDING: RefundStatus.PENDING,
    Verdict.FAILED: RefundStatus.FAILED,
}
_NO_ROW: Final = 0


@dataclass(frozen=True)
class Scope:
    """What may happen in a walk, and how often at the most.

    `workers` calls are under way at once. `refunds`, `resolves` and `callbacks` are calls. `faults` are commits that
    fail, break, or whose caller gives up. `break_offs` are interruptions of a call whose process lives on. `words` are
    a person's, and `wrong` lets one be wrong. `pending` lets the provider accept a refund for later. `threads` puts
    every call into one process. `split` takes a commit apart, into loading and writing; `own_database` gives the
    database a clock of its own. `sleeps_before_byte` drops the first assumption. `depth` bounds the steps.
    """

    name: str
    provider: str
    workers: int = 2
    refunds: int = 2
    resolves: int = 0
    callbacks: int = 0
    crashes: int = 1
    faults: int = 0
    break_offs: int = 0
    words: int = 0
    leases: int = 1
    windows: int = 0
    set_backs: int = 0
    wrong: bool = False
    pending: bool = False
    threads: bool = False
    split: bool = False
    own_database: bool = False
    sleeps_before_byte: bool = False
    attempts: int = 1
    depth: int | None = None


class Left(NamedTuple):
    """What may still happen."""

    refunds: int
    resolves: int
    callbacks: int
    crashes: int
    faults: int
    break_offs: int
    words: int
    leases: int
    windows: int
    set_backs: int


class Live(NamedTuple):
    """A call that is under way, what it has loaded, and the reply that waits for it."""

    call: int
    loaded: int = -1
    is_stale: bool = False
    mail: tuple[Verdict, str] | None = None


class Flight(NamedTuple):
    """A request on its way."""

    number: int
    key: str | None
    left_at: int


class State(NamedTuple):
    """All that there is at one moment. `accepted` are the refunds that a call or a lookup has told the ledger of.

    `denied` is how many calls there were when a person said, wrongly, that nothing was executed; -1 without one.
    `is_wrong` says that a person was wrong.
    """

    seconds: int
    set_back: int
    row: int
    live: tuple[Live, ...]
    flights: tuple[Flight, ...]
    provider: Provider
    started: int
    left: Left
    accepted: tuple[str, ...] = ()
    denied: int = -1
    is_wrong: bool = False


Move = tuple[Any, ...]
"""What happens, and to which call."""


class Edge(NamedTuple):
    """A move, the state after it, the promise that it breaks, and what it tells a caller."""

    move: Move
    state: State
    broken: str | None = None
    told: Any = None


@dataclass
class Found:
    """What a walk has found: how many states and edges there are, and the story that breaks a promise."""

    states: int
    edges: int
    depth: int
    broken: str | None = None
    story: tuple[str, ...] = ()
    is_whole: bool = True


class Walk:
    """A walk through all states of a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.calls = Calls(scope.provider, Time(own_database=scope.own_database), attempts=scope.attempts)
        self._rows: list[Row | None] = [None]
        self._row_ids: dict[Row | None, int] = {None: _NO_ROW}
        self._seen: dict[tuple[int, int, int], Entry | None] = {}

    def run(self, most: int | None = None) -> Found:
        """Walk until a promise breaks, or to the end. `most` bounds the states."""
        scope = self.scope
        first = self.first()
        came_from: dict[State, tuple[State, Move] | None] = {first: None}
        waiting: deque[tuple[State, int]] = deque([(first, 0)])
        edges = depth = 0
        is_whole = True
        while waiting:
            state, depth = waiting.popleft()
            if scope.depth is not None and depth >= scope.depth:
                is_whole = False
                continue
            for edge in self.edges(state):
                edges += 1
                broken = edge.broken or (None if edge.state in came_from else self.broken(edge.state))
                if broken is not None:
                    steps = [(edge.state, edge.move)]
                    at: State = state
                    while (step := came_from[at]) is not None:
                        steps.append((at, step[1]))
                        at = step[0]
                    story = tuple(self.told(one, move) for one, move in reversed(steps))
                    return Found(len(came_from), edges, depth + 1, broken, story, False)
                if edge.state not in came_from:
                    came_from[edge.state] = (state, edge.move)
                    waiting.append((edge.state, depth + 1))
            if most is not None and len(came_from) >= most:
                return Found(len(came_from), edges, depth, is_whole=False)
        return Found(len(came_from), edges, depth, is_whole=is_whole)

    def first(self) -> State:
        """The state before anything has happened."""
        left = Left(*(getattr(self.scope, name) for name in Left._fields))
        return State(0, 0, _NO_ROW, (), (), Provider(), 0, left)

    def follow(self, story: Sequence[str]) -> tuple[State, str | None, Any]:
        """Go through a story, a sentence for each move.

        Gives the last state, the promise that broke on the way, and what the last call that ended told its caller.
        Raises LookupError for a sentence that cannot follow.
        """
        state, broken, result = self.first(), None, None
        for sentence in story:
            edges = {self.sentence(one.move): one for one in self.edges(state)}
            if sentence not in edges:
                raise LookupError(f"{sentence!r} cannot follow; there are {', '.join(map(repr, edges))}")
            edge = edges[sentence]
            result = result if edge.told is None else edge.told
            state, broken = edge.state, broken or edge.broken or self.broken(edge.state)
        return state, broken, result

    # Promises.

    def entry(self, row: int, seconds: int, set_back: int) -> Entry | None:
        """What a process that holds nothing sees."""
        key = (row, seconds, set_back)
        if key not in self._seen:
            self._seen[key] = self.calls.seen(self._rows[row], seconds, set_back)
        return self._seen[key]

    def broken(self, state: State) -> str | None:
        """The promise that a state breaks."""
        entry = self.entry(state.row, state.seconds, state.set_back)
        later = self.entry(state.row, state.seconds + LEASE, state.set_back)
        if later is not None and isinstance(later.known, Sending):
            return world.SENDING_ENDS
        if sum(self._call(one).at is At.ABOUT_TO_SEND for one in state.live) > 1 and not state.is_wrong:
            return world.ONE_SENDS
        executions = state.provider.executions()
        recorded = {one.refund_id for one in executions if not one.failed}.intersection(state.accepted)
        if recorded and (entry is None or entry.known is None):
            return world.NEWS_IS_KEPT
        if state.is_wrong:
            return None
        broken = world.paid(executions, ASKED.minor_units) or world.true(
            world.Kept.of(entry), executions, may_still_be_executed=self._may_execute(state)
        )
        is_unknown = entry is not None and isinstance(entry.known, Unknown) and not entry.contradiction
        return broken or (world.UNKNOWN_IS_UNKNOWN if is_unknown and recorded else None)

    def _may_execute(self, state: State) -> bool:
        calls = (self._call(one) for one in state.live)
        keys = [*(one.key for one in state.flights), *(one.key for one in calls if one.at is At.ABOUT_TO_SEND)]
        return any(state.provider.stored(key, state.seconds) is None for key in keys)

    def _broken_by_telling(self, state: State, call: Call, *, is_commit: bool) -> str | None:
        if call.kind is Kind.CALLBACK or not call.is_new_result or call.result is None or state.is_wrong:
            return None
        broken = world.told(call.result, state.provider.executions())
        # Within one process a call is under way until it ends, whatever the others make of its lease.
        is_in_view = not (self.scope.threads and isinstance(call.result, RefundInProgress))
        if (
            broken is None
            and is_in_view
            and is_commit
            and call.kind is Kind.REFUND
            and getattr(call.result, "recorded", True)
        ):
            entry = self.entry(state.row, state.seconds, state.set_back)
            broken = world.told_unknown(call.result, world.Kept.of(entry))
        return broken

    # Moves.

    def edges(self, state: State) -> Iterator[Edge]:
        """All that may happen next."""
        yield from self._starts(state)
        for index, live in enumerate(state.live):
            yield from self._goes_on(state, index, live)
        yield from self._of_provider(state)
        yield from self._of_time(state)
        yield from self._of_person(state)

    def _starts(self, state: State) -> Iterator[Edge]:
        left = state.left
        working = sum(self._call(one).kind is not Kind.CALLBACK for one in state.live)
        if working < self.scope.workers:
            if left.refunds:
                yield from self._start(state, Kind.REFUND, None, left._replace(refunds=left.refunds - 1))
            if left.resolves and state.row != _NO_ROW:
                yield from self._start(state, Kind.RESOLVE, None, left._replace(resolves=left.resolves - 1))
        if left.callbacks and working == len(state.live):
            after = left._replace(callbacks=left.callbacks - 1)
            for name, verdict in state.provider.refunds:
                # Callbacks come late, and in any order: also the first one of a refund that has ended since.
                was_pending = verdict is not Verdict.PENDING and self.scope.pending
                for one in (verdict, *((Verdict.PENDING,) if was_pending else ())):
                    yield from self._start(state, Kind.CALLBACK, (name, _STATUS[one]), after)

    def _start(self, state: State, kind: Kind, subject: Subject | None, left: Left) -> Iterator[Edge]:
        number = state.started + 1
        call = self.calls.start(number, kind, subject, state.seconds, state.set_back)
        live = (*state.live, Live(call.index, state.row if self.scope.split else -1))
        begun = state._replace(live=live, started=number, left=left)
        if self.scope.split:
            yield Edge(("starts", number, kind, subject), begun)
            return
        for heard in self._hearings(state):
            yield self._commit(begun, len(live) - 1, live[-1], heard, ("starts", number, kind, subject, heard))

    def _hearings(self, state: State) -> tuple[Heard, ...]:
        return tuple(Heard) if state.left.faults else (Heard.DONE,)

    def _goes_on(self, state: State, index: int, live: Live) -> Iterator[Edge]:
        call = self._call(live)
        number, moment = call.number, (state.seconds, state.set_back)
        match call.at:
            case At.LEDGER | At.LEFT if self.scope.split and live.loaded < 0:
                loaded = live._replace(loaded=state.row, is_stale=False)
                yield Edge(("loads", number), _with(state, index, loaded))
            case At.LEDGER | At.LEFT:
                for heard in self._hearings(state):
                    if call.at is At.LEDGER or heard is not Heard.GIVEN_UP:
                        move = ("commits", number, type(call.change).__name__, heard)
                        yield self._commit(state, index, live, heard, move)
            case At.ABOUT_TO_SEND:
                sent = self._put(state, index, live, call, FirstByte(*moment), ("sends", number))
                flights = (*state.flights, Flight(number, call.key, state.seconds))
                yield sent._replace(state=sent.state._replace(flights=flights))
                yield self._put(state, index, live, call, Answered(*moment, NO_CONNECTION), ("cannot connect", number))
            case At.SENT:
                yield self._put(state, index, live, call, Answered(*moment, NO_REPLY), ("hears nothing", number))
                if live.mail is not None:
                    answer = reply(self.scope.provider, *live.mail)
                    heard_reply = ("hears", number, *live.mail)
                    yield self._put(state, index, live, call, Answered(*moment, answer), heard_reply)
            case At.ASKING:
                yield from self._asks(state, index, live, call)
        if state.left.break_offs and call.at not in (At.OVER, At.LEFT) and call.kind is Kind.REFUND:
            left = state.left._replace(break_offs=state.left.break_offs - 1)
            edge = self._put(state, index, live, call, BrokenOff(*moment), ("is interrupted", number))
            yield edge._replace(state=edge.state._replace(left=left))
        if state.left.crashes:
            left = state.left._replace(crashes=state.left.crashes - 1)
            yield Edge(("crashes", number), _with(state, index, None)._replace(left=left))

    def _asks(self, state: State, index: int, live: Live, call: Call) -> Iterator[Edge]:
        assert call.asked is not None
        moment = (state.seconds, state.set_back)
        name = call.asked.rpartition("/")[2]
        found = state.provider.state(name)
        if found is not None:
            answer = state_reply(self.scope.provider, found, name)
            yield self._put(state, index, live, call, Answered(*moment, answer), ("is told", call.number, found, name))
        yield self._put(state, index, live, call, Answered(*moment, NO_REPLY), ("hears nothing", call.number))

    def _put(self, state: State, index: int, live: Live, call: Call, what: Input, move: Move) -> Edge:
        after, _, _ = self.calls.after(call, what)
        is_over = after.at is At.OVER
        next_live = None if is_over else Live(after.index)
        if not is_over and self.scope.split and after.at is At.LEDGER:
            next_live = Live(after.index, state.row)  # the call goes to the ledger at once
        now = _with(state, index, next_live)
        return Edge(move, now, self._broken_by_telling(now, after, is_commit=False), after.result)

    def _commit(self, state: State, index: int, live: Live, heard: Heard, move: Move) -> Edge:
        call = self._call(live)
        beside = tuple(one.call for one in state.live if one is not live) if self.scope.threads else ()
        what = Committed(
            state.seconds,
            state.set_back,
            self._rows[state.row],
            self._rows[live.loaded] if live.is_stale else None,
            live.is_stale,
            heard,
            beside,
        )
        after, row, _ = self.calls.after(call, what)
        number = self._row_ids.setdefault(row, len(self._rows))
        if number == len(self._rows):
            self._rows.append(row)
        now = _with(state, index, None if after.at is At.OVER else Live(after.index))
        if number != state.row:
            stale = tuple(one if one.loaded < 0 else one._replace(is_stale=True) for one in now.live)
            now = now._replace(row=number, live=stale)
        if heard is not Heard.DONE:
            now = now._replace(left=now.left._replace(faults=now.left.faults - 1))
        broken = None
        reservation = getattr(call.change, "reservation", None)
        known = None if reservation is None else reservation.known
        if heard is not Heard.FAILED:
            entry = self.entry(now.row, now.seconds, now.set_back)
            if isinstance(call.change, Record) and isinstance(known, Accepted) and known.refund_id is not None:
                accepted = tuple(sorted({*now.accepted, known.refund_id}))
                now = now._replace(accepted=accepted)
                is_twice = len([one for one in now.provider.executions() if not one.failed]) > 1 and len(accepted) > 1
                is_denied = call.number <= now.denied
                if (is_twice or is_denied) and (entry is None or entry.contradiction is None):
                    broken = world.CONTRADICTIONS_ARE_LISTED
            elif isinstance(call.change, Learn) and not live.is_stale:
                before = self.entry(state.row, state.seconds, state.set_back)
                broken = world.lost_news(call.change.refund, before, entry)
                if entry is not None and isinstance(entry.known, Accepted):
                    now = now._replace(accepted=tuple(sorted({*now.accepted, *ids_of(entry.known)[:1]})))
        # A call that only read may have read before another one wrote.
        is_present = number != state.row or not live.is_stale
        return Edge(move, now, broken or self._broken_by_telling(now, after, is_commit=is_present), after.result)

    def _of_provider(self, state: State) -> Iterator[Edge]:
        for flight in state.flights:
            others = tuple(one for one in state.flights if one is not flight)
            yield Edge(("is lost on its way", flight.number), state._replace(flights=others))
            if state.provider.stored(flight.key, state.seconds) is not None:
                verdicts: tuple[Verdict, ...] = (Verdict.DONE,)  # whatever it would be: the stored answer comes
            else:
                verdicts = (Verdict.DONE, Verdict.REFUSED, *((Verdict.PENDING,) if self.scope.pending else ()))
            for verdict in verdicts:
                provider, given, name = state.provider.answer(flight.key, state.seconds, verdict)
                live = tuple(
                    one._replace(mail=(given, name))
                    if self._call(one).number == flight.number and self._call(one).at is At.SENT
                    else one
                    for one in state.live
                )
                now = state._replace(flights=others, provider=provider, live=live)
                yield Edge(("arrives", flight.number, given, name, provider == state.provider), now)
        for name, verdict in state.provider.refunds:
            if verdict is Verdict.PENDING:
                for end in (Verdict.DONE, Verdict.FAILED):
                    yield Edge(("ends", name, end), state._replace(provider=state.provider.end(name, end)))

    def _of_time(self, state: State) -> Iterator[Edge]:
        left = state.left
        is_about_to_send = any(self._call(one).at is At.ABOUT_TO_SEND for one in state.live)
        if not is_about_to_send or self.scope.sleeps_before_byte:
            for name, seconds in (("leases", LEASE), ("windows", WINDOW)):
                if getattr(left, name):
                    now = state.seconds + seconds
                    flights = tuple(one for one in state.flights if now - one.left_at <= SECONDS_ON_THE_WAY)
                    after = left._replace(**{name: getattr(left, name) - 1})
                    yield Edge((name,), state._replace(seconds=now, flights=flights, left=after))
        if left.set_backs:
            after = left._replace(set_backs=left.set_backs - 1)
            yield Edge(("set back",), state._replace(set_back=SET_BACK, left=after))

    def _of_person(self, state: State) -> Iterator[Edge]:
        if not state.left.words:
            return
        entry = self.entry(state.row, state.seconds, state.set_back)
        if entry is None:
            return
        if not (isinstance(entry.known, Unknown) or entry.contradiction):
            yield from self._is_refused(state)
            return
        is_executed = any(not one.failed for one in state.provider.executions())
        is_certain = is_executed or not self._may_execute(state)
        for executed in (True, False):
            is_right = executed is is_executed and is_certain
            if not (is_right or self.scope.wrong):
                continue
            decide = Decide(self.scope.provider, REFERENCE, executed, "the operator", "looked it up")
            result, row = self.calls.commit(decide, self._rows[state.row], state.seconds, state.set_back)
            if isinstance(result, LookupError):
                broken = world.NEWS_IS_KEPT if isinstance(entry.known, Unknown) else None
                yield Edge(("decides", executed, is_right), state, broken)
                continue
            number = self._row_ids.setdefault(row, len(self._rows))
            if number == len(self._rows):
                self._rows.append(row)
            now = state._replace(row=number, left=state.left._replace(words=state.left.words - 1))
            now = now._replace(live=tuple(one if one.loaded < 0 else one._replace(is_stale=True) for one in now.live))
            if not is_right:
                now = now._replace(is_wrong=True, denied=-1 if executed else state.started)
            yield Edge(("decides", executed, is_right), now)

    def _is_refused(self, state: State) -> Iterator[Edge]:
        """A person who decides what is known."""
        for executed in (True, False):
            decide = Decide(self.scope.provider, REFERENCE, executed, "the operator", "looked it up")
            _, row = self.calls.commit(decide, self._rows[state.row], state.seconds, state.set_back)
            if row != self._rows[state.row]:
                yield Edge(("decides", executed, False), state, world.WORDS_ARE_ABOUT_UNKNOWN)

    def _call(self, live: Live) -> Call:
        return self.calls.made[live.call]

    # Stories.

    def told(self, state: State, move: Move) -> str:
        """A move as a sentence, with what the ledger says after it."""
        entry = self.entry(state.row, state.seconds, state.set_back)
        ledger = "nothing" if entry is None else state_of(entry.known).name
        if entry is not None and entry.attempt > 1:
            ledger += f", attempt {entry.attempt}"
        if entry is not None and entry.contradiction:
            ledger += f", contradicted: {entry.contradiction}"
        return f"{self.sentence(move)} [the ledger: {ledger}]"

    def sentence(self, move: Move) -> str:
        """A move as a sentence."""
        return _sentence(move, _name(move[1]) if len(move) > 1 and isinstance(move[1], int) else "")


def _with(state: State, index: int, live: Live | None) -> State:
    kept = () if live is None else (live,)
    return state._replace(live=(*state.live[:index], *kept, *state.live[index + 1 :]))


def _name(number: int) -> str:
    return f"worker {chr(ord('A') + number - 1)}"


_HEARD: Final = {
    Heard.DONE: "",
    Heard.BROKEN: "; the connection breaks at the commit, which is made again",
    Heard.GIVEN_UP: "; it is durable, and the caller has given up waiting",
    Heard.FAILED: "; the ledger fails, and nothing is written",
}
_COMMITS: Final = {
    "Reserve": "reserves the reference",
    "Record": "records its outcome",
    "HandBack": "hands its reference back",
    "Inspect": "reads the entry",
    "IsOfAnother": "looks whether the refund is another's",
    "Learn": "records its answer",
    "Find": "finds the refund",
}


def _sentence(move: Move, who: str) -> str:
    match move:
        case ("starts", _, Kind.REFUND, _, *heard):
            return f"{who} calls refund(), and asks the ledger for the reference{_heard(heard)}"
        case ("starts", _, Kind.RESOLVE, _, *heard):
            return f"{who} calls resolve(){_heard(heard)}"
        case ("starts", _, Kind.CALLBACK, (name, status), *heard):
            return f"{who} gets a callback: {name} is {status}{_heard(heard)}"
        case ("loads", _):
            return f"{who} begins a transaction, and loads the row"
        case ("commits", _, change, heard):
            return f"{who} {_COMMITS.get(change, change)}{_HEARD[heard]}"
        case ("sends", _):
            return f"{who} writes the first byte of the refund"
        case ("cannot connect", _):
            return f"{who} cannot connect: no byte left"
        case ("hears nothing", _):
            return f"{who} gets no reply"
        case ("hears", _, verdict, name):
            return f"{who} gets the reply: {verdict} ({name})"
        case ("is told", _, verdict, name):
            return f"{who} asks the provider: {name} is {verdict}"
        case ("is interrupted", _):
            return f"the call of {who} is interrupted; its process lives on"
        case ("crashes", _):
            return f"the process of {who} is killed"
        case ("is lost on its way", _):
            return f"the request of {who} is lost on its way"
        case ("arrives", _, verdict, name, True):
            return f"the request of {who} arrives; the provider knows its key, and repeats: {verdict} ({name})"
        case ("arrives", _, verdict, name, _):
            return f"the request of {who} arrives; the provider works on it: {verdict} ({name})"
        case ("ends", name, verdict):
            return f"the provider ends {name}: {verdict}"
        case ("leases",):
            return f"every machine sleeps for {LEASE} seconds: the leases are over"
        case ("windows",):
            return f"{WINDOW} seconds pass: the provider knows a key for {24 * 3600}"
        case ("set back",):
            return f"somebody sets the clock back by {SET_BACK} seconds"
        case ("decides", executed, right):
            word = "executed" if executed else "not executed"
            return f"a person decides: {word}, and is {'right' if right else 'wrong'}"
    raise AssertionError(move)


def _heard(heard: list[Heard]) -> str:
    return _HEARD[heard[0]] if heard else ""


def with_workers(scope: Scope, workers: int, depth: int | None) -> Scope:
    """A scope with more workers, each of which may call once."""
    return replace(scope, workers=workers, refunds=max(scope.refunds, workers), depth=depth)
