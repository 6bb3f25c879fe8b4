"""The end of an episode: every lease ends, every provider is sound, and each refund is delivered until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from refundry import OutcomeUnknown, Refund, RefundInProgress, RefundStatus
from refundry.ledger.rules import Sending
from scripts.simulate.promises import require
from scripts.simulate.provider import SECONDS_KEPT
from scripts.simulate.worker import SECONDS_OF_A_LEASE, Kind
from tests.stateful import world

if TYPE_CHECKING:
    from scripts.simulate.chance import Order
    from scripts.simulate.episode import Episode

_MOST_ROUNDS: Final = 6


def finish(episode: Episode) -> None:
    """Bring an episode to its end. Raises PromiseBroken."""
    episode.is_calm = True
    episode.schedule.now += SECONDS_OF_A_LEASE + 1.0
    for worker in episode.workers:
        worker.sweep()
    for order in episode.plan.orders:
        episode.promises.state(order)
        entry = episode.entry(order)
        require(world.SENDING_ENDS if entry is not None and isinstance(entry.known, Sending) else None, order)
        if not order.is_wrong:
            _deliver(episode, order)
            episode.promises.ended(order)
    require(world.CONTRACTS_ARE_KEPT if episode.providers.violations else None, episode.plan.orders[0])


def _deliver(episode: Episode, order: Order) -> None:
    """Deliver an order until it is done, with a person's help where nobody else can say what became of it."""
    rounds = 0
    while rounds < _MOST_ROUNDS:
        if rounds > 1:  # by then the provider has forgotten what it keeps under a key
            episode.schedule.now += SECONDS_KEPT
        rounds += 1
        result = _asked(episode, Kind.REFUND, order)
        if isinstance(result, Refund):
            if result.status is RefundStatus.SUCCEEDED:
                return
            for one in episode.providers.refunds(order):
                episode.providers.settle(order, one.refund_id, fails=False)
            result = _asked(episode, Kind.RESOLVE, order)
            if isinstance(result, Refund) and result.status is RefundStatus.FAILED:
                rounds = 0  # the caller knows that it has to be sent again
        require(world.IN_PROGRESS_IS_HELD if isinstance(result, RefundInProgress) else None, order)
        if isinstance(result, OutcomeUnknown) and isinstance(_asked(episode, Kind.RESOLVE, order), OutcomeUnknown):
            episode.person(order, is_sure=True)


def _asked(episode: Episode, kind: Kind, order: Order) -> Any:
    call = episode.begin(episode.workers[0], kind, order)
    episode.schedule.run()
    return call.result
