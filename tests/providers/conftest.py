"""The made-up provider beside the three, for the tests of this folder."""

import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.providers.made_up import mounting


@pytest.fixture(scope="session")
def _package() -> Iterator[None]:
    folder = mounting.package().parent
    yield
    sys.path.remove(str(folder))
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _fourth_is_registered(_package: None) -> Iterator[None]:
    with mounting.registered():
        yield
