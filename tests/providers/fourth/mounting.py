"""The made-up provider in its places: a generated package, a registered account and translation, a listed record."""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from refundry.accounts import KINDS
from refundry.providers.registry import TRANSLATIONS
from refundry.sandbox.providers import PROVIDERS as MACHINES
from scripts.packages.generators import write_client
from tests.providers import RECORDS
from tests.providers.fourth.account import Fourth
from tests.providers.fourth.contract import contract
from tests.providers.fourth.record import RECORD
from tests.providers.fourth.sandbox import IN_SANDBOX

TRANSLATION = "tests.providers.fourth.translation:FourthTranslation"


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
    KINDS["fourth"], TRANSLATIONS[Fourth], RECORDS["fourth"] = Fourth, TRANSLATION, RECORD
    MACHINES["fourth"] = IN_SANDBOX
    try:
        yield
    finally:
        del KINDS["fourth"], TRANSLATIONS[Fourth], RECORDS["fourth"], MACHINES["fourth"]
