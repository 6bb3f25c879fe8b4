"""What the assertions of the shared helpers say where they fail, and how many cases a property is tried with."""

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite(
    "tests.facade.canary", "tests.facade.questions", "tests.facade.support", "tests.faults.support"
)

# In CI a property is tried with the same cases each time, so that a failure there is a failure of the change.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")
