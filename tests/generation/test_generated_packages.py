"""Each generated package: the files in it, its contract, and values that survive copying and pickling."""

import copy
import importlib
import json
import pickle
import sys

from scripts.contracts.openapi import walk
from scripts.contracts.providers import PROVIDERS
from tests.generation.cases import (
    CASES,
    REFUNDS,
    Case,
    case_with_body,
    contract_of,
    each_package,
)
from tests.generation.generated_support import ROOT, run


def test_the_cases_are_all_operations_of_all_providers() -> None:
    assert [case.provider for case in REFUNDS] == list(PROVIDERS)
    assert {(case.provider, case.tag, case.operation) for case in CASES} == {
        (provider, node.value["tags"][0], node.value["operationId"])
        for provider in PROVIDERS
        for node in walk(contract_of(provider))
        if node.kind == "operation"
    }


@each_package
def test_a_package_holds_its_marker_and_contract_and_nothing_left_over(case: Case) -> None:
    package = ROOT / "generated" / f"refundry_{case.provider}"
    files = {path.name for path in package.iterdir() if path.name != "__pycache__"}
    modules = {"__init__", "client", "contracts", "enums", "errors", "extras", "schemas", "strict", "types"}
    documents = {"contract.json", "definitions.json", "vendored.json"}
    assert files == {*(f"{module}.py" for module in modules), *documents, "api", "models", "py.typed"}
    assert not [path for path in package.rglob("*") if path.name in (".ruff_cache", "README.md", "pyproject.toml")]


@each_package
def test_a_package_carries_its_effective_contract(case: Case) -> None:
    text = (ROOT / "generated" / f"refundry_{case.provider}" / "contract.json").read_text(encoding="utf-8")
    assert json.loads(text) == contract_of(case.provider)


@each_package
def test_a_package_says_what_it_is_and_who_writes_it(case: Case) -> None:
    text = str(importlib.import_module(f"refundry_{case.provider}").__doc__)
    title = contract_of(case.provider)["info"]["title"]
    assert title in text
    assert "nox -s generate" in text
    assert "do not edit" in text


@each_package
def test_importing_a_package_imports_neither_httpx_nor_pydantic(case: Case) -> None:
    operations = [f".api.{one.tag}.{one.operation}" for one in CASES if one.provider == case.provider]
    names = [f"refundry_{case.provider}{name}" for name in ("", ".models", *operations)]
    code = f"import sys, {', '.join(names)}; print(sorted({{'httpx', 'pydantic', 'ssl'}} & set(sys.modules)))"
    done = run("-c", code, PYTHONPATH=str(ROOT / "generated"))
    assert (done.stdout, done.stderr) == ("[]\n", "")


@each_package
def test_errors_survive_pickling_and_copying_and_do_not_print_the_reply(case: Case) -> None:
    errors = case.module("errors")
    content = b'{"card": "personal-data"}'
    for error in (errors.UnreadableReply(502, content, "the body is not JSON"), errors.UnexpectedStatus(502, content)):
        assert "personal-data" not in f"{error} {error!r} {error.args}"
        assert "502" in str(error)
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
            assert type(other) is type(error)
            assert str(other) == str(error)
            assert vars(other) == vars(error)


@each_package
def test_unset_stays_the_one_unset_through_copy_deepcopy_and_pickle(case: Case) -> None:
    unset = case.module("types").UNSET
    assert copy.copy(unset) is unset
    assert copy.deepcopy(unset) is unset
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(unset, protocol)) is unset
    assert not unset
    assert repr(unset) == "UNSET"


@case_with_body
def test_a_model_with_unset_fields_is_the_same_after_copying(case: Case) -> None:
    body = case.call_arguments()["body"]
    written = body.to_dict()
    for other in (copy.deepcopy(body), pickle.loads(pickle.dumps(body))):
        assert other == body
        assert other.to_dict() == body.to_dict() == written


def test_the_packages_share_no_module() -> None:
    assert {name.partition(".")[0] for name in sys.modules if name.startswith("refundry_")} >= {
        f"refundry_{case.provider}" for case in CASES
    }
    assert len({id(case.module("types").UNSET) for case in CASES}) == len(PROVIDERS)
