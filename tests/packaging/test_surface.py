"""The surface, read from source, and the rules by which two are compared."""

from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from scripts.release.compatibility import RULES, compare, removed_early
from scripts.release.surface import PACKAGES, Surface, dump, read, surfaces

NAME: Final = "refundry_made"
BEFORE: Final = '''
    import enum
    from typing import Annotated
    from attrs import define, field
    from pydantic import BaseModel, Field

    class Base: ...
    class Colour(str, enum.Enum):
        RED = "red"
        BLUE = "blue"
    class Problem(Base, ValueError):
        code: int
    class _Hidden:
        def inherited(self) -> int: ...
    @define
    class Model(_Hidden):
        """What it is."""
        amount: int
        note: str = "x"
        _token: str = field(alias="token", repr=False)
    class Schema(BaseModel):
        iso_amount: Annotated[int, Field(alias="isoAmount", description="Minor units.")]
    def call(first: int, second: str = "a", *, key: str | None = None) -> int | None: ...
    Amount = int | str
'''


def surface(tmp_path: Path, source: str) -> Surface:
    """Return the surface of a package with one module of this source."""
    folder = tmp_path / NAME
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text(dedent(source), encoding="utf-8")
    return read(folder)


# One edit of the source above for each rule, and the name that it is about.
EDITS: Final = {
    "name-removed": ('        note: str = "x"\n', "", "Model.note"),
    "kind-changed": ("def call(first: int, ", "class call: ...\n    def other(first: int, ", "call"),
    "base-removed": ("class Problem(Base, ValueError)", "class Problem(Base)", "Problem"),
    "type-changed": ("        amount: int\n", "        amount: str\n", "Model.amount"),
    "wire-name-changed": ('alias="isoAmount"', 'alias="amount"', "Schema.iso_amount"),
    "default-changed": ('note: str = "x"', 'note: str = "y"', "Model.note"),
    "default-removed": ('note: str = "x"', "note: str", "Model.note"),
    "required-field-added": ("        amount: int\n", "        amount: int\n        currency: str\n", "Model.currency"),
    "value-changed": ('RED = "red"', 'RED = "RED"', "Colour.RED"),
    "constructor-changed": ("repr=False)", "repr=False, kw_only=True)", "Model.token"),
    "async-changed": ("def call", "async def call", "call"),
    "result-widened": ("-> int | None", "-> int | str | None", "call"),
    "parameter-removed": (", *, key: str | None = None", "", "call"),
    "parameter-moved": ('first: int, second: str = "a"', "second: str, first: int = 1", "call"),
    "parameter-kind-changed": ('second: str = "a", *, ', '*, second: str = "a", ', "call(second)"),
    "required-parameter-added": ("*, key: str", "*, must: int, key: str", "call"),
    "name-added": ("    Amount = int | str\n", "    Amount = int | str\n    def more() -> None: ...\n", "more"),
    "base-added": ("class Colour(str, enum.Enum)", "class Colour(Base, str, enum.Enum)", "Colour"),
    "default-added": ("        amount: int\n", "        amount: int = 1\n", "Model.amount"),
    "result-narrowed": ("-> int | None", "-> int", "call"),
    "parameter-added": ("key: str | None = None", "key: str | None = None, more: int = 1", "call"),
    "parameter-widened": ("first: int,", "first: int | str,", "call(first)"),
}
ELSEWHERE: Final = {"alias-moved", "overloads-changed", "name-deprecated"}


@pytest.mark.parametrize("rule", EDITS)
def test_a_change_of_the_source_is_found_by_its_rule(rule: str, tmp_path: Path) -> None:
    old, new, name = EDITS[rule]
    assert old in BEFORE
    before, after = surface(tmp_path, BEFORE), surface(tmp_path, BEFORE.replace(old, new))
    found = {(change.rule, change.name) for change in compare(before, after)}
    assert (rule, f"{NAME}:{name}") in found


def test_every_rule_is_tried() -> None:
    assert {*EDITS} | ELSEWHERE == {*RULES}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("What it is.", "What it is, at length."),
        ("Minor units.", "Minor units of the payment's currency."),
        ("repr=False", "repr=True"),
        ("first: int", "first: 'int'"),
    ],
    ids=["docstring", "description", "repr", "quoted"],
)
def test_what_no_code_can_rest_on_is_no_change(old: str, new: str, tmp_path: Path) -> None:
    before = surface(tmp_path, BEFORE)
    assert compare(before, surface(tmp_path, BEFORE.replace(old, new))) == []


def test_a_name_that_a_private_base_gives_belongs_to_the_class(tmp_path: Path) -> None:
    assert surface(tmp_path, BEFORE)[f"{NAME}:Model.inherited"]["returns"] == "int"


def test_the_members_of_an_enum_count_whatever_base_of_the_package_makes_it_one(tmp_path: Path) -> None:
    source = """
        from enum import StrEnum
        class Open(StrEnum): ...
        class Colour(Open):
            RED = "red"
    """
    assert surface(tmp_path, source)[f"{NAME}:Colour.RED"] == {"kind": "member", "value": "'red'"}


def test_a_name_that_is_passed_on_from_a_public_module_is_an_alias_and_may_not_move(tmp_path: Path) -> None:
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "one.py").write_text("class Thing: ...\n", encoding="utf-8")
    (folder / "two.py").write_text("class Thing: ...\n", encoding="utf-8")
    before = surface(tmp_path, "from .one import Thing\n__all__ = ('Thing',)\n")
    after = surface(tmp_path, "from .two import Thing\n__all__ = ('Thing',)\n")
    assert [change.rule for change in compare(before, after)] == ["alias-moved"]


def test_an_overload_that_goes_is_found(tmp_path: Path) -> None:
    source = """
        from typing import overload
        class Reader:
            @overload
            def read(self, raw: str) -> str: ...
            @overload
            def read(self, raw: bytes) -> bytes: ...
            def read(self, raw: str | bytes) -> str | bytes: ...
    """
    one = "            @overload\n            def read(self, raw: bytes) -> bytes: ...\n"
    changes = compare(surface(tmp_path, source), surface(tmp_path, source.replace(one, "")))
    assert [change.rule for change in changes] == ["overloads-changed"]


def test_the_members_of_a_class_that_goes_are_not_named_one_by_one(tmp_path: Path) -> None:
    changes = compare(surface(tmp_path, BEFORE), surface(tmp_path, BEFORE.replace("class Schema", "class _Schema")))
    assert [(change.rule, change.name) for change in changes] == [("name-removed", f"{NAME}:Schema")]


def test_the_surface_of_the_tree_holds_what_a_service_uses() -> None:
    found = surfaces()
    assert [*found] == [*PACKAGES]
    facade = found["refundry"]
    assert facade["refundry:RefundStatus.SUCCEEDED"] == {"value": "'succeeded'", "kind": "member"}
    assert "ValueError" in facade["refundry:InvalidRefund"]["bases"]
    assert [each["name"] for each in facade["refundry:RefundClient.refund"]["parameters"]] == [
        "provider",
        "payment_id",
        "amount",
        "reference",
        "payment_amount",
    ]
    assert facade["refundry:NotSent"]["kind"] == facade["refundry.sandbox:Sandbox"]["kind"] == "class"
    paybyrd = found["refundry_paybyrd"]
    assert paybyrd["refundry_paybyrd.models.refund_request:RefundRequest.iso_amount"]["type"] == "int"
    assert paybyrd["refundry_paybyrd.schemas:RefundRequest.iso_amount"]["alias"] == "isoAmount"
    assert "default" not in paybyrd["refundry_paybyrd.client:AuthenticatedClient.base_url"]
    assert paybyrd["refundry_paybyrd.api.refunds.refund_transaction:asyncio"]["async"] is True


def test_a_surface_is_stored_with_one_name_a_line(tmp_path: Path) -> None:
    found = surface(tmp_path, BEFORE)
    assert len(dump(found).splitlines()) == len(found) + 2


THING: Final[Surface] = {"refundry:": {"kind": "module"}, "refundry:Thing": {"kind": "class", "bases": []}}


def deprecated(gone_in: str) -> Surface:
    """Return a surface in which a name is deprecated."""
    row = {"kind": "deprecated", "new": "Other", "since": "0.4.0", "gone_in": gone_in}
    return {"refundry:": {"kind": "module"}, "refundry:Thing": row}


def test_a_name_that_is_deprecated_is_no_break() -> None:
    members: Surface = {**THING, "refundry:Thing.field": {"kind": "field", "type": "int"}}
    assert [change.change_class for change in compare(members, deprecated("0.6.0"))] == ["deprecates"]


@pytest.mark.parametrize(
    ("before", "after", "version", "problem"),
    [
        (THING, {}, "0.5.0", "no release deprecates it"),
        (deprecated("0.6.0"), {}, "0.5.0", "promised until 0.6.0"),
        (deprecated("0.6.0"), {}, "0.6.0", None),
        (THING, deprecated("0.6.0"), "0.5.0", None),
        (deprecated("0.6.0"), deprecated("0.6.0"), "0.6.0", "remove the row"),
    ],
    ids=["at once", "early", "in time", "deprecated", "late"],
)
def test_a_name_of_ours_goes_in_the_version_that_was_promised(
    before: Surface, after: Surface, version: str, problem: str | None
) -> None:
    found = removed_early(before, after, version)
    assert [problem in line for line in found] == [True] if problem else found == []


def test_a_field_that_a_provider_removes_may_go_at_once() -> None:
    entry = "refundry_paybyrd.models:Reply.amount"
    assert removed_early({entry: {"kind": "field", "type": "int"}}, {}, "0.5.0") == []
