"""The sandbox in both of its wearings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from refundry.sandbox import Sandbox
from tests.sandbox.support import KINDS, Kind, Worn
from tests.sandbox.support import mounted as wear_as


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def wear(kind: Kind) -> Iterator[Callable[[Sandbox], Worn]]:
    with ExitStack() as stack:
        yield lambda sandbox: stack.enter_context(wear_as(sandbox, kind))


@pytest.fixture
def mounted(wear: Callable[[Sandbox], Worn]) -> Worn:
    return wear(Sandbox())
