"""The sandbox, mounted as a transport and as a server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from refundry.sandbox import Sandbox
from refundry.sandbox.contract import Contract
from tests.sandbox.support import KINDS, Kind, Mounted, read_contract
from tests.sandbox.support import mounted as mounted_as


@pytest.fixture(scope="session", autouse=True)
def _contracts_are_read_once() -> Iterator[None]:
    """Read each contract once: it is the same for every sandbox, and reading it takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Contract, "shipped", cache(read_contract))
        yield


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def mount(kind: Kind) -> Iterator[Callable[[Sandbox], Mounted]]:
    with ExitStack() as stack:
        yield lambda sandbox: stack.enter_context(mounted_as(sandbox, kind))


@pytest.fixture
def mounted(mount: Callable[[Sandbox], Mounted]) -> Mounted:
    return mount(Sandbox())
