"""The pieces that a provider needs, and that a missing one is noticed."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from refundry.accounts import KINDS
from refundry.providers.registry import TRANSLATIONS
from tests.providers import PROVIDERS, RECORDS
from tests.providers.kit import Kit, gaps, shipped
from tests.providers.made_up.document import HERE
from tests.providers.made_up.mounting import TRANSLATION, made_up

Fourth, RECORD, _ = made_up()
TESTS = Path(__file__).resolve().parents[1]


def whole() -> Kit:
    """Return the kit with the made-up provider in every place."""
    package = shipped()
    return replace(
        package,
        contracts=lambda provider: package.contracts(provider) or (provider == "fourth" and HERE.exists()),
    )


def test_no_provider_of_the_package_lacks_anything() -> None:
    package = shipped()
    kinds, records = dict(package.kinds), dict(package.records)
    del kinds["fourth"], records["fourth"]
    translations = {cls: place for cls, place in package.translations.items() if cls is not Fourth}
    machines = package.machines - {"fourth"}
    assert gaps(replace(package, kinds=kinds, records=records, translations=translations, machines=machines)) == []
    assert tuple(records) == tuple(kinds) == PROVIDERS


def test_a_provider_that_is_in_every_place_lacks_nothing() -> None:
    assert gaps(whole()) == []


REMOVALS: dict[str, tuple[Callable[[Kit], Kit], str]] = {
    "the record": (
        lambda kit: replace(kit, records={name: kit.records[name] for name in PROVIDERS}),
        "fourth has no record: write RECORD in tests/providers/fourth.py, and list it in RECORDS in "
        "tests/providers/__init__.py",
    ),
    "the account": (
        lambda kit: replace(kit, kinds={name: kit.kinds[name] for name in PROVIDERS}),
        "fourth has no account: write its class in refundry/accounts/fourth.py, and list it in KINDS in "
        "refundry/accounts/__init__.py",
    ),
    "the translation": (
        lambda kit: replace(kit, translations={cls: at for cls, at in kit.translations.items() if cls is not Fourth}),
        "fourth has no translation: write it in refundry/providers/fourth.py, and list it in TRANSLATIONS in "
        "refundry/providers/registry.py",
    ),
    "the class of the translation": (
        lambda kit: replace(kit, translations={**kit.translations, Fourth: TRANSLATION + "2"}),
        f"fourth has no translation at {TRANSLATION}2: write the class there, or fix TRANSLATIONS",
    ),
    "the module of the translation": (
        lambda kit: replace(kit, translations={**kit.translations, Fourth: "refundry.providers.other:Other"}),
        "fourth has no translation at refundry.providers.other:Other: write the class there, or fix TRANSLATIONS",
    ),
    "the contract": (
        lambda kit: replace(kit, contracts=lambda provider: provider != "fourth"),
        "fourth has no contract: write specs/fourth/openapi.yaml and specs/fourth/overlay.yaml",
    ),
    "the generated package": (
        lambda kit: replace(kit, packages=lambda provider: provider != "fourth"),
        "fourth has no generated package: make refundry_fourth from its contract with nox -s generate",
    ),
    "the sandbox": (
        lambda kit: replace(kit, machines=kit.machines - {"fourth"}),
        "fourth has no sandbox: write its machine in refundry/sandbox/fourth.py, and list it in PROVIDERS in "
        "refundry/sandbox/providers.py",
    ),
    "the words of its states": (
        lambda kit: replace(
            kit, records={**kit.records, "fourth": replace(RECORD, states=replace(RECORD.states, words={}))}
        ),
        "fourth has an empty states.words: fill it in tests/providers/fourth.py",
    ),
    "a decision": (
        lambda kit: replace(
            kit, decisions=lambda provider: ["docs/fourth.md:3: say it"] if provider == "fourth" else []
        ),
        "docs/fourth.md:3: say it",
    ),
    "the refusals": (
        lambda kit: replace(kit, records={**kit.records, "fourth": replace(RECORD, refusals={})}),
        "fourth has an empty refusals: fill it in tests/providers/fourth.py",
    ),
    "a reply that differs": (
        lambda kit: replace(kit, records={**kit.records, "fourth": replace(RECORD, differing={"amount": {}})}),
        "fourth reports the payment_id: add a reply with another one to differing in its record",
    ),
}


@pytest.mark.parametrize("piece", REMOVALS)
def test_a_missing_piece_is_named_in_one_sentence(piece: str) -> None:
    remove, sentence = REMOVALS[piece]
    assert gaps(remove(whole())) == [sentence]


def test_an_account_registered_alone_is_named_with_all_that_it_lacks() -> None:
    """A new provider starts as a class in the registry, and nothing else."""
    records = {name: RECORDS[name] for name in PROVIDERS}
    kinds = {name: KINDS[name] for name in PROVIDERS}
    begun = replace(
        shipped(),
        records=records,
        kinds=kinds,
        packages=lambda provider: provider in PROVIDERS,
        machines=frozenset(PROVIDERS),
    )
    assert TRANSLATIONS[Fourth] == TRANSLATION
    assert [gap.split(":")[0] for gap in gaps(begun)] == [
        "fourth has no contract",
        "fourth has no generated package",
        "fourth has no account",
        "fourth has no sandbox",
        "fourth has no record",
    ]


def listing(path: Path) -> list[int]:
    """Return the lines of a file on which a literal lists every provider of the package."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Dict | ast.Tuple | ast.List | ast.Set):
            continue
        parts = node.keys if isinstance(node, ast.Dict) else node.elts
        if {part.value for part in parts if isinstance(part, ast.Constant)} >= set(PROVIDERS):
            found.append(node.lineno)
    return found


SUITES = sorted(path for suite in ("facade", "contract", "sandbox") for path in (TESTS / suite).glob("*.py"))


def test_no_suite_has_its_own_list_of_providers() -> None:
    assert {path.name: lines for path in SUITES if (lines := listing(path))} == {}
