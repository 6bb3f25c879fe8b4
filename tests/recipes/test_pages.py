"""What is written of the recipes: the first lines of each, the page of Temporal, and the list of them."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import refundry
from tests.recipes.running import Provider, recipe
from tests.servers.running import ROOT, environment

_EXAMPLES: Final = ROOT / "examples"
_STARTED: Final = {
    "script_sqlite.py": "python script_sqlite.py ",
    "fastapi_service/service.py": "gunicorn service:app ",
    "fastapi_service/resolve.py": "python resolve.py",
    "celery_task/tasks.py": "celery -A tasks worker",
    "django_command/refunds/management/commands/refund.py": "python manage.py refund",
}


@pytest.mark.parametrize("path", _STARTED)
def test_a_recipe_begins_with_what_it_shows_and_the_command_that_runs_it(path: str) -> None:
    docstring = ast.get_docstring(ast.parse((_EXAMPLES / path).read_text(encoding="utf-8"))) or ""
    assert _STARTED[path] in docstring
    listed = (_EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"]({path})" in listed
    assert _STARTED[path] in listed


def test_each_link_of_the_list_leads_to_a_file() -> None:
    links = re.findall(r"\]\((?!https:)([^)#]+)", (_EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert len(links) > len(_STARTED)
    assert [link for link in links if not (_EXAMPLES / link).exists()] == []


def test_the_page_of_temporal_is_python_and_takes_names_of_refundry_that_exist() -> None:
    page = (ROOT / "docs" / "temporal.md").read_text(encoding="utf-8")
    assert "It is not run by the tests" in page
    blocks = re.findall(r"^```py\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    taken: set[str] = set()
    for block in blocks:
        tree = compile(block, "temporal.md", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "refundry"]
        taken |= {name.name for node in imports for name in node.names}
    assert len(blocks) == 3
    assert taken
    assert taken <= set(refundry.__all__)


def test_the_sandbox_has_the_keys_and_the_payment_that_the_list_names() -> None:
    from refundry.sandbox import TOKEN_CREDENTIALS, Sandbox

    listed = (_EXAMPLES / "README.md").read_text(encoding="utf-8")
    for field, key in TOKEN_CREDENTIALS["blink"].items():
        assert f"REFUNDRY_BLINK_{field.upper()}={key}" in listed
    payments = {one["payment_id"]: one["currency"] for one in Sandbox().state()["providers"]["blink"]["payments"]}
    assert payments["blink-gbp"] == "GBP"
    assert "order-1,blink,blink-gbp,1.00,GBP" in listed


def test_a_recipe_that_would_run_with_the_checkout_in_place_of_the_wheel_ends(
    site: Path, provider: Provider, tmp_path: Path
) -> None:
    made = recipe("script_sqlite.py", tmp_path, site, provider)
    command = [sys.executable, "script_sqlite.py", "--help"]
    checkout = {**made.variables, "PYTHONPATH": f"{ROOT / 'facade'}:{site}"}
    for variables, message in ((made.variables, ""), (checkout, "refundry is not the wheel's")):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(**variables), capture_output=True, text=True, timeout=30, check=False
        )
        assert bool(done.returncode) is bool(message)
        assert message in done.stderr
