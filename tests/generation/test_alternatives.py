"""An enum that tells the alternatives of a union apart is closed for the choice, and an unlisted tag loses nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.packages.exported import definitions
from scripts.packages.passes.tags import UNLISTED
from scripts.packages.prepared import prepared
from tests.generation.generated_support import Made, contract, make

TEXT = {"type": "string"}


def tagged(*tags: str, required: bool = True, **more: Any) -> dict[str, Any]:
    """Return an object with the tag `t`, and its other properties."""
    properties = {"t": {"type": "string", "enum": [*tags]}, **more}
    return {"type": "object", "properties": properties, **({"required": ["t"]} if required else {})}


def replied(union: dict[str, Any], **schemas: Any) -> dict[str, Any]:
    reply = {"type": "object", "properties": {"id": TEXT, "one": union, "many": {"type": "array", "items": union}}}
    return contract(schemas={"Reply": reply, **schemas})


CAT, DOG = "#/components/schemas/Cat", "#/components/schemas/Dog"
REFERENCES = [{"$ref": CAT}, {"$ref": DOG}]
N: dict[str, Any] = {"n": {"type": "integer"}}
UNIONS: dict[str, dict[str, Any]] = {
    "oneOf of references": replied({"oneOf": REFERENCES}, Cat=tagged("cat", **N), Dog=tagged("dog", "wolf")),
    "anyOf of references": replied({"anyOf": REFERENCES}, Cat=tagged("cat", **N), Dog=tagged("dog", "wolf")),
    "optional tags": replied(
        {"oneOf": REFERENCES}, Cat=tagged("cat", required=False, **N), Dog=tagged("dog", "wolf", required=False)
    ),
    "open tags of ours": replied(
        {"oneOf": REFERENCES},
        Cat={"type": "object", "properties": {"t": {**TEXT, "x-extensible-enum": ["cat"]}, **N}},
        Dog={"type": "object", "properties": {"t": {**TEXT, "x-extensible-enum": ["dog", "wolf"]}}},
    ),
    "a discriminator with a mapping": replied(
        {
            "oneOf": REFERENCES,
            "discriminator": {"propertyName": "t", "mapping": {"cat": CAT, "dog": DOG, "wolf": "Dog"}},
        },
        Cat={"type": "object", "required": ["t"], "properties": {"t": TEXT, **N}},
        Dog={"type": "object", "required": ["t"], "properties": {"t": TEXT}},
    ),
    "a discriminator of a base": replied(
        {"oneOf": REFERENCES, "discriminator": {"propertyName": "t", "mapping": {"cat": CAT, "dog": DOG, "wolf": DOG}}},
        Pet={"type": "object", "required": ["t"], "properties": {"t": TEXT}},
        Cat={"allOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "object", "properties": N}]},
        Dog={"allOf": [{"$ref": "#/components/schemas/Pet"}]},
    ),
}


@pytest.fixture(scope="module", params=UNIONS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(UNIONS[request.param], tmp_path_factory.mktemp("unions"))


PETS = (
    ({"t": "cat", "n": 1}, "Cat"),
    ({"t": "dog"}, "Dog"),
    ({"t": "wolf", "more": True}, "Dog"),
    ({"t": "mouse", "n": 1, "more": {"a": [1]}}, UNLISTED),
)


def test_each_form_chooses_by_the_tag_and_keeps_an_object_with_an_unlisted_one_whole(made: Made) -> None:
    for pet, kind in PETS:
        value = {"id": "i", "one": pet, "many": [pet, {"t": "cat"}]}
        read = made.read(value)
        assert (type(read.one).__name__, read.id) == (kind, "i"), pet
        assert [type(entry).__name__ for entry in read.many] == [kind, "Cat"], pet
        assert read.to_dict() == value
        model = made.module("schemas").Reply.model_validate_json(json.dumps(value))
        assert (type(model.one).__name__, model.id) == (kind, "i"), pet
        assert model.model_dump(mode="json", exclude_unset=True) == value


def test_an_alternative_that_lacks_what_it_must_have_is_kept_whole_and_the_rest_is_read(tmp_path: Path) -> None:
    cat = {**tagged("cat", **N), "required": ["t", "n"]}
    made = make(replied({"oneOf": REFERENCES}, Cat=cat, Dog=tagged("dog")), tmp_path)
    value = {"id": "i", "one": {"t": "cat"}}
    read = made.read(value)
    assert (type(read.one).__name__, read.id, read.to_dict()) == (UNLISTED, "i", value)


def test_an_enum_that_tells_nothing_apart_stays_open_in_an_alternative(tmp_path: Path) -> None:
    status = {"type": "string", "enum": ["done"]}
    source = replied({"oneOf": REFERENCES}, Cat=tagged("cat", status=status), Dog=tagged("dog", status=status))
    made = make(source, tmp_path)
    for kind in ("cat", "dog"):
        value = {"one": {"t": kind, "status": "brand new"}}
        read = made.read(value)
        assert (type(read.one).__name__, read.one.status) == (kind.title(), "brand new")
        model = made.module("schemas").Reply.model_validate_json(json.dumps(value))
        assert (type(model.one).__name__, model.one.status) == (kind.title(), "brand new")


def test_an_alternative_without_the_enum_is_chosen_before_one_that_does_not_list_the_value(tmp_path: Path) -> None:
    other = {"type": "object", "properties": {"n": {"type": "integer"}}}
    made = make(replied({"oneOf": REFERENCES}, Cat=tagged("cat"), Dog=other), tmp_path)
    assert type(made.read({"one": {"t": "cat"}}).one).__name__ == "Cat"
    assert type(made.read({"one": {"t": "b", "n": 1}}).one).__name__ == "Dog"


def test_an_enum_of_the_only_alternative_that_fits_is_open(tmp_path: Path) -> None:
    error = {"type": "object", "properties": {"code": TEXT}, "required": ["code"]}
    made = make(replied({"oneOf": REFERENCES}, Cat=tagged("cat"), Dog=error), tmp_path)
    read = made.read({"one": {"t": "brand new"}})
    assert (type(read.one).__name__, read.one.t) == ("Cat", "brand new")


def test_a_reply_whose_whole_body_is_a_union_keeps_an_unlisted_tag(tmp_path: Path) -> None:
    source = contract(replies={"200": {"oneOf": REFERENCES}}, schemas={"Cat": tagged("cat"), "Dog": tagged("dog")})
    made = make(source, tmp_path)
    for tag, kind in (("cat", "Cat"), ("dog", "Dog"), ("mouse", UNLISTED)):
        read = made.read({"t": tag})
        assert (type(read).__name__, read.to_dict()) == (kind, {"t": tag})


def test_a_tag_stays_closed_in_the_exported_schema_and_in_the_models_of_pydantic_alone() -> None:
    source = UNIONS["oneOf of references"]
    exported = definitions(source)
    assert exported["Cat"]["properties"]["t"] == {"type": "string", "enum": ["cat"]}
    assert UNLISTED not in exported
    assert prepared(source).closed == {"CatT", "DogT"}


def test_a_union_without_tags_has_no_further_alternative() -> None:
    source = replied({"oneOf": [TEXT, {"type": "number"}, {"$ref": CAT}]}, Cat=tagged("cat"))
    ready = prepared(source)
    assert ready.closed == frozenset()
    assert UNLISTED not in ready.contract["components"]["schemas"]
