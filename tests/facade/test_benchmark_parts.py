"""How the benchmark divides the time of a call among the parts of refundry."""

import json

import pytest

from benchmarks.parts import in_words, part_of, shares
from refundry import ledger, outcome, transport
from refundry.providers import paybyrd


def called(_: int) -> None:
    json.loads("[]")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (transport.__file__, "transport"),
        (paybyrd.__file__, "reading and writing messages"),
        (ledger.__file__, "ledger"),
        (outcome.__file__, "policy and flow"),
        (__file__, "the rest"),
    ],
)
def test_the_time_of_a_file_counts_for_its_part(path: str, part: str) -> None:
    assert part_of(path) == part


def test_the_shares_of_all_parts_make_up_the_whole_and_the_largest_comes_first() -> None:
    parts = shares(called, 1)
    assert sum(parts.values()) == pytest.approx(1)
    assert [*parts.values()] == sorted(parts.values(), reverse=True)
    assert parts.keys() == {"reading and writing messages", "the rest"}


def test_the_shares_are_printed_in_one_line() -> None:
    assert in_words({"transport": 0.75, "ledger": 0.25}) == "transport 75%, ledger 25%"
