"""An overlay on a page that has changed: what fits is applied, and every action that does not fit is named."""

from scripts.contracts.document import parse
from scripts.contracts.overlay import apply, apply_all
from tests.generation.specs_support import CONTRACT, changed, document

OVERLAY = """\
overlay: 1.1.0
info: {title: Ours, version: '1'}
actions:
  - {x-name: note-optional, x-reason: r, x-source: ours, x-expect: note,
     target: "$.components.schemas.Return.required[?@ == 'note']", remove: true}
  - {x-name: cents-format, x-reason: r, x-source: ours, x-expect: {/type: integer},
     target: $.components.schemas.Return.properties.cents, update: {format: int64}}
  - {x-name: operation, x-reason: r, x-source: ours, x-expect: give-back,
     target: "$.paths['/returns/{id}'].post.operationId", update: give_back}
"""


def test_on_a_page_that_all_actions_fit_the_result_is_that_of_apply() -> None:
    applied = apply_all(document(), parse(OVERLAY, "overlay.yaml"))
    assert applied.document == apply(document(), parse(OVERLAY, "overlay.yaml"))
    assert not applied.unfit


def test_each_action_says_what_it_touched() -> None:
    assert apply_all(document(), parse(OVERLAY, "overlay.yaml")).touched == {
        "note-optional": ("/components/schemas/Return/required/1",),
        "cents-format": ("/components/schemas/Return/properties/cents/format",),
        "operation": ("/paths/~1returns~1{id}/post/operationId",),
    }


def test_all_actions_that_do_not_fit_are_named_and_the_others_are_applied() -> None:
    page = changed("type: integer", "type: number", CONTRACT.replace("        - note\n", "        - memo\n"))
    applied = apply_all(page, parse(OVERLAY, "overlay.yaml"))
    assert list(applied.unfit) == ["note-optional", "cents-format"]
    assert all(f"action {name!r}" in message for name, message in applied.unfit.items())
    data = applied.document.data
    assert data["paths"]["/returns/{id}"]["post"]["operationId"] == "give_back"
    assert "format" not in data["components"]["schemas"]["Return"]["properties"]["cents"]


def test_an_action_can_be_left_out_by_its_name() -> None:
    applied = apply_all(document(), parse(OVERLAY, "overlay.yaml"), without={"operation"})
    assert "operation" not in applied.touched
    assert applied.document.data["paths"]["/returns/{id}"]["post"]["operationId"] == "give-back"
