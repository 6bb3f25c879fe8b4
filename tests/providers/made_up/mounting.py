"""The made-up provider in its places: a generated package, a registered account and translation, a listed record."""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import refundry
import tests.providers
from refundry import Account, accounts, providers, sandbox
from refundry.accounts import KINDS
from refundry.providers.registry import TRANSLATIONS
from refundry.sandbox.entry import Provider
from refundry.sandbox.providers import PROVIDERS as MACHINES
from scripts.packages.generators import write_client
from tests.providers.made_up.contract import contract
from tests.providers.made_up.document import HERE
from tests.providers.record import ProviderRecord

PROJECT = HERE / "project"
TRANSLATION = "refundry.providers.fourth:FourthTranslation"
_PACKAGES: tuple[Any, ...] = (accounts, providers, sandbox, tests.providers)


class MadeUp(NamedTuple):
    """What the provider's own files hold."""

    account_class: type[Account]
    record: ProviderRecord
    in_sandbox: Provider


@cache
def made_up() -> MadeUp:
    """Load the provider's own files, each as a module of the package that it has its place in."""
    for package in _PACKAGES:
        folder = PROJECT / ("facade" if package.__name__.startswith("refundry") else "")
        package.__path__.append(str(folder.joinpath(*package.__name__.split("."))))
    account_class: type[Account] = importlib.import_module("refundry.accounts.fourth").Fourth
    for package in (refundry, accounts):
        vars(package)["Fourth"] = account_class
    record: ProviderRecord = importlib.import_module("tests.providers.fourth").RECORD
    return MadeUp(
        account_class,
        replace(record, contract=replace(record.contract, effective=contract)),
        importlib.import_module("refundry.sandbox.fourth").IN_SANDBOX,
    )


@cache
def package() -> Path:
    """Generate the provider's package once a run, in a folder of the import path; return the folder."""
    folder = Path(mkdtemp(prefix="refundry-fourth-"))
    write_client("fourth", contract(), folder)
    (folder / "refundry_fourth" / "contract.json").write_text(json.dumps(contract()), encoding="utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return folder / "refundry_fourth"


@contextmanager
def registered() -> Iterator[None]:
    """Register the made-up provider within the block, as a provider of the package is registered permanently."""
    package()
    account_class, record, in_sandbox = made_up()
    KINDS["fourth"], TRANSLATIONS[account_class] = account_class, TRANSLATION
    tests.providers.RECORDS["fourth"], MACHINES["fourth"] = record, in_sandbox
    try:
        yield
    finally:
        del KINDS["fourth"], TRANSLATIONS[account_class], tests.providers.RECORDS["fourth"], MACHINES["fourth"]
