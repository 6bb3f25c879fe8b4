"""Drives a flow: in the caller's thread, or as a task of the caller's event loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from refundry.flows.effects import Commit, Effect, Flow, Send, Sleep
from refundry.interruption import pass_through
from refundry.wire import Evidence, SendFailure, WireReply, WireRequest

if TYPE_CHECKING:
    from refundry.transport import AsyncTransport, Transport

Result = TypeVar("Result")


def run(flow: Flow[Result], transport: Transport | None) -> Result:
    """Drive a flow to its end in this thread. Returns what it returns, and raises what it raises.

    A flow that sends nothing needs no transport.
    """
    try:
        effect = next(flow)
        while True:
            effect = flow.send(_result(effect, transport))
    except StopIteration as finished:
        value: Result = finished.value
        return value
    finally:
        flow.close()


async def arun(flow: Flow[Result], transport: AsyncTransport | None) -> Result:
    """Drive a flow to its end in this task. As `run` otherwise."""
    try:
        effect = next(flow)
        while True:
            effect = flow.send(await _aresult(effect, transport))
    except StopIteration as finished:
        value: Result = finished.value
        return value
    finally:
        flow.close()


def _result(effect: Effect, transport: Any) -> object:
    if isinstance(effect, Send):
        try:
            _hand_over(effect.request, transport)
            return _checked(transport.send(effect.request, effect.timeout))
        except Exception as error:  # noqa: BLE001 (a transport may raise anything, and the caller learns what is known)
            return _failure(error, effect.request)
    if isinstance(effect, Sleep):
        time.sleep(effect.seconds)
        return None
    if isinstance(effect, Commit):
        try:
            return effect.ledger.commit(effect.change, effect.seconds)
        except Exception as error:  # noqa: BLE001 (the flow raises it)
            pass_through(error)
            return error
    try:
        return effect.future.result(effect.seconds)
    except TimeoutError as late:
        pass_through(late)
        return None


async def _aresult(effect: Effect, transport: Any) -> object:
    if isinstance(effect, Send):
        try:
            _hand_over(effect.request, transport)
            return _checked(await transport.asend(effect.request, effect.timeout))
        except Exception as error:  # noqa: BLE001 (as above)
            return _failure(error, effect.request)
    import asyncio

    if isinstance(effect, Sleep):
        await asyncio.sleep(effect.seconds)
        return None
    if isinstance(effect, Commit):
        try:
            return await effect.ledger.acommit(effect.change, effect.seconds)
        except Exception as error:  # noqa: BLE001 (as above)
            pass_through(error)
            return error
    try:
        async with asyncio.timeout(effect.seconds):
            return await asyncio.wrap_future(effect.future)
    except TimeoutError as late:
        pass_through(late)
        return None


def _hand_over(request: WireRequest, transport: object) -> None:
    """Count the request as maybe sent from now on, unless its transport says when it begins to write."""
    if not getattr(transport, "tells_progress", False):
        request.progress.evidence = Evidence.MAYBE_SENT


def _checked(answer: object) -> WireReply | SendFailure:
    """The answer of a transport, which may be anybody's and return anything."""
    if isinstance(answer, WireReply | SendFailure) and answer.is_well_formed():
        return answer
    return SendFailure(Evidence.MAYBE_SENT, f"the transport gave back an unfit {type(answer).__name__}")


def _failure(error: Exception, request: WireRequest) -> SendFailure:
    """The failure of a transport that raised. What interrupted the call passes through."""
    pass_through(error)
    return SendFailure(request.progress.evidence, f"the transport raised {type(error).__name__}", cause=error)
