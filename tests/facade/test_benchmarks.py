"""How the benchmarks evaluate their measurements. No test here measures time."""

import dataclasses
import json

import pytest

from benchmarks.__main__ import Results, as_json, exit_code, main
from benchmarks.figures import TARGETS, Spread, Target, judge, paired, spread, table
from benchmarks.server import answer, request_size

AT_MOST = Target("cost", "what it costs", "at most", 0.65)
AT_LEAST = Target("speed", "how fast it is", "at least", 10.0)
REQUEST = b'POST /api/v2/refund/c16ce479 HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-length: 18\r\n\r\n{"isoAmount": 105}'


def constant(value: float) -> Spread:
    return spread([value])


def test_a_spread_holds_median_quartiles_and_extremes() -> None:
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == Spread(1.0, 2.0, 3.0, 4.0, 5.0, rounds=5)


def test_a_single_value_is_its_own_spread() -> None:
    assert spread([0.5]) == Spread(0.5, 0.5, 0.5, 0.5, 0.5, rounds=1)


def test_no_values_have_no_spread() -> None:
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_ratios_are_taken_within_a_round_so_that_a_slow_round_changes_nothing() -> None:
    # The ratio of the medians would be 1 / 4 here.
    assert paired([1.0, 10.0, 1.0], [2.0, 20.0, 4.0]) == Spread(0.25, 0.375, 0.5, 0.5, 0.5, rounds=3)


def test_measurements_of_different_rounds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("target", "value", "word"),
    [
        (AT_MOST, 0.65, "met"),
        (AT_MOST, 0.6501, "MISSED"),
        (AT_LEAST, 10.0, "met"),
        (AT_LEAST, 9.99, "MISSED"),
    ],
)
def test_a_met_target_and_a_missed_one_have_different_verdicts(target: Target, value: float, word: str) -> None:
    (verdict,) = judge({target.figure: constant(value)}, [target])
    assert verdict.word == word
    assert table([verdict]).splitlines()[0].endswith(word)


def test_a_target_is_compared_with_the_median() -> None:
    (verdict,) = judge({"cost": spread([0.1, 0.2, 0.7, 0.8, 0.9])}, [AT_MOST])
    assert verdict.value == 0.7
    assert verdict.met is False


def test_a_target_without_a_figure_is_neither_met_nor_missed() -> None:
    (verdict,) = judge({}, [AT_MOST])
    assert verdict.met is None
    assert table([verdict]).endswith("0 of 1 targets are met. Not measured: cost.")


def test_the_missed_targets_are_named_in_a_sentence() -> None:
    verdicts = judge({"cost": constant(0.9), "speed": constant(12.0)}, [AT_MOST, AT_LEAST])
    assert table(verdicts).endswith("1 of 2 targets are met. MISSED: cost.")


def test_a_missed_target_fails_the_run_only_on_request() -> None:
    missed, met = judge({"cost": constant(0.9)}, [AT_MOST]), judge({"cost": constant(0.5)}, [AT_MOST])
    assert exit_code(missed, fail_on_miss=True) == 1
    assert exit_code(missed, fail_on_miss=False) == 0
    assert exit_code(met, fail_on_miss=True) == 0
    assert exit_code(judge({}, [AT_MOST]), fail_on_miss=True) == 0


def test_the_figures_are_written_with_their_verdicts() -> None:
    results = Results()
    results.ratio("sync refund", "RefundClient.refund", [1.0, 3.0], [2.0, 2.0])
    verdicts = judge(results.figures, [dataclasses.replace(AT_MOST, figure="sync refund")])
    written = json.loads(as_json(results, verdicts))
    assert written["figures"]["sync refund"]["median"] == 1.0
    assert written["targets"][0]["verdict"] == "MISSED"
    assert "1.000" in results.lines[0]


def test_a_figure_that_is_not_a_ratio_is_compared_with_its_target_unscaled() -> None:
    results = Results()
    results.values("loop held", "AsyncRefundClient", [70.0, 20.0, 40.0])
    verdicts = judge(results.figures, [Target("loop held", "milliseconds", "at most", 50.0)])
    assert verdicts[0].value == 40.0
    assert table(verdicts).splitlines()[0].endswith("at most  50.00   40.000  met")
    assert "40.000" in results.lines[0]


def test_each_figure_has_one_target() -> None:
    assert len({target.figure for target in TARGETS}) == len(TARGETS)


def test_a_folder_that_is_not_there_is_an_error_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--json", "no-such-folder/figures.json"]) == 2
    assert capsys.readouterr().err.startswith("error: no-such-folder/figures.json: ")


def test_the_server_refunds_the_requested_amount_of_the_requested_payment() -> None:
    head, _, body = answer(REQUEST).partition(b"\r\n\r\n")
    reply = json.loads(body)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Length: %d" % len(body) in head
    assert (reply["isoAmount"], reply["amount"], reply["code"]) == (105, "1.05", "BYRD200")
    assert reply["sourceTransaction"]["transactionId"] == "c16ce479"


def test_the_server_announces_the_end_of_the_connection_in_its_last_reply() -> None:
    assert b"\r\nConnection: close\r\n\r\n{" in answer(REQUEST, is_last=True)
    assert b"Connection" not in answer(REQUEST)


@pytest.mark.parametrize("request_", [REQUEST.replace(b"POST", b"GET"), REQUEST.replace(b"iso", b"ISO")])
def test_the_server_refuses_a_request_that_is_not_a_refund(request_: bytes) -> None:
    assert answer(request_).startswith(b"HTTP/1.1 400 ")


def test_the_server_waits_for_the_whole_head_and_counts_the_body() -> None:
    assert request_size(REQUEST[:40]) is None
    assert request_size(REQUEST + REQUEST) == len(REQUEST)
    assert request_size(b"GET / HTTP/1.1\r\n\r\n") == len(b"GET / HTTP/1.1\r\n\r\n")
