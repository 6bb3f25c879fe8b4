"""`python -m refundry`: what an installation says of itself, whole and damaged."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import refundry
from refundry.__main__ import main
from scripts.contracts.providers import PROVIDERS
from scripts.packages import lock

RUN: Final = "import sys; sys.path.insert(0, sys.argv.pop()); from refundry.__main__ import main; sys.exit(main())"
REFUND_REQUEST: Final = "refundry_paybyrd/models/refund_request.py"


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m refundry` of an unpacked wheel, without the tree and without a network module loaded before."""
    command = [sys.executable, "-I", "-B", "-c", RUN, *arguments, str(site)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def said(site: Path) -> dict[str, Any]:
    """Return what an unpacked wheel says of itself."""
    found: dict[str, Any] = json.loads(run(site, "provenance", "--json").stdout)
    return found


def test_a_wheel_verifies_its_contracts_packages_and_files(unpacked: Path) -> None:
    found = said(unpacked)
    assert found["departures"] == []
    assert found["version"] == refundry.__version__
    assert found["verified"]["files"].endswith("files as the wheel listed them")
    recomputed = ("contract", "overlay", "contradictions", "source", "tree", "effective contract")
    assert {f"{provider}/{name}" for provider in PROVIDERS for name in recomputed} <= set(found["verified"])
    recorded = ("page", "address", "retrieved", "templates", "configuration", *lock.TOOLS)
    assert {f"{provider}/{name}" for provider in PROVIDERS for name in recorded} == set(found["recorded"])


def test_each_entry_of_the_lock_is_verified_or_recorded_as_the_lock_has_it(unpacked: Path) -> None:
    found = said(unpacked)
    entries = found["verified"] | found["recorded"]
    for provider, locked in lock.recorded().items():
        assert {name: entries[f"{provider}/{name}"] for name in locked} == locked


def change(site: Path) -> None:
    with (site / REFUND_REQUEST).open("a", encoding="utf-8") as file:
        file.write("# mine\n")


def remove(site: Path) -> None:
    (site / "refundry" / "money.py").unlink()


def add(site: Path) -> None:
    (site / "refundry_blink" / "mine.py").touch()


def swap_contract(site: Path) -> None:
    path = site / "refundry" / "_sources" / "specs" / "lab4pay" / "openapi.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")


def break_lock(site: Path) -> None:
    (site / "refundry" / "_sources" / "specs" / "lock.toml").write_text("[", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (change, [f"{REFUND_REQUEST}: changed", "paybyrd/tree: "]),
        (remove, ["refundry/money.py: missing"]),
        (add, ["refundry_blink/mine.py: added", "blink/tree: "]),
        (swap_contract, ["refundry/_sources/specs/lab4pay/openapi.yaml: changed", "lab4pay/contract: "]),
        (break_lock, ["refundry/_sources/specs/lock.toml: changed"]),
    ],
)
def test_damage_is_named_and_ends_with_code_1(unpacked: Path, damage: Callable[[Path], None], named: list[str]) -> None:
    damage(unpacked)
    done = run(unpacked, "provenance")
    lines = [line for line in done.stdout.splitlines() if line.startswith("DEPARTS")]
    assert done.returncode == 1
    assert [text for text in named if not any(text in line for line in lines)] == []
    assert "verified  files" not in done.stdout


def test_a_package_without_its_contracts_says_so(unpacked: Path) -> None:
    (unpacked / "refundry" / "_sources" / "specs" / "lock.toml").unlink()
    assert "lock.toml: missing" in run(unpacked, "provenance").stdout


def test_a_compiled_file_is_not_one_that_was_added(unpacked: Path) -> None:
    cache = unpacked / "refundry_blink" / "__pycache__"
    cache.mkdir()
    (cache / "client.cpython-311.pyc").touch()
    assert said(unpacked)["departures"] == []


def test_it_opens_no_socket_and_imports_no_provider(unpacked: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop())\n"
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(event))\n"
        "from refundry import provenance\n"
        "assert provenance().intact\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'httpx', 'attrs', 'refundry_blink', 'refundry_lab4pay', 'refundry_paybyrd'}))\n"
    )
    command = [sys.executable, "-I", "-B", "-c", code, str(unpacked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_source_tree_verifies_its_contracts_and_says_that_its_files_are_not_compared() -> None:
    found = refundry.provenance()
    assert found.intact
    assert "source tree" in found.recorded["files"]
    assert found.verified["paybyrd/contract"] == lock.recorded()["paybyrd"]["contract"]
    assert json.loads(json.dumps(found.to_dict()))["departures"] == []


def test_the_function_is_no_module() -> None:
    with pytest.raises(ModuleNotFoundError):
        __import__("refundry.provenance")
    assert callable(refundry.provenance)


def test_the_changelog_lies_in_the_wheel_and_can_be_read_by_provider(unpacked: Path) -> None:
    path = unpacked / "refundry" / "_sources" / "CHANGELOG.md"
    text = (
        "# Changelog\n\n## 0.5.0 (2026-12-01)\n\n### Paybyrd\n\n- A field is gone.\n\n### Blink\n\n- A field is new.\n"
    )
    path.write_text(f"{text}\n## 0.4.0 (2026-11-28)\n\n### refundry\n\n- A method is new.\n", encoding="utf-8")
    assert "A method is new" in run(unpacked, "changelog").stdout
    lines = [line for line in run(unpacked, "changelog", "paybyrd").stdout.splitlines() if line]
    assert lines == ["## 0.5.0 (2026-12-01)", "- A field is gone.", "## 0.4.0 (2026-11-28)"]


def test_a_wrong_command_ends_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["origin"])
    assert ended.value.code == 2
    assert "provenance" in capsys.readouterr().err
