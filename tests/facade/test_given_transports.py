"""A caller's own transport for a client or an account: where it is used, and that a careless one does no harm."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from refundry import (
    AsyncRefundClient,
    Evidence,
    InvalidRefund,
    LookupFailed,
    OutcomeUnknown,
    RefundClient,
    RefundStatus,
    Resend,
    SendFailure,
    WireReply,
)
from tests.facade.questions import LOST, looked_up, pending, state
from tests.facade.support import KINDS, Kind, Scripted, accepted, caller
from tests.providers import PROVIDERS, RECORDS, account

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# One for all accounts.


@both_kinds
def test_the_transport_of_the_client_serves_each_account_without_its_own(kind: Kind) -> None:
    shared, own = Scripted(accepted("blink")), Scripted(accepted("paybyrd"))
    accounts = [account("blink"), account("blink", name="shop-2"), account("paybyrd", transport=own)]
    with caller(kind, *accounts, transport=shared) as client:
        for name in ("blink", "shop-2", "paybyrd"):
            assert client.ask(name).status is RefundStatus.SUCCEEDED
    assert [request.origin for request in shared.sent] == ["https://secure.blinkpayment.co.uk"] * 2
    assert [request.origin for request in own.sent] == ["https://gateway.paybyrd.com"]
    assert not shared.closed
    assert not own.closed


@both_kinds
@every_provider
def test_a_lookup_uses_the_transport_of_the_client(kind: Kind, provider: str) -> None:
    shared = Scripted(LOST, state=state(provider, RECORDS[provider].states.done))
    with caller(kind, account(provider), transport=shared) as client:
        assert looked_up(client, pending(provider)).status is RefundStatus.SUCCEEDED
    assert len(shared.lookups) == 1


@pytest.mark.parametrize(("client", "method"), [(RefundClient, "send"), (AsyncRefundClient, "asend")])
@pytest.mark.parametrize("transport", [object(), 7, "https://refunds.example", Scripted])
def test_a_transport_of_the_client_that_cannot_send_is_refused_at_once(
    client: Any, method: str, transport: object
) -> None:
    if transport is Scripted:  # of the wrong kind
        other = "asend" if method == "send" else "send"
        transport = type("WrongKind", (), {other: Scripted(LOST).send})()
    for accounts in ([account("blink")], [account("blink", transport=Scripted(LOST))], []):
        with pytest.raises(InvalidRefund, match=rf"the transport has no {method}\(\)") as refused:
            client(accounts, transport=transport)
        assert refused.value.field == "transport"


@pytest.mark.parametrize("client_class", [RefundClient, AsyncRefundClient])
def test_a_client_of_the_environment_takes_a_transport(client_class: Any) -> None:
    client = client_class.from_env({"REFUNDRY_BLINK_ACCESS_TOKEN": "test-key"}, transport=Scripted(LOST))
    assert "blink" in repr(client)


# Careless ones.


class Careless:
    """A transport with any behaviour, as a plain or an async function."""

    def __init__(self, act: Callable[[], Any], kind: Kind) -> None:
        self.sent = 0
        self._act = act
        setattr(self, "send" if kind == "sync" else "asend", self._plain if kind == "sync" else self._awaited)

    def _plain(self, *_: object) -> Any:
        self.sent += 1
        return self._act()

    async def _awaited(self, *_: object) -> Any:
        return self._plain()


class Unprintable(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise ZeroDivisionError


WHOLE: Final = accepted("blink")
# As a caller without a type checker may call them.
Reply: Final[Any] = WireReply
Failure: Final[Any] = SendFailure
RETURNED: Final[dict[str, Any]] = {
    "nothing": None,
    "a text": "200 OK",
    "bytes": WHOLE.body,
    "a tuple": (200, (), WHOLE.body),
    "a dict": {"status": 200},
    "an exception": ValueError("x"),
    "the class": WireReply,
    "a future": type("Future", (), {"result": lambda _: WHOLE})(),
    "a status in words": Reply("200", (), WHOLE.body),
    "no status": Reply(None, (), WHOLE.body),
    "no headers": Reply(200, None, WHOLE.body),
    "headers in a dict": Reply(200, {"date": "x"}, WHOLE.body),
    "headers of bytes": Reply(200, ((b"date", b"x"),), WHOLE.body),
    "headers of three": Reply(200, (("date", "x", "y"),), WHOLE.body),
    "headers of texts": Reply(200, ("date",), WHOLE.body),
    "a body in text": Reply(200, (), WHOLE.body.decode()),
    "no body": Reply(200, (), None),
    "a parsed body": Reply(200, (), {"status": "completed"}),
    "a failure without evidence": Failure(None, "x"),
    "a failure with evidence in words": Failure("not sent", "x"),
    "a failure without words": Failure(Evidence.NOT_SENT, None),
    "a failure whose cause is none": Failure(Evidence.NOT_SENT, "x", cause="y"),
    "a failure that asks to wait": Failure(Evidence.NOT_SENT, "x", retry_after="7"),
}
RAISED: Final[dict[str, Callable[[], BaseException]]] = {
    kind.__name__: kind
    for kind in (
        *(Exception, ValueError, RuntimeError, AssertionError, StopAsyncIteration, OSError, TimeoutError, LookupError),
        *(RecursionError, MemoryError, AttributeError, TypeError, ImportError, BrokenPipeError, EOFError),
    )
}


def assert_unknown(unknown: OutcomeUnknown, provider: str) -> None:
    expected = Resend.SAME_REFERENCE if provider == "paybyrd" else Resend.NEVER
    assert (type(unknown), unknown.resend, unknown.raw) == (OutcomeUnknown, expected, None)


@both_kinds
@every_provider
@pytest.mark.parametrize("what", RETURNED)
def test_a_refund_is_unknown_after_any_invalid_result_of_its_transport(kind: Kind, provider: str, what: str) -> None:
    transport = Careless(lambda: RETURNED[what], kind)
    with caller(kind, account(provider, transport=transport)) as client:
        with pytest.raises(OutcomeUnknown, match="the transport gave back an unfit ") as unknown:
            client.ask(provider)
        assert_unknown(unknown.value, provider)
        with pytest.raises(LookupFailed) as failed:
            looked_up(client, pending(provider))
        assert failed.value.temporary
        if provider != "paybyrd":
            with pytest.raises(OutcomeUnknown):
                client.ask(provider)
    assert transport.sent == 2


@both_kinds
@every_provider
@pytest.mark.parametrize("raised", RAISED)
def test_an_exception_of_a_transport_is_the_cause_of_the_error(kind: Kind, provider: str, raised: str) -> None:
    error = RAISED[raised]()

    def fail() -> None:
        raise error

    transport = Careless(fail, kind)
    with caller(kind, account(provider, transport=transport)) as client:
        with pytest.raises(OutcomeUnknown, match=raised) as unknown:
            client.ask(provider)
        assert_unknown(unknown.value, provider)
        assert unknown.value.__cause__ is error
        with pytest.raises(LookupFailed, match=raised):
            looked_up(client, pending(provider))
    assert [attempt.evidence for attempt in client.attempts] == [Evidence.MAYBE_SENT]


@both_kinds
@every_provider
def test_an_exception_that_cannot_be_printed_leaves_the_refund_unknown(kind: Kind, provider: str) -> None:
    def fail() -> None:
        raise Unprintable

    with (
        caller(
            kind,
            account(provider, api_key="test-key-of-a-shop")
            if provider == "paybyrd"
            else account(provider, access_token="test-key-of-a-shop"),
            transport=Careless(fail, kind),
        ) as client,
        pytest.raises(OutcomeUnknown, match="Unprintable") as unknown,
    ):
        client.ask(provider)
    assert_unknown(unknown.value, provider)


@every_provider
def test_a_sync_function_in_an_async_client_leaves_the_refund_unknown(provider: str) -> None:
    transport = Careless(lambda: accepted(provider), "sync")
    setattr(transport, "asend", transport._plain)  # noqa: B010 (it has no such method by its class)
    with caller("async", account(provider, transport=transport)) as client:
        with pytest.raises(OutcomeUnknown, match="TypeError") as unknown:
            client.ask(provider)
        assert_unknown(unknown.value, provider)
        assert isinstance(unknown.value.__cause__, TypeError)
    assert transport.sent == 1


@every_provider
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_an_async_function_in_a_sync_client_leaves_the_refund_unknown(provider: str) -> None:
    transport = Careless(lambda: accepted(provider), "async")
    send: Callable[..., Awaitable[Any]] = transport._awaited
    setattr(transport, "send", send)  # noqa: B010 (as above)
    with (
        caller("sync", account(provider, transport=transport)) as client,
        pytest.raises(OutcomeUnknown, match="gave back an unfit coroutine") as unknown,
    ):
        client.ask(provider)
    assert_unknown(unknown.value, provider)


@both_kinds
def test_a_reply_whose_headers_are_a_list_is_read(kind: Kind) -> None:
    answer = Reply(200, [("retry-after", "7")], WHOLE.body)
    with caller(kind, account("blink", transport=Careless(lambda: answer, kind))) as client:
        assert client.ask("blink").status is RefundStatus.SUCCEEDED
