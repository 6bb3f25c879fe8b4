"""A text is read to the same values by whatever reads it, and what is written is read to the same again."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from scripts.contracts import reading
from scripts.contracts.document import Document, dump, parse
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import SPECS
from tests.generation.documents import platform

ODD = [
    *("no", "on", "y", "012", "0x1F", "0o17", "0b11", "1e5", "1_000", "1:30", ".5", "5.", "-", "- a", "-a", "?", "? a"),
    *(
        "2026-11-22",
        "2026-11-22T10:00:00Z",
        "~",
        "null",
        "Null",
        "true",
        "FALSE",
        ".inf",
        ".nan",
        "NaN",
        "",
        " a",
        "a ",
    ),
    *("a: b", "a:b", "a:", ":a", "a #b", "a#b", "#a", "a\nb", "\n", "a\tb", "\t", "'", '"', "'a'", "it's", "it's: 'a'"),
    *(
        "[a]",
        "a[b]",
        "{a}",
        "a, b",
        "a,b",
        "!a",
        "&a",
        "*a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "=",
        "---",
        "--- a",
        "...",
        "é",
    ),
    *(
        "\x85",
        "a\u2028b",
        "\ufeff",
        "\x07",
        "\x7f",
        "😀",
        "https://example.com/a?b=c#d",
        "{$request.body#/url}",
        "\\d+",
    ),
]
# Texts in YAML's own characters, which mean something else in each place.
YAMLS = st.text(st.sampled_from("ab1 \n\t:-?#,[]{}'\"\\|>!%@`~.é"), max_size=24)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def without_libyaml(text: str) -> Document:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "CSafeLoader", None)
        return parse(text, "page.yaml")


@pytest.mark.parametrize("provider", ["lab4pay", "paybyrd", "blink"])
@pytest.mark.parametrize("file", ["openapi.yaml", "overlay.yaml"])
def test_a_contract_has_the_same_values_and_places_by_either_reader(provider: str, file: str) -> None:
    text = (SPECS / provider / file).read_text(encoding="utf-8")
    assert parse(text, "page.yaml") == without_libyaml(text)


@given(YAMLS)
def test_any_text_that_both_read_has_the_same_values_and_places(text: str) -> None:
    try:
        expected = without_libyaml(text)
    except ContractError:
        return
    assert parse(text, "page.yaml") == expected


@pytest.mark.parametrize("text", ['a: "\\ud83d\\ude00"\n', "a: b\x85c\n", "a: b\u2028c\n"])
def test_what_libyaml_reads_otherwise_is_read_as_yaml_1_2(text: str) -> None:
    assert parse(text, "page.yaml") == without_libyaml(text)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_has_the_values_of_json_and_the_lines_of_its_text(indent: int | None) -> None:
    data: dict[str, Any] = {
        "a": [1, -2.5, True, None, "1", {}],
        "b": {"c/d": "\ud83d\ude00", "e": '\t\\"/\u2028'},
        "": [],
    }
    found = parse(json.dumps(data, indent=indent), "page.json")
    assert found.data == {**data, "b": {**data["b"], "c/d": "😀"}}
    assert found.place("/a/3") == f"page.json:{1 if indent is None else 6}"
    assert found.place("/b/c~1d") == f"page.json:{1 if indent is None else 11}"


def test_json_with_tabs_is_read_although_yaml_forbids_them() -> None:
    assert parse('{\n\t"a":\t"b"\n}\n', "page.json").data == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "a": 2}', "page.json:2: /a: the key is written twice; "),
        ('{"a":\n "\\ud800"}', "page.json:2: /a: half of a surrogate pair in "),
        ('{"a":\n 1e999}', "page.json:2: /a: 1e999 is a number that JSON does not have; "),
        ('{"a": [' * 40 + "]}" * 40, "page.json:1: /a/0/a/0"),
        ('{"a": [\n1, 2}', "page.json:2: broken YAML: "),
    ],
)
def test_json_that_cannot_be_used_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ContractError) as raised:
        parse(text, "page.json")
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", [*ODD, "k" * 200, "k" * 2000])
def test_a_text_is_written_so_that_it_is_read_again_as_a_key_and_as_a_value(text: str) -> None:
    data: dict[str, Any] = {"value": text, "list": [text, [text], {"in": text}]}
    if text != "<<":
        data |= {text: {"deep": 1}, "keys": {text: text}}
    for written in (dump(data, "head"), dump([data], "head")):
        assert without_libyaml(written).data in (data, [data])
        assert YAML(typ="safe", pure=True).load(io.StringIO(written)) in (data, [data])


@given(VALUES)
def test_whatever_is_written_is_read_again(value: Any) -> None:
    if "<<" not in json.dumps(value):
        assert parse(dump(value, "head"), "page.yaml").data == value


def test_lines_are_written_as_in_the_contracts() -> None:
    data = {"a": {"b": [{"c": 1, "d": []}, [True, "x: y"], {}]}, "e": None, "200": "5XX"}
    assert dump(data, "Head") == (
        "# Head\na:\n  b:\n    - c: 1\n      d: []\n    -   - true\n        - 'x: y'\n    - {}\ne: null\n'200': 5XX\n"
    )


def test_a_large_document_is_the_same_after_it_was_written_and_read() -> None:
    data = platform(200)
    assert parse(dump(data, "head"), "page.yaml").data == data
    assert parse(json.dumps(data), "page.json").data == data
