"""The update of a page that a real server gives, or does not give: what is not the page is "not seen"."""

import functools
import gzip
from pathlib import Path

import pytest

from scripts.contracts import fetch, update
from tests.generation.site_support import HTML, MARKDOWN, Site
from tests.generation.update_support import changed_page, contents, page_of, project_in

Reply = tuple[int, dict[str, str], bytes]
OTHER = b"# Tokens\n\nAsk api-payment.lab4pay.com for one.\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project_in(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ((200, {"Content-Type": "text/html"}, HTML), "HTML came, not Markdown"),
        ((200, MARKDOWN, HTML), "it is HTML, perhaps an error page or a sign-in"),
        ((200, MARKDOWN, b"# Sign in\n\nSign in to read this page.\n"), "no OpenAPI block"),
        ((200, MARKDOWN, OTHER), "it is a page of lab4pay"),
        ((200, MARKDOWN, b"#" * (16 * 1024 * 1024 + 1)), "more than 16777216 bytes"),
        ((200, MARKDOWN | {"Content-Encoding": "gzip"}, gzip.compress(b"#" * 50_000_000)), "more than 16777216 bytes"),
        ((302, {"Location": "https://login.example.com/?next=page"}, b""), "it redirects to another host, login."),
        (
            (403, {"Content-Type": "text/html", "Server": "cloudflare", "cf-mitigated": "challenge"}, HTML),
            "HTTP 403: it",
        ),
        ((401, {"WWW-Authenticate": "Basic"}, b""), "HTTP 401: it asks for a sign-in"),
        ((404, {"Content-Type": "text/html"}, HTML), "HTTP 404: the page is not there"),
        ((429, {"Retry-After": "60"}, b""), "HTTP 429: it is blocked for now"),
        ((503, {"Content-Type": "text/html"}, HTML), "HTTP 503: it is blocked or out of order"),
    ],
)
def test_what_is_not_the_page_is_not_seen_and_writes_nothing(
    reply: Reply, says: str, site: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Site.replies["/page.md"] = reply
    before = contents(project)
    assert update.main(["paybyrd", f"{site}/page.md"], project) == 3
    output = capsys.readouterr().out
    assert says in output
    assert output.endswith("paybyrd: not seen; next: nox -s update -- paybyrd PAGE\n")
    assert contents(project) == before


def test_a_server_that_does_not_answer_in_time_is_not_seen(
    site: str, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "fetch", functools.partial(fetch.fetch, seconds=0.3))
    assert update.main(["paybyrd", f"{site}/slow"], project) == 3
    assert "nothing whole came within 0.3 s" in capsys.readouterr().out


def test_a_page_that_has_moved_on_the_same_host_is_read(
    site: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Site.replies["/old.md"] = (301, {"Location": "/new.md"}, b"")
    Site.replies["/new.md"] = (200, MARKDOWN, page_of(project).encode())
    assert update.main(["paybyrd", f"{site}/old.md"], project) == 0
    assert "prose alone has changed" in capsys.readouterr().out


@pytest.mark.parametrize("raw", [False, True])
def test_a_changed_page_is_read_as_markdown_or_as_raw_openapi(
    raw: bool, site: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = changed_page(project, "an optional field")
    body = page.partition("````yaml\n")[2].removesuffix("````\n") if raw else page
    Site.replies["/page"] = (200, {"Content-Type": "application/yaml" if raw else "text/markdown"}, body.encode())
    assert update.main(["paybyrd", f"{site}/page", "--check"], project) == 0
    assert "The field `settledAt` of `RefundResponse` is new" in capsys.readouterr().out
