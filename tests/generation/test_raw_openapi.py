"""A document of OpenAPI is taken as it is, as YAML or as JSON, wherever a page is taken."""

import json
from pathlib import Path

import pytest

from scripts.contracts import ingest
from scripts.contracts.document import parse
from tests.generation.ingest_support import contract_of, ingested
from tests.generation.specs_support import CONTRACT

DATA = parse(CONTRACT, "page").data
HEAD, _, REST = CONTRACT.partition("info:\n")
MARKDOWN = "---\ntitle: Refund\nopenapi: post /returns\n---\n\n# Refund\n\n"


@pytest.mark.parametrize(
    "page",
    [
        CONTRACT,
        CONTRACT.replace("\n", "\r\n"),
        f"\ufeff{CONTRACT}",
        f"---\n{CONTRACT}",
        f"# A remark\n\n%YAML 1.2\n---\n{CONTRACT}",
        f"info:\n{REST}{HEAD}",
        f"info:\n  description: |\n    ```yaml\n    openapi: 2.9.9\n    ```\n{REST}{HEAD}",
        CONTRACT.replace("openapi:", '"openapi":', 1),
        json.dumps(DATA),
        json.dumps(DATA, indent="\t"),
        f"\n  {json.dumps({key: DATA[key] for key in reversed(DATA)}, indent=2)}\n",
    ],
)
def test_a_document_is_its_own_block(page: str, tmp_path: Path) -> None:
    written, _ = ingested(tmp_path, page)
    assert contract_of(written) == DATA


@pytest.mark.parametrize("head", [MARKDOWN, MARKDOWN.partition("# ")[0], "title: Refund\n\n", ""])
def test_a_page_with_a_head_is_no_document_and_has_its_block_in_a_fence(head: str) -> None:
    block, line = ingest.extract(f"{head}````yaml POST /returns\n{CONTRACT}````\n", "page.md")
    assert block == CONTRACT
    assert line == head.count("\n") + 2


@pytest.mark.parametrize("page", ["swagger: '2.0'\ninfo: {}\n", '{"swagger": "2.0"}', "info: {}\nswagger: '2.0'\n"])
def test_an_older_document_is_taken_for_one_so_that_the_check_can_name_it(page: str) -> None:
    assert ingest.extract(page, "page.yaml") == (page, 1)


@pytest.mark.parametrize("page", ["info: {}\npaths: {}\n", "title: Refunds\n\nopenapi is documented elsewhere.\n"])
def test_a_text_that_says_nothing_of_openapi_is_another_page(page: str) -> None:
    with pytest.raises(ingest.WrongPage, match="no OpenAPI block"):
        ingest.extract(page, "page.yaml")
