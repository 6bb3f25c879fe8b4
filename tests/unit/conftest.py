"""What the assertions of the shared helpers say where they fail."""

import pytest

pytest.register_assert_rewrite("tests.unit.canary", "tests.unit.support")
