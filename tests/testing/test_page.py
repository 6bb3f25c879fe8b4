"""docs/testing.md: every block of the page runs, as the page says it, with the wheel alone."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from refundry import guard
from refundry.environment import from_environment
from refundry.sandbox import CREDENTIALS, WEBHOOK_SECRETS, Sandbox, SandboxServer
from refundry.sandbox.__main__ import _parser
from tests.testing.conftest import ROOT, Run

PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCKS = {
    name: f"# {name}\n{text}"
    for name, text in re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
}
SHELL = ("serve", "lost-reply", "chance")
CONTAINERS = ("compose.yaml", "workflow.yaml")
TESTS = {
    "test_shop.py": ["test_a_lost_reply_is_resolved"],
    "test_unknown.py": ["test_an_unknown_refund_is_not_sent_again"],
    "test_async.py": ["test_a_lost_reply_is_resolved"],
    "test_app.py": ["test_a_lost_reply_is_resolved", "test_a_forged_callback_is_refused"],
    "test_with_unittest.py": ["test_a_lost_reply_is_resolved"],
    "test_elsewhere.py": ["test_against_the_sandbox_of_a_provider"],
}


def test_every_block_of_the_page_has_a_name_by_which_it_is_run_here() -> None:
    assert len(BLOCKS) == PAGE.count("```") / 2
    assert set(BLOCKS) == {*TESTS, "shop.py", "app.py", "pytest.ini", *SHELL, *CONTAINERS}


def test_the_tests_of_the_page_pass_as_a_new_user_would_run_them(run: Run) -> None:
    ran = run({name: text for name, text in BLOCKS.items() if name.endswith((".py", ".ini"))})
    passed = re.findall(r"^(test_\w+\.py)::(?:\w+::)?(\w+) PASSED", ran.text, re.MULTILINE)
    assert sorted(passed) == sorted((file, name) for file, names in TESTS.items() for name in names), ran.text
    assert ran.code == 0


def test_the_unittest_of_the_page_runs_without_pytest(run: Run) -> None:
    files = {name: BLOCKS[name] for name in ("shop.py", "test_with_unittest.py")}
    ran = run(files, "test_with_unittest", command=("unittest", "-v"))
    assert ran.code == 0, ran.text
    assert "Ran 1 test" in ran.text


@pytest.mark.skipif(shutil.which("curl") is None, reason="the block is one of a shell that has curl")
def test_the_shell_of_the_page_scripts_chance_payments_time_and_callbacks() -> None:
    sandbox = Sandbox()
    with SandboxServer(sandbox) as server:
        commands = BLOCKS["chance"].replace("http://127.0.0.1:8787", server.base_url).replace("curl", "curl --fail")
        done = subprocess.run(["sh", "-ec", commands], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == '{}{}{}{}{"statuses": []}'
    assert sandbox.remaining("blink", "BL-1") == 2500


def test_the_containers_of_the_page_and_the_image_give_what_the_sandbox_and_the_accounts_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = YAML(typ="safe").load(BLOCKS["compose.yaml"])["services"]
    image = (ROOT / "Containerfile").read_text(encoding="utf-8")
    entry = json.loads(image.rpartition("ENTRYPOINT ")[2])
    assert entry[:3] == ["python", "-m", "refundry.sandbox"]
    options = _parser().parse_args([*entry[3:], *services["sandbox"]["command"]])
    assert (options.host, options.allow_remote, options.host_name) == ("0.0.0.0", True, ["sandbox"])
    assert options.callback_host == ["shop"]

    variables = services["shop"]["environment"]
    (account,) = from_environment(variables)
    assert account.origin == f"http://sandbox:{options.port}"
    secrets = {CREDENTIALS["paybyrd"], *WEBHOOK_SECRETS["paybyrd"].values()}
    assert {value for name, value in variables.items() if name.endswith("API_KEY")} == secrets
    before = guard.current()
    guard.put_on(None)
    monkeypatch.setenv(guard.HOSTS, variables[guard.HOSTS])
    try:
        assert guard.refusal("sandbox") is None
        assert guard.refusal("gateway.paybyrd.com") is not None
    finally:
        monkeypatch.undo()
        guard.put_on(before)


def test_the_job_of_the_page_starts_the_sandbox_as_it_can_be_started() -> None:
    runs = [
        step["run"]
        for step in YAML(typ="safe").load(BLOCKS["workflow.yaml"])["jobs"]["tests"]["steps"]
        if "run" in step
    ]
    assert runs[0].startswith("pip install 'refundry[testing]'")
    (serve,) = [run for run in runs if "refundry.sandbox" in run]
    assert _parser().parse_args(serve.removesuffix(" &").split()[3:]).port == 8787


@pytest.mark.skipif(shutil.which("curl") is None, reason="the block is one of a shell that has curl")
def test_the_shell_of_the_page_loses_the_reply_and_finds_one_refund() -> None:
    with SandboxServer(Sandbox()) as server:
        commands = BLOCKS["lost-reply"].replace("http://127.0.0.1:8787", server.base_url)
        done = subprocess.run(["sh", "-c", commands], capture_output=True, text=True, timeout=60, check=True)
    _, lost, second_and_state = done.stdout.partition("the reply is lost\n")
    assert lost
    second, at = json.JSONDecoder().raw_decode(second_and_state)
    state = json.loads(second_and_state[at:])["providers"]["paybyrd"]
    assert second["code"] == "BYRD200"
    (refund,) = state["refunds"]
    assert refund["refund_id"] == second["transactionId"]
    assert refund["amount"] == 500


def test_the_command_of_the_page_serves(site: Path, tmp_path: Path) -> None:
    command = BLOCKS["serve"].splitlines()[1].replace("python ", f"{sys.executable} ").replace("8787", "0")
    with subprocess.Popen(
        command.split(), env={"PYTHONPATH": str(site)}, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        try:
            assert "The sandbox listens at http://127.0.0.1:" in serving.stdout.readline()
        finally:
            serving.terminate()
