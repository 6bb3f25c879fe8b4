"""The replies that other parsers test themselves with, over a socket: what each call gets."""

import sys
import threading
from collections import deque
from typing import Final

import h11
import httptools
import pytest

from refundry import Evidence, OutcomeUnknown, RefundStatus
from refundry.refund import Refund
from refundry.transport.http11 import Reply, request_bytes
from refundry.wire import WireReply, WireRequest
from scripts.wire.cases import BODY, CASES, Case
from scripts.wire.peers import READERS, Verdict
from scripts.wire.verdicts import STRICTER, is_stricter, measured, rows, stored
from tests.facade.support import Caller
from tests.faults.servers import Peer, reply
from tests.faults.support import HTTPX_ROUTES, READING_ROUTES, Wired, every_reading_route_and_httpx, within

AREAS: Final = tuple(dict.fromkeys(case.area for case in CASES))
NEXT: Final = reply(BODY.replace(b"refund-1", b"refund-2"))
SMALL: Final = 2_000
MOST_SECONDS: Final = 30
# TLS delivers each line by itself, so it has no need of single bytes.
DELIVERIES: Final = [(route, False) for route in (*READING_ROUTES, *HTTPX_ROUTES)] + [
    (route, True) for route in READING_ROUTES if not route.encryption
]

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.area}: {case.name}")


class Answering:
    """The script of a server that answers each request, over whichever connection, with the next of these."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.next: deque[tuple[tuple[bytes, ...], bool]] = deque()

    def __call__(self, peer: Peer) -> None:
        while peer.request() is not None:
            with self._lock:
                parts, closes = self.next.popleft()
            peer.send(*parts)
            if closes:
                return


def asked(client: Caller, reference: str) -> Refund | OutcomeUnknown:
    """Refund one euro; nothing but OutcomeUnknown may be raised."""
    try:
        return client.ask("paybyrd", reference=reference)
    except OutcomeUnknown as unknown:
        return unknown


def verdict_of(answer: Refund | OutcomeUnknown) -> Verdict:
    """Return what was read, by what the caller gets. A refund is SUCCEEDED by the body of the case alone."""
    if isinstance(answer, Refund):
        assert (answer.status, answer.refund_id) == (RefundStatus.SUCCEEDED, "refund-1")
    if answer.raw is None:
        return Verdict.REFUSED
    if not answer.raw.complete:
        return Verdict.CUT
    if not answer.raw.body:
        return Verdict.EMPTY
    return Verdict.BODY if answer.raw.body.rstrip() == BODY else Verdict.OTHER


def waits(case: Case) -> bool:
    """Whether the reply makes a client wait for more."""
    return case.closes or not Reply().receive(case.reply or b"H")


@pytest.mark.parametrize(("route", "split"), DELIVERIES, ids=str, indirect=["route"])
@pytest.mark.parametrize("area", AREAS)
def test_a_reply_is_read_as_its_row_says_and_the_next_call_gets_its_own(route: Wired, area: str, split: bool) -> None:
    over_httpx = route.route.over_httpx
    script = Answering()
    expected = stored()[area]
    with route.server(script) as server, route.client(server) as client, within(MOST_SECONDS):
        for case in (one for one in CASES if one.area == area):
            byte_by_byte = split and len(case.reply) < SMALL
            parts = tuple(case.reply[n : n + 1] for n in range(len(case.reply))) if byte_by_byte else (case.reply,)
            closes = over_httpx or waits(case)
            script.next.extend([(parts, closes), ((NEXT,), False)])
            answer = asked(client, f"{case.name}/1")
            if over_httpx:  # httpx sees that a connection is closed once it is
                client.pause(0.01)
            next_answer = asked(client, f"{case.name}/2")
            assert isinstance(next_answer, Refund), case.name
            assert next_answer.refund_id == "refund-2", case.name
            by_h11, _, _, ours, connection = expected[case.name]
            read = verdict_of(answer)
            if over_httpx:
                assert read in (Verdict.CUT, Verdict.REFUSED, ours if by_h11 == Verdict.NOT_ASKED else by_h11), (
                    case.name
                )
                continue
            assert read == ours, case.name
            evidence = Evidence.MAYBE_SENT if read is Verdict.REFUSED else Evidence.ANSWERED
            assert client.attempts[-2].evidence is evidence, case.name
            first, second = (request.connection for request in server.requests[-2:])
            if (
                area != "after the reply"
            ):  # what comes later than the reply, in a part of its own, closes the connection
                assert (first == second) is (connection == "kept"), case.name


@pytest.mark.parametrize("route", HTTPX_ROUTES, ids=str, indirect=True)
@pytest.mark.parametrize("name", ["beside chunks", "after chunks, of zero", "chunked in HTTP/1.0"])
def test_a_body_that_httpx_reads_is_incomplete_where_its_framing_is_in_doubt(route: Wired, name: str) -> None:
    (case,) = (one for one in CASES if one.name == name)
    script = Answering()
    script.next.append(((case.reply,), True))
    with route.server(script) as server, route.client(server) as client:
        assert READERS["h11"](case) is Verdict.BODY
        assert verdict_of(asked(client, "order-1")) is Verdict.CUT
    assert len(server.requests) == 1


@every_reading_route_and_httpx
def test_a_second_reply_that_comes_late_is_not_read_as_the_reply_to_the_next_request(route: Wired) -> None:
    arrived = threading.Event()

    def first(peer: Peer) -> None:
        peer.request()
        peer.send(reply(BODY), pause=0.02)
        peer.send(reply(BODY.replace(b"refund-1", b"refund-9")))
        arrived.set()
        peer.hold()

    def others(peer: Peer) -> None:
        while peer.request() is not None:
            peer.send(NEXT)

    with route.server(first, others) as server, route.client(server) as client:
        assert client.ask("paybyrd", reference="order-1").refund_id == "refund-1"
        assert arrived.wait(MOST_SECONDS)
        client.pause(0.05)
        assert client.ask("paybyrd", reference="order-2").refund_id == "refund-2"
    assert server.connections == 2


@every_case
def test_the_parts_in_which_a_reply_arrives_change_nothing_of_what_is_read(case: Case) -> None:
    size = 1 if len(case.reply) < SMALL else 4_093
    reader = Reply()
    ended = any(reader.receive(case.reply[n : n + size]) for n in range(0, len(case.reply), size))
    if not ended:
        reader.receive(b"")
    answer = reader.answer()
    read = READERS["refundry"](case)
    if not isinstance(answer, WireReply):
        assert read is Verdict.REFUSED
    else:
        assert answer.complete is (read is not Verdict.CUT)
        assert (answer.complete and answer.body.rstrip() == BODY) is (read is Verdict.BODY)


# The table.


@every_case
def test_the_verdicts_of_the_table_are_those_that_the_installed_parsers_give(case: Case) -> None:
    h11_, urllib3_, llhttp_, *ours = measured(case)
    expected = stored()[case.area][case.name]
    assert [h11_, llhttp_, *ours] == [expected[0], *expected[2:]], (
        "look at it, then run python -m scripts.wire.verdicts"
    )
    if sys.version_info[:2] == (3, 11):  # urllib3 reads by the http.client of Python, which changes
        assert urllib3_ == expected[1], "look at it, then run python -m scripts.wire.verdicts"


def test_every_row_of_the_table_is_a_case() -> None:
    assert {area: [*cases] for area, cases in stored().items()} == {
        area: [case.name for case in CASES if case.area == area] for area in AREAS
    }
    assert sum(len(row[0].split("; ")) for row in rows()) >= len(CASES)


def test_refundry_reads_no_body_that_no_other_parser_reads() -> None:
    laxer = [
        (area, name)
        for area, cases in stored().items()
        for name, (*others, ours, _) in cases.items()
        if ours == Verdict.BODY and Verdict.BODY not in others
    ]
    assert laxer == []


def test_refundry_never_reads_another_body_than_was_sent_where_it_reads_the_framing() -> None:
    """What it reads whole is the body, or has a content coding that stays on: which no reader of JSON takes."""
    other = [(area, name) for area, cases in stored().items() for name, row in cases.items() if row[3] == Verdict.OTHER]
    assert {area for area, _ in other} <= {"content coding"}


def test_every_area_in_which_refundry_reads_less_says_why() -> None:
    stricter = {area for area, cases in stored().items() if any(is_stricter(row) for row in cases.values())}
    assert stricter == set(STRICTER)


@pytest.mark.parametrize("answer", ["refused", "cut"])
def test_a_connection_is_not_used_again_after_a_reply_whose_framing_is_in_doubt(answer: str) -> None:
    rows_of = [(area, row) for area, cases in stored().items() for row in cases.values() if row[3] == answer]
    # A content coding that fails says nothing against the framing.
    assert {row[4] for area, row in rows_of if area != "content coding"} == {"closed"}


# What we send.


def request(body: bytes = b'{"a":1}', target: str = "/api/v1/refund/1%202?x=y") -> WireRequest:
    headers = (("Content-Type", "application/json"), ("idempotency-key", "order-1/1"))
    return WireRequest("POST", "https://provider.example:8443", target, headers, (), body)


@pytest.mark.parametrize("body", [b"", b'{"a":1}', b"\r\n\r\nPOST / HTTP/1.1\r\n\r\n", bytes(range(256)) * 300])
def test_h11_and_llhttp_read_our_request_as_one_request_with_our_body(body: bytes) -> None:
    sent = bytes(request_bytes(request(body)))
    server = h11.Connection(h11.SERVER)
    server.receive_data(sent)
    begun = server.next_event()
    assert isinstance(begun, h11.Request)
    received = bytearray()
    while isinstance(event := server.next_event(), h11.Data):
        received += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert (begun.method, begun.target, bytes(received)) == (b"POST", b"/api/v1/refund/1%202?x=y", body)
    assert server.trailing_data == (b"", False)

    heard: dict[str, list[bytes]] = {"body": [], "url": [], "ends": []}

    class Heard:
        def on_body(self, data: bytes) -> None:
            heard["body"].append(data)

        def on_url(self, url: bytes) -> None:
            heard["url"].append(url)

        def on_message_complete(self) -> None:
            heard["ends"].append(b"")

    httptools.HttpRequestParser(Heard()).feed_data(sent)
    assert (b"".join(heard["body"]), b"".join(heard["url"]), len(heard["ends"])) == (body, begun.target, 1)
    names = [name for name, _ in begun.headers]
    assert names.count(b"content-length") == names.count(b"host") == 1
    assert b"transfer-encoding" not in names
