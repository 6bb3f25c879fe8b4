"""What the tests of the recipes share: the wheel, a copy of each recipe, and the providers that it refunds at."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, WEBHOOK_SECRETS
from tests.servers.running import ROOT, environment

CALL: Final = 3
"""The deadline of a refund in the recipes, in seconds."""
LEASE: Final = 2 * CALL + 5
"""For how many seconds a killed process holds its reference, as the recipes say."""
_SECONDS: Final = 30
# Every process of a recipe imports this when it starts. What is raised here ends the process.
_GUARD: Final = """\
from importlib.util import find_spec
for name in ("refundry", "refundry_blink", "refundry_lab4pay", "refundry_paybyrd"):
    if not find_spec(name).origin.startswith({site!r}):
        raise SystemExit(f"{{name}} is not the wheel's: {{find_spec(name).origin}}")
"""


def guard(site: Path) -> None:
    """Let each process that has this folder on its path end unless its refundry is the one in the folder."""
    (site / "sitecustomize.py").write_text(_GUARD.format(site=f"{site}/"), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Provider:
    """The running sandbox."""

    url: str

    def control(self, path: str, **order: Any) -> dict[str, Any]:
        """Call a control path of the sandbox."""
        reply = httpx.post(f"{self.url}/_sandbox/{path}", json=order, timeout=_SECONDS)
        answer: dict[str, Any] = reply.raise_for_status().json()
        return answer

    def refunds(self, provider: str, payment_id: str | None = None) -> list[dict[str, Any]]:
        """The refunds that were executed, of all payments or of one."""
        state = httpx.get(f"{self.url}/_sandbox/state", timeout=_SECONDS).raise_for_status().json()
        assert state["violations"] == []
        made: list[dict[str, Any]] = state["providers"][provider]["refunds"]
        return [one for one in made if payment_id in (None, one["payment_id"])]

    def executed(self, provider: str) -> Counter[str]:
        """How often each payment was refunded."""
        return Counter(one["payment_id"] for one in self.refunds(provider))

    def every(self, payments: list[str], fault: str) -> None:
        """Let every call about these payments meet a fault."""
        for payment_id in payments:
            self.control("script", payment_id=payment_id, faults=[fault])


@dataclass(frozen=True, slots=True)
class Recipe:
    """A copy of a recipe in a folder of its own, and the environment that its processes run in."""

    folder: Path
    variables: Mapping[str, str]

    def python(self, *arguments: str, fails: bool | None = False, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python to its end. `fails` says whether its exit code has to be other than 0; None: either."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment(**self.variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=2 * _SECONDS,
            check=False,
        )
        assert fails is None or bool(done.returncode) is fails, (done.returncode, done.stdout, done.stderr)
        return done


def recipe(name: str, folder: Path, site: Path, provider: Provider, ledger: str | None = None) -> Recipe:
    """Copy a recipe, and set what its first lines say has to be set."""
    source = ROOT / "examples" / name
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, folder)
    fields = {
        "paybyrd": {"api_key": CREDENTIALS["paybyrd"], **WEBHOOK_SECRETS["paybyrd"]},
        "blink": {**TOKEN_CREDENTIALS["blink"]},
        "lab4pay": {
            **TOKEN_CREDENTIALS["lab4pay"],
            **WEBHOOK_SECRETS["lab4pay"],
            "integrator_id": INTEGRATOR_ID,
        },
    }
    accounts = {
        f"REFUNDRY_{account}_{field}".upper(): value
        for account, given in fields.items()
        for field, value in {**given, "base_url": provider.url, "environment": "sandbox"}.items()
    }
    others = {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "REFUND_SECONDS": str(CALL)}
    return Recipe(folder, accounts | others | ({} if ledger is None else {"REFUNDRY_LEDGER": ledger}))


def until(what: Callable[[], object], seconds: float = _SECONDS) -> None:
    """Wait until something holds. Fails after so many seconds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"it does not hold after {seconds} seconds"
        time.sleep(0.05)
