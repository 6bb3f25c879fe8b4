"""What has to hold in an episode: `tests/stateful/world.py`, at each commit, each execution and each end of a call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from refundry import Refund, RefundError
from refundry.errors import LedgerFailed
from refundry.flows.effects import Commit
from refundry.ledger.changes import Learn, Record
from refundry.ledger.entry import Entry, Reservation
from refundry.ledger.rules import Accepted, State, Unknown
from scripts.simulate.database import CONTRADICTION, FAILED_IDS, REFUND_ID, STATE, TOKEN, Row
from scripts.simulate.provider import ASKED
from scripts.simulate.worker import SECONDS_OF_A_LEASE, Kind
from tests.stateful import world

if TYPE_CHECKING:
    from scripts.simulate.chance import Order
    from scripts.simulate.setting import Setting
    from scripts.simulate.worker import Call, Worker

_STATES: Final = {state.value: state for state in State}


class PromiseBroken(Exception):
    """A promise is broken, of an order."""

    def __init__(self, promise: str, order: Order) -> None:
        super().__init__(promise)
        self.promise = promise
        self.order = order


def require(broken: str | None, order: Order) -> None:
    """Raise where a promise is broken."""
    if broken is not None:
        raise PromiseBroken(broken, order)


class Promises:
    """The promises of an setting. Each method raises PromiseBroken. A person who is wrong ends most of them."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def state(self, order: Order) -> None:
        """What the provider has executed, and what the ledger says of it."""
        executions = self._setting.providers.executions(order)
        row = self._row(order)
        kept = world.Kept() if row is None else _kept(row)
        alive = {one.refund_id for one in executions if not one.failed}
        is_recorded = not alive.isdisjoint(order.accepted)
        require(world.NEWS_IS_KEPT if is_recorded and kept.state is State.FREE else None, order)
        if kept.state is State.UNKNOWN:
            order.denied = -1
        if order.is_wrong:
            return
        require(world.paid(executions, ASKED), order)
        may_execute = kept.state is State.FREE and self._setting.may_execute(order)
        require(world.true(kept, executions, may_still_be_executed=may_execute), order)
        is_unknown = kept.state is State.UNKNOWN and not kept.is_contradicted
        require(world.UNKNOWN_IS_UNKNOWN if is_unknown and is_recorded else None, order)

    def committed(self, call: Call, result: Any, *, is_alone: bool) -> None:
        """The state after a commit, which is what its call may tell.

        `is_alone`: no other change of the same reference was made in the same transaction, before it or after, nor
        between its loading and its writing.
        """
        order, setting = call.order, self._setting
        row = self._row(order)
        executions = setting.providers.executions(order)
        is_held_here = self.is_held_by(call.worker, order)
        call.seen = (row, setting.database.now() if is_alone and not is_held_here else None, executions)
        if isinstance(result, LedgerFailed):
            return
        change = call.effect.change
        if isinstance(result, Reservation):
            call.holds_until = setting.schedule.now + SECONDS_OF_A_LEASE
        if isinstance(result, Entry) and isinstance(result.known, Unknown):
            order.denied = -1  # the word no longer stands
        if isinstance(change, Record):
            self.recorded(order, call.number, change.reservation)
        elif isinstance(change, Learn) and row is not None and row[STATE] == State.ACCEPTED and row[REFUND_ID]:
            order.accepted.add(row[REFUND_ID])
        self.state(order)

    def recorded(self, order: Order, number: int, reservation: Reservation) -> None:
        """Whether the acceptance of a call that has just been recorded is listed where something contradicts it."""
        known = reservation.known
        if not isinstance(known, Accepted) or known.refund_id is None:
            return
        row, executions = self._row(order), self._setting.providers.executions(order)
        is_news = known.refund_id not in order.accepted
        order.accepted.add(known.refund_id)
        is_twice = sum(one.refund_id in order.accepted and not one.failed for one in executions) > 1
        # A call that has reserved it after the word knows of it.
        is_denied = is_news and number <= order.denied and reservation.decided_by is None
        if number > order.denied:
            order.denied = -1  # it was sent by the word, which is used up
        if (is_twice or is_denied) and (row is None or row[CONTRADICTION] is None):
            require(world.CONTRADICTIONS_ARE_LISTED, order)

    def learnt(self, call: Call, before: Entry | None, after: Entry | None) -> None:
        """Whether the ledger keeps what a call has just told it."""
        if not call.order.is_wrong:
            require(world.lost_news(call.effect.change.refund, before, after), call.order)

    def told(self, call: Call, result: Any) -> None:
        """What a call tells its caller."""
        order, setting = call.order, self._setting
        if isinstance(result, Exception) and not isinstance(result, RefundError):
            raise PromiseBroken(world.NO_OTHER_ERROR, order) from result
        if call.kind is Kind.CALLBACK or order.is_wrong:
            return
        executions = setting.providers.executions(order)
        is_committed = isinstance(call.effect, Commit) and call.seen is not None
        if is_committed and call.seen is not None and world.said(result) is world.Said.NOT_EXECUTED:
            executions = call.seen[2]  # another call may have begun since
        require(world.told(result, executions), order)
        if not (is_committed and call.kind is Kind.REFUND and getattr(result, "recorded", True)):
            return
        if isinstance(result, Refund) or call.seen is None:
            return
        row, now, _ = call.seen
        if now is not None:
            entry = setting.database.entry(row, now, setting.machines[0].clock)
            require(world.told_unknown(result, world.Kept.of(entry)), order)

    def is_held_by(self, worker: Worker, order: Order) -> bool:
        """Whether a call of this worker holds the reference. For its process it does until it ends, lease or not."""
        row = self._row(order)
        return row is not None and worker.held.of(row[TOKEN]) is not None

    def ended(self, order: Order) -> None:
        """Whether a refund that was delivered again and again, in the end at a sound provider, is executed once."""
        self.state(order)
        row = self._row(order)
        executions = self._setting.providers.executions(order)
        kept = world.Kept() if row is None else _kept(row)
        require(world.lost(kept, executions), order)

    def _row(self, order: Order) -> Row | None:
        return self._setting.database.rows.get((order.provider, order.reference))


def _kept(row: Row) -> world.Kept:
    """What a row says, whatever its lease."""
    failed = row[FAILED_IDS]
    failed_ids = () if failed == "[]" else tuple(json.loads(failed))
    return world.Kept(_STATES[row[STATE]], row[REFUND_ID], row[CONTRADICTION] is not None, failed_ids)
