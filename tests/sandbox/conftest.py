"""The sandbox, mounted as a transport and as a server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from refundry.sandbox import Sandbox
from tests.sandbox.support import KINDS, Kind, Mounted
from tests.sandbox.support import mounted as mounted_as


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
