"""Every exception of httpx and every status, at each provider: evidence, outcome and number of attempts."""

from collections.abc import Callable

import httpx
import pytest

from scripts.documentation.outcomes import STATUSES, Ending, exceptions, of_exception, of_status, ranges
from tests.providers import PROVIDERS, RECORDS

every_provider = pytest.mark.parametrize("provider", PROVIDERS)
# The only three that come before the first byte.
NOTHING_SENT = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout}


def unknown(provider: str, evidence: str) -> Ending:
    """Return the end of a refund that stays unknown: retried only at a provider that de-duplicates."""
    resend, sends = ("same reference", 3) if RECORDS[provider].deduplicates else ("never", 1)
    return Ending(evidence, "OutcomeUnknown", resend, sends)


def certain(outcome: str) -> Ending:
    return Ending("answered", outcome, "" if outcome.isupper() else "safe", 1)


def test_every_exception_class_of_httpx_is_tested() -> None:
    kinds = [httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError]
    for kind in kinds:
        kinds += [one for one in kind.__subclasses__() if one.__module__.startswith("httpx") and one not in kinds]
    assert set(exceptions()) >= set(kinds)
    assert len(kinds) > 25


@every_provider
def test_only_three_exceptions_of_httpx_prove_that_nothing_was_sent_and_are_always_retried(provider: str) -> None:
    not_sent = Ending("not sent", "NotSent", "safe", 3)
    assert {kind: of_exception(provider, kind) for kind in exceptions()} == {
        kind: not_sent if kind in NOTHING_SENT else unknown(provider, "maybe sent") for kind in exceptions()
    }


def documented(provider: str, status: int) -> Ending:
    verdict = RECORDS[provider].contract.by_status.get(status, "OutcomeUnknown").partition(" ")[0]
    if verdict != "OutcomeUnknown":
        return certain(verdict)
    if RECORDS[provider].deduplicates and status >= 500:  # the provider's own answer, which it stores under the key
        return Ending("answered", "OutcomeUnknown", "same reference", 2)
    return unknown(provider, "answered")


def unreadable(provider: str, status: int) -> Ending:
    return certain("AuthenticationFailed") if status == 401 else unknown(provider, "answered")


@every_provider
@pytest.mark.parametrize(("page", "expected"), [(False, documented), (True, unreadable)], ids=["body", "page"])
def test_every_status_has_the_documented_outcome_and_is_retried_only_where_that_is_safe(
    provider: str, page: bool, expected: Callable[[str, int], Ending]
) -> None:
    assert {status: of_status(provider, status, page=page) for status in STATUSES} == {
        status: expected(provider, status) for status in STATUSES
    }


@every_provider
def test_the_printed_ranges_cover_all_statuses(provider: str) -> None:
    for page in (False, True):
        covered = []
        for statuses, ending in ranges(provider, page=page):
            first, _, last = statuses.partition("-")
            covered += [*range(int(first), int(last or first) + 1)]
            assert of_status(provider, int(last or first), page=page) == ending
        assert covered == [*STATUSES]
