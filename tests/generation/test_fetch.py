"""A page is fetched within bounds, and whatever is not the page is "not seen". The server is real, on loopback."""

import gzip
import socket
import time
from typing import Any

import pytest

from scripts.contracts import fetch as fetching
from scripts.contracts.fetch import NotSeen, fetch
from tests.generation.site_support import HTML, MARKDOWN, PAGE, Site


def refused(address: str, **bounds: Any) -> str:
    with pytest.raises(NotSeen) as raised:
        fetch(address, **bounds)
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(address.split("#")[0][:20])
    return message


def test_a_page_is_returned_as_it_came_and_markdown_is_asked_for(site: str) -> None:
    assert fetch(f"{site}/page.md") == PAGE
    ((path, headers),) = Site.asked
    assert path == "/page.md"
    assert headers["accept"].startswith("text/markdown, application/yaml;")
    assert headers["accept-encoding"] == "identity"
    assert "cookie" not in headers
    assert "authorization" not in headers


@pytest.mark.parametrize("kind", ["text/plain", "application/yaml", "application/json", "application/octet-stream"])
def test_raw_openapi_of_any_type_but_html_is_returned(site: str, kind: str) -> None:
    Site.replies["/openapi"] = (200, {"Content-Type": kind}, b"openapi: 3.0.3\n")
    assert fetch(f"{site}/openapi") == b"openapi: 3.0.3\n"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_is_followed_without_the_cookies_of_the_reply(site: str, status: int) -> None:
    Site.replies["/old"] = (status, {"Location": "/page.md", "Set-Cookie": "visitor=1; Path=/"}, b"")
    assert fetch(f"{site}/old") == PAGE
    assert all("cookie" not in headers for _, headers in Site.asked)


@pytest.mark.parametrize(
    "target", ["http://localhost:{port}/page.md", "https://127.0.0.1:{port}/page.md", "//127.0.0.1/"]
)
def test_a_redirect_to_another_host_port_or_scheme_is_not_followed(site: str, target: str) -> None:
    location = target.format(port=site.rpartition(":")[2])
    Site.replies["/old"] = (302, {"Location": location}, b"")
    assert "it redirects to another host, " in refused(f"{site}/old")
    assert [path for path, _ in Site.asked] == ["/old"]


def test_redirects_without_end_are_given_up(site: str) -> None:
    Site.replies["/round"] = (302, {"Location": "/round"}, b"")
    assert "it redirects more than 5 times" in refused(f"{site}/round")
    assert len(Site.asked) == 6


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "HTTP 401: it asks for a sign-in"),
        (403, "HTTP 403: it is blocked"),
        (404, "HTTP 404: the page is not there"),
        (429, "HTTP 429: it is blocked for now"),
        (500, "HTTP 500: no page"),
        (503, "HTTP 503: it is blocked or out of order"),
        (204, "HTTP 204: no page"),
        (304, "HTTP 304: no page"),
    ],
)
def test_a_status_that_is_not_200_is_named(site: str, status: int, said: str) -> None:
    Site.replies["/page"] = (status, {"Content-Type": "text/html", "cf-mitigated": "challenge"}, HTML * (status > 304))
    assert said in refused(f"{site}/page")


def test_html_as_200_is_not_the_page(site: str) -> None:
    Site.replies["/page"] = (200, {"Content-Type": "text/html; charset=utf-8"}, HTML)
    assert "HTML came, not Markdown" in refused(f"{site}/page")


def test_an_empty_page_is_not_the_page(site: str) -> None:
    Site.replies["/page"] = (200, MARKDOWN, b"\n")
    assert "the page is empty" in refused(f"{site}/page")


def test_a_page_of_the_largest_size_is_read_and_one_byte_more_is_not(site: str) -> None:
    for size in (fetching.BYTES, fetching.BYTES + 1):
        Site.replies[f"/{size}"] = (200, MARKDOWN, b"#" * size)
    assert len(fetch(f"{site}/{fetching.BYTES}")) == fetching.BYTES == 16 * 1024 * 1024
    assert "more than 16777216 bytes" in refused(f"{site}/{fetching.BYTES + 1}")


def test_a_compressed_page_is_read_though_it_was_not_asked_for(site: str) -> None:
    Site.replies["/page"] = (200, MARKDOWN | {"Content-Encoding": "gzip"}, gzip.compress(PAGE))
    assert fetch(f"{site}/page") == PAGE


def test_a_small_reply_that_unpacks_to_more_than_the_bound_is_refused(site: str) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    assert len(bomb) < 250_000
    Site.replies["/page"] = (200, MARKDOWN | {"Content-Encoding": "gzip"}, bomb)
    assert "more than 16777216 bytes" in refused(f"{site}/page")


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("gzip", PAGE, "no gzip"),
        ("gzip", gzip.compress(PAGE)[:-9], "ends before its gzip does"),
        ("br", PAGE, "compressed as br"),
        ("gzip, gzip", gzip.compress(gzip.compress(PAGE)), "compressed as gzip, gzip"),
    ],
)
def test_a_compression_that_cannot_be_undone_is_named(site: str, encoding: str, body: bytes, said: str) -> None:
    Site.replies["/page"] = (200, MARKDOWN | {"Content-Encoding": encoding}, body)
    assert said in refused(f"{site}/page")


@pytest.mark.parametrize("path", ["/slow", "/drip"])
def test_the_time_is_for_the_whole_page_whatever_comes_meanwhile(site: str, path: str) -> None:
    started = time.monotonic()
    assert "nothing whole came within 0.3 s" in refused(f"{site}{path}", seconds=0.3)
    assert time.monotonic() - started < 0.9


def test_a_host_that_nobody_answers_at_is_not_seen() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/page.md"
    assert "check the address and the network" in refused(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://docs.example.com/a",
        "ftp://docs.example.com/a",
        "https://me:key@docs.example.com/a",
        "file:///etc/a",
        "https:///",
    ],
)
def test_an_address_that_is_not_https_or_holds_credentials_is_refused(address: str) -> None:
    assert "no https address" in refused(address)
