"""The public names of `import refundry`, and how little the import costs."""

import ast
import importlib
import json
import os
import subprocess
import sys
from enum import Enum
from pathlib import Path

import httpx
import pytest

import refundry
import refundry.sandbox
from refundry import FULL
from refundry.transport.over_httpx import HttpxTransport
from tests.facade.support import Kind, caller
from tests.providers import account


def type_checked() -> dict[str, str]:
    """Return the names that a type checker sees, with the module that each is imported from."""
    tree = ast.parse(Path(str(refundry.__file__)).with_suffix(".pyi").read_text())
    imported = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {str(alias.asname): str(node.module) for node in imported for alias in node.names}


def test_a_type_checker_sees_exactly_the_public_names() -> None:
    assert sorted(type_checked()) == sorted(refundry.__all__)
    assert len({*refundry.__all__}) == len(refundry.__all__)


@pytest.mark.parametrize("name", refundry.__all__)
def test_a_name_is_served_from_the_module_that_a_type_checker_sees(name: str) -> None:
    assert getattr(refundry, name) is getattr(importlib.import_module(type_checked()[name]), name)
    assert name in dir(refundry)


def test_a_name_that_is_not_offered_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'Refunds'"):
        getattr(refundry, "Refunds")  # noqa: B009 (the name does not exist, and a type checker would say so)
    assert not hasattr(refundry, "json")


def test_a_star_import_gives_every_name() -> None:
    names: dict[str, object] = {}
    exec("from refundry import *", names)
    assert {*refundry.__all__} <= {*names}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_request_over_an_httpx_transport_says_which_version_sends_it(kind: Kind) -> None:
    agents: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        agents.append(request.headers["user-agent"])
        return httpx.Response(200, json={"transaction_id": "refund-1"})

    with caller(kind, account("lab4pay", transport=HttpxTransport(httpx.MockTransport(answer)))) as client:
        client.ask("lab4pay")
    assert agents == [f"refundry/{refundry.__version__}"]


def public_enums() -> list[type[Enum]]:
    offered = [getattr(module, name) for module in (refundry, refundry.sandbox) for name in module.__all__]
    return [one for one in offered if isinstance(one, type) and issubclass(one, Enum)]


@pytest.mark.parametrize("enum", public_enums(), ids=lambda enum: str(enum.__name__))
def test_the_member_of_an_enum_is_its_value_as_a_text(enum: type[Enum]) -> None:
    assert {str(member) for member in enum} == {json.loads(json.dumps(member)) for member in enum}
    assert [f"{member}" for member in enum] == [member.value for member in enum] == [*enum]


def test_full_cannot_be_mistaken_for_an_amount_in_text() -> None:
    assert not isinstance(FULL, str)


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement imports in a new process."""
    report = "import json; print(json.dumps([*({*sys.modules} - before)]))"
    code = f"import sys; before = {{*sys.modules}}\n{statement}\n{report}"
    path = os.pathsep.join(sys.path)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": path},
        capture_output=True,
        check=True,
        timeout=30,
    )
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import refundry", {"httpx", "httpcore", "httptools", "attr", "attrs", "ssl", "asyncio", "socket", "typing"}),
        (
            "from refundry import FULL, Blink, Lab4Pay, Money, NotSent, OutcomeUnknown, Paybyrd, RefundClient, Resend",
            {"httpx", "httpcore", "httptools", "attr", "attrs", "asyncio", "ssl", "typing", "datetime"}
            | {"refundry_blink", "refundry_lab4pay", "refundry_paybyrd"},
        ),
        (
            "from refundry import RefundClient, Paybyrd; RefundClient([Paybyrd(api_key='test-key')])",
            {"httpx", "httpcore", "asyncio", "refundry_blink", "refundry_lab4pay"},
        ),
    ],
)
def test_importing_loads_nothing_heavy(statement: str, heavy: set[str]) -> None:
    loaded = loaded_by(statement)
    assert "refundry" in loaded
    assert not loaded & heavy
