"""A process that gevent has patched."""

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, Final

from refundry import Refund
from tests.servers.calls import PROVIDERS, Result, deeds, differences, wish
from tests.servers.running import MAKERS, ROOT, Setting, environment

_SECONDS: Final = 45


def _run(url: str, trusted: Path, wanted: list[list[object]], hanging: str) -> dict[str, Any]:
    given = {"url": url, "trusted": str(trusted), "wanted": wanted, "hanging": hanging}
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.greenlets"],
        input=json.dumps(given),
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env=environment(),
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    reports: dict[str, Any] = json.loads(done.stdout)
    return reports


def test_greenlets_get_the_true_outcome_and_a_timeout_of_gevent_reaches_the_caller(
    setting: Setting, trusted: Path
) -> None:
    wanted = [wish(("done", "later")[number % 2], number, PROVIDERS[number // 2 % 2]) for number in range(200)]
    hanging = f"hanging-{uuid.uuid4()}"
    rows: list[list[object]] = [[one.provider, one.payment_id, one.amount.minor_units, one.reference] for one in wanted]
    with MAKERS["uvicorn-h11"](setting) as url:
        reported = _run(url, trusted, rows, hanging)
    assert [report for report in reported["reports"] if isinstance(report, str)] == []
    results: list[Result] = [(Refund.from_dict(report),) for report in reported["reports"]]
    assert differences(wanted, results, setting.book) == ""
    assert reported["seen"] == "Timeout"
    assert reported["seconds"] < 1.5
    assert reported["second"].startswith("OutcomeUnknown: ")
    assert deeds(setting.book)[hanging].arrived == 1
