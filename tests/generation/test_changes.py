"""The comparison of two contracts: what changed, in plain words, and what it can break."""

import copy
import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.contracts.changes import RULES, Change, Effect, compare, gravest
from scripts.contracts.pointers import child, keys, resolve
from scripts.contracts.providers import PROVIDERS
from tests.generation.changes_support import ANY, MadeUp, Page, contract, pages, table


def _said(changes: tuple[Change, ...], verdict: str) -> list[str]:
    """Return effect and rule of each change, without what changes nothing where something else is said."""
    said = sorted(f"{change.effect.value} {change.rule}" for change in changes)
    return said if verdict == "nothing" else [each for each in said if not each.startswith("nothing")]


@pytest.mark.parametrize("row", table(), ids=str)
def test_each_made_up_change_gets_its_verdict(row: MadeUp) -> None:
    assert gravest(row.changes).value == row.verdict
    assert row.rules == ANY or _said(row.changes, row.verdict) == sorted(row.rules)


@pytest.mark.parametrize("row", table(), ids=str)
def test_the_mirror_image_of_each_change_is_reported_too(row: MadeUp) -> None:
    assert row.mirrored
    assert row.back in (gravest(row.mirrored).value, ANY)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_each_made_up_page_gets_its_verdict_and_names_the_actions_that_do_not_fit(page: Page) -> None:
    assert page.report.effect.value == page.verdict
    assert page.unfit == ANY or sorted(page.report.unfit) == sorted(page.unfit)
    assert page.rules == ANY or _said(page.report.changes, page.verdict) == sorted(page.rules)


def test_every_rule_is_met_by_a_made_up_change_or_by_its_mirror_image() -> None:
    met = {change.rule for row in table() for change in (*row.changes, *row.mirrored)}
    places = ("body", "property", "parameter", "parameter-property", "header", "header-property")
    starts = [f"{way}-{place}" for way in ("request", "response") for place in places]
    for rule in RULES:
        ids = [f"{start}{rule}" for start in starts] if rule.startswith("-") else [rule]
        assert met.intersection(ids), rule


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_contract_differs_in_nothing_from_itself(provider: str) -> None:
    assert compare(contract(provider), contract(provider)) == ()
    assert gravest(()) is Effect.NOTHING


def _pointers(value: Any, at: str = "") -> list[str]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(pointer for key, each in inner for pointer in _pointers(each, child(at, key)))]


_OTHERS: tuple[Any, ...] = ("other", 7, 1.5, True, False, None, [], {}, ["other"], {"other": 1}, {"$ref": "#/nowhere"})


class Mutation(NamedTuple):
    """One part of a provider's contract that is removed, replaced, or doubled, or that gets a neighbour."""

    provider: str
    pointer: str
    kind: str
    value: Any

    def apply(self) -> dict[str, Any]:
        """Return the contract with the mutation."""
        after = copy.deepcopy(contract(self.provider))
        holder, key = resolve(after, self.pointer.rpartition("/")[0]), keys(self.pointer)[-1]
        at: Any = int(key) if isinstance(holder, list) else key
        value = copy.deepcopy(holder[at] if self.kind == "double" else self.value)
        if self.kind == "remove":
            del holder[at]
        elif self.kind == "replace":
            holder[at] = value
        elif isinstance(holder, list):
            holder.insert(at, value)
        else:
            holder[f"{at}Other"] = value
        return after


_KINDS = ("remove", "replace", "double", "neighbour")
MUTATIONS = st.sampled_from(PROVIDERS).flatmap(
    lambda provider: st.builds(
        Mutation,
        st.just(provider),
        st.sampled_from(_pointers(contract(provider))[1:]),
        st.sampled_from(_KINDS),
        st.sampled_from(_OTHERS),
    )
)


@settings(max_examples=60, deadline=None)
@given(MUTATIONS)
def test_no_difference_is_silent_in_either_direction(mutation: Mutation) -> None:
    before, after = contract(mutation.provider), mutation.apply()
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert bool(compare(before, after)) is not same
    assert bool(compare(after, before)) is not same
