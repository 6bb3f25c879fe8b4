"""The report of a changed page: first lines, renames, what does not fit, and what rests on each change."""

import copy
import json
import re
from typing import Any

import pytest

from scripts.contracts.changes import RULES, Change, Effect, Report, as_json, compare, gravest, render_markdown
from scripts.contracts.pointers import keys
from tests.generation.changes_support import contract, edited, table
from tests.generation.changes_support import report as report_on

REFUND = "/paths/~1api~1v2~1refund~1{transactionId}/post"
REPLY = "/components/schemas/RefundResponse/properties"


def report(provider: str = "paybyrd", **edits: Any) -> Report:
    return report_on(provider, edits)


def changed(provider: str = "paybyrd", **edits: Any) -> tuple[Change, ...]:
    return compare(contract(provider), edited(contract(provider), edits))


def one(changes: tuple[Change, ...], rule: str) -> Change:
    (found,) = (change for change in changes if change.rule == rule)
    return found


def rests(change: Change, start: str) -> list[str]:
    return [each for each in change.rests if each.startswith(start)]


class TestRenames:
    def test_a_renamed_field_is_a_removal_and_an_addition_with_a_remark_each(self) -> None:
        changes = changed(rename={f"{REPLY}/isoAmount": "minorAmount"})
        removed, added = (
            one(changes, "response-optional-property-removed"),
            one(changes, "response-optional-property-added"),
        )
        assert removed.remarks == ("It may be called `minorAmount` now.",)
        assert added.remarks == ("It may be what was called `isoAmount`.",)
        assert (removed.effect, added.effect) == (Effect.BREAKS_REPLY, Effect.ADDS)

    def test_two_fields_that_may_be_the_renamed_one_are_both_named(self) -> None:
        number = {"type": "integer", "format": "int64"}
        changes = changed(remove=[f"{REPLY}/isoAmount"], set={f"{REPLY}/cents": number, f"{REPLY}/pence": number})
        removed = one(changes, "response-optional-property-removed")
        assert removed.remarks == ("It may be called `cents` or `pence` now.",)

    def test_a_new_field_of_another_type_is_no_candidate(self) -> None:
        changes = changed(remove=[f"{REPLY}/isoAmount"], set={f"{REPLY}/final": {"type": "boolean"}})
        assert not any(change.remarks for change in changes)

    @pytest.mark.parametrize(
        ("rename", "rule", "was", "now"),
        [
            ({f"{REFUND[:-5]}": "/api/v3/refund/{transactionId}"}, "api-path-removed-without-deprecation", "v2", "v3"),
            ({"/components/schemas/AcceptedLinkResponse": "Link"}, "api-schema-removed", "Accepted", "Link"),
        ],
    )
    def test_a_renamed_path_or_class_gets_a_remark(self, rename: dict[str, str], rule: str, was: str, now: str) -> None:
        changes = changed(rename=rename)
        assert now in one(changes, rule).remarks[0]
        assert any(was in remark for change in changes for remark in change.remarks if change.effect is Effect.ADDS)

    def test_a_renamed_parameter_gets_a_remark(self) -> None:
        changes = changed(set={f"{REFUND}/parameters/1/name": "x-idempotency"})
        assert one(changes, "request-parameter-removed").remarks == ("It may be called `header x-idempotency` now.",)

    def test_a_value_in_another_spelling_gets_a_remark(self) -> None:
        changes = changed(
            set={"/components/schemas/Transaction/properties/operationType/x-extensible-enum/0": "PAY_MENT"}
        )
        assert one(changes, "response-property-x-extensible-enum-value-removed").remarks == (
            "It may be called `PAY_MENT` now.",
        )


class TestSentences:
    def test_a_sentence_says_where_and_what_without_a_word_of_openapi(self) -> None:
        changes = changed(
            set={f"{REPLY}/amount/type": "number", f"{REFUND}/parameters/1/required": True},
            remove=[f"{REFUND}/responses/202"],
        )
        refund = "`refund_transaction` (`POST /api/v2/refund/{transactionId}`)"
        must = "must now be there; before, it could be left out."
        assert [change.sentence for change in changes] == [
            f"The header parameter `idempotency-key` of {refund} {must}",
            "The field `amount` of `RefundResponse` is now a number, and was text.",
            f"The reply `202` of {refund} is gone.",
        ]

    def test_a_field_inside_a_list_inside_a_reply_is_written_with_its_path(self) -> None:
        row = {"type": "object", "properties": {"id": {"type": "string"}}}
        schema = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
        at = f"{REFUND}/responses/200/content/application~1json/schema"
        before = edited(contract("paybyrd"), {"set": {at: schema}})
        after = edited(before, {"set": {f"{at}/properties/rows/items/properties/id/type": "integer"}})
        (change,) = compare(before, after)
        assert change.where.place == (
            "field `rows[].id` of reply `200` of `refund_transaction` (`POST /api/v2/refund/{transactionId}`)"
        )

    def test_a_part_that_several_messages_hold_is_said_once_with_all_of_them(self) -> None:
        (change,) = changed(set={"/components/schemas/ErrorResponse/properties/code": {"type": "string"}})[:1]
        assert "the reply `404` to `refund_transaction`" in change.where.uses
        assert "the reply `404` to `get_transaction`" in change.where.uses

    @pytest.mark.parametrize("row", table(), ids=str)
    def test_every_sentence_is_whole_and_points_to_a_place_that_is_there(self, row: Any) -> None:
        for change in row.changes:
            assert change.sentence.startswith("The ")
            assert change.sentence.endswith(".")
            assert "{" not in re.sub("`[^`]*`", "", change.sentence)
            assert any(_there(document, change.where.pointer) for document in (row.before, row.after))

    def test_a_text_of_the_page_cannot_end_its_code_span_or_its_line(self) -> None:
        (change,) = changed(set={"/info/title": "a`\n# <script>\u202e"})
        assert change.sentence.endswith("became `a' # <script>\\u202e`.")


def _there(document: Any, pointer: str) -> bool:
    for key in keys(pointer):
        inside = isinstance(document, dict) and key in document
        if not inside and not (isinstance(document, list) and key.isdecimal() and int(key) < len(document)):
            return False
        document = document[int(key)] if isinstance(document, list) else document[key]
    return True


class TestUnfit:
    def test_all_actions_that_do_not_fit_are_named_with_their_reasons(self) -> None:
        found = report(
            set={
                "/servers/0/url": "https://gateway.example",
                "/components/schemas/RefundRequest/required": ["isoAmount"],
            },
            rename={f"{REPLY}/amount": "majorAmount"},
        )
        assert list(found.unfit) == ["amount-not-required", "reply-descriptions", "production-server-description"]
        assert "matches nothing" in found.unfit["amount-not-required"]
        assert found.unfit["reply-descriptions"].startswith("specs/paybyrd/overlay.yaml:")
        assert "compared without them, on both sides" in render_markdown(found)

    def test_an_action_that_builds_on_one_that_does_not_fit_is_left_out_on_both_sides_too(self) -> None:
        found = report(set={"/components/schemas/PaybyrdCode/x-extensible-enum": ["BYRD010"]})
        assert set(found.unfit) >= {"known-codes", "known-codes-copied"}
        assert one(found.changes, "response-property-became-extensible-enum").effect is Effect.ADDS

    def test_a_field_that_an_action_describes_is_no_ghost_once_the_page_renames_it(self) -> None:
        found = report(rename={f"{REPLY}/isoAmount": "minorAmount"})
        removed = one(found.changes, "response-optional-property-removed")
        assert removed.remarks == ("It may be called `minorAmount` now.",)

    def test_a_class_that_the_overlay_uses_goes(self) -> None:
        found = report(remove=["/components/schemas/RefundSourceTransactionResponse", f"{REPLY}/sourceTransaction"])
        assert "source-transaction-descriptions" in found.unfit
        assert found.effect is Effect.BREAKS_REPLY
        assert one(found.changes, "api-schema-removed").effect is Effect.BREAKS_NAME

    def test_a_page_that_the_overlay_fits_names_no_action(self) -> None:
        assert report(set={"/info/version": "v3"}).unfit == {}

    def test_a_page_that_says_the_same_has_nothing_to_report(self) -> None:
        found = report()
        assert (found.changes, found.unfit, found.effect) == ((), {}, Effect.NOTHING)
        assert "Nothing changed." in render_markdown(found)


class TestRests:
    def test_a_new_code_names_its_actions_its_tables_and_the_file_to_open(self) -> None:
        change = one(
            report(append={"/components/schemas/PaybyrdCode/enum": "BYRD777"}).changes,
            "response-property-x-extensible-enum-value-added",
        )
        assert "No verdict table knows `BYRD777`: open facade/refundry/providers/paybyrd_codes.py." in change.remarks
        assert rests(change, "overlay action `known-codes` (specs/paybyrd/overlay.yaml:")
        assert any(
            each.startswith("verdict table `ACCEPTED` (facade/refundry/providers/paybyrd_codes.py:")
            for each in change.rests
        )

    def test_a_code_that_goes_names_the_tables_and_the_lines_of_the_documentation_that_have_it(self) -> None:
        found = report(remove=["/components/schemas/PaybyrdCode/enum/9"])
        change = one(found.changes, "response-property-x-extensible-enum-value-removed")
        assert change.before == "BYRD231"
        assert rests(change, "verdict table `REFUSED`")
        assert rests(change, "documentation (docs/paybyrd.md, line ")

    def test_a_new_sentence_for_people_is_no_code_that_a_table_must_know(self) -> None:
        found = report(append={"/components/schemas/PaybyrdDescription/enum": "Something new"})
        assert not any(remark.startswith("No verdict") for change in found.changes for remark in change.remarks)

    def test_a_reply_that_goes_names_the_table_of_statuses(self) -> None:
        change = one(report(remove=[f"{REFUND}/responses/202"]).changes, "response-success-status-removed")
        assert rests(change, "verdict table `BY_STATUS_AND_CODE`")

    def test_a_field_names_the_contradiction_that_is_about_it_and_no_other(self) -> None:
        change = one(
            report(set={"/components/schemas/RefundRequest/properties/amount/type": "number"}).changes,
            "request-property-type-changed",
        )
        named = [each for each in change.rests if each.startswith("contradiction")]
        assert named == [
            "contradiction `required` at /components/examples/RefundRequestExample/value/amount "
            "(specs/paybyrd/contradictions.toml)"
        ]
        assert any("`amount-not-required`" in each for each in change.rests)

    def test_an_example_names_the_contradiction_that_it_is_part_of(self) -> None:
        change = one(
            report(set={"/components/examples/RefundTransactionNotFoundExample/value/description": "Gone"}).changes,
            "example-changed",
        )
        assert any("RefundTransactionNotFoundExample" in each for each in change.rests)

    def test_an_address_names_the_lines_that_have_its_host(self) -> None:
        change = one(report(set={"/servers/0/url": "https://gateway.example"}).changes, "server-removed")
        assert rests(change, "documentation (docs/paybyrd.md")

    def test_another_provider_has_tables_of_its_own(self) -> None:
        changes = report("blink", remove=["/components/schemas/RefundResponse/properties/status"]).changes
        change = one(changes, "response-optional-property-removed")
        assert rests(change, "verdict table `BY_WORD` (facade/refundry/providers/blink.py:")


class TestRendering:
    def test_what_concerns_credentials_is_the_first_line(self) -> None:
        found = report(set={"/servers/0/url": "https://gateway.example"}, remove=[f"{REPLY}/amount"])
        first = render_markdown(found).splitlines()[0]
        assert first.startswith("**credentials:**")
        assert "`https://gateway.example`" in first

    def test_changes_stand_under_their_class_the_gravest_first(self) -> None:
        found = report(
            set={f"{REFUND}/parameters/0/schema/type": "integer", "/info/version": "v3"}, remove=[f"{REPLY}/amount"]
        )
        headings = [line for line in render_markdown(found).splitlines() if line.startswith("## What")]
        assert headings == [
            "## What we send",
            "## What we read",
            "## What changes nothing",
        ]

    def test_the_step_is_said_where_it_is_known(self) -> None:
        found = report(remove=[f"{REPLY}/amount"])
        assert "The version step that follows: **minor**." in render_markdown(found, "minor")
        assert json.loads(as_json(found, "minor"))["step"] == "minor"

    def test_json_says_of_each_change_what_markdown_says(self) -> None:
        found = report(remove=[f"{REPLY}/isoAmount"])
        data = json.loads(as_json(found))
        assert data["effect"] == "breaks-reply"
        (removed,) = (each for each in data["changes"] if each["rule"] == "response-optional-property-removed")
        assert removed["where"]["pointer"] == f"{REPLY}/isoAmount"
        assert removed["sentence"] in render_markdown(found)

    @pytest.mark.parametrize("row", table()[:20], ids=str)
    def test_the_order_of_members_changes_no_report(self, row: Any) -> None:
        def turned(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: each if key == "properties" else turned(each) for key, each in reversed(value.items())}
            return [turned(each) for each in value] if isinstance(value, list) else value

        forms = (copy.deepcopy, turned)
        reports = [Report("paybyrd", compare(form(row.before), form(row.after)), {}) for form in forms]
        assert len({render_markdown(each) for each in reports}) == len({as_json(each) for each in reports}) == 1


class TestRules:
    def test_every_rule_that_breaks_says_so_in_the_direction_that_it_breaks(self) -> None:
        for rule in RULES.values():
            assert rule.in_request is not Effect.BREAKS_REPLY or not rule.id.startswith("-"), rule.id
            assert rule.in_reply is not Effect.BREAKS_REQUEST or not rule.id.startswith("-"), rule.id

    def test_the_gravest_effect_is_the_first_in_the_order_of_the_classes(self) -> None:
        changes = changed(
            remove=[f"{REPLY}/amount"], set={"/info/version": "v3", "/servers/0/url": "https://x.example"}
        )
        assert gravest(changes) is Effect.CREDENTIALS
        assert [change.effect for change in changes] == sorted(
            (change.effect for change in changes), key=list(Effect).index
        )
