"""A name of ours that goes: it warns, it works, and importing refundry costs no more for it."""

import subprocess
import sys

import pytest

import refundry


def test_an_old_name_gives_the_new_one_and_warns_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(refundry)["_DEPRECATED"], "Amt", ("Amount", "0.4.0", "0.6.0"))
    with pytest.warns(
        DeprecationWarning, match=r"refundry\.Amt is deprecated since 0\.4\.0 and gone in 0\.6\.0"
    ) as seen:
        value = getattr(refundry, "Amt")  # noqa: B009 - mypy knows that the name is not there
    assert value is refundry.Amount
    assert [warning.filename for warning in seen] == [__file__]


def test_a_name_that_nothing_replaces_stays_what_it_is_and_warns_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(refundry), "Secret", raising=False)
    monkeypatch.setitem(vars(refundry)["_DEPRECATED"], "Secret", ("str", "0.4.0", "0.6.0"))
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match="use str"):
            assert refundry.Secret.__name__ == "Secret"


def test_a_name_that_never_was_is_still_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Refunds"):
        getattr(refundry, "Refunds")  # noqa: B009 - mypy knows that the name is not there


def test_importing_refundry_loads_no_warnings_machinery_and_no_module_of_its_own() -> None:
    code = "import sys; before = {*sys.modules}; import refundry; print(sorted({*sys.modules} - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['refundry']\n"
