"""Compares two schemas: what a value may be, the fields of an object, and the names that classes get."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from scripts.contracts.changes.rules import BOUNDS, Effect, Way
from scripts.contracts.changes.spots import ABSENT, Difference, Spot, canonical
from scripts.contracts.pointers import child, get, keys
from scripts.contracts.references import target

Found = Iterator[Difference]


class Handler(NamedTuple):
    """How the values of one keyword are compared, and what kind of JSON they have to be."""

    compare: Callable[[Spot], Found]
    kinds: type | tuple[type, ...] = object


WORDS: Mapping[str, str] = {
    **dict.fromkeys(("$comment", "description", "externalDocs", "summary"), "description-changed"),
    **dict.fromkeys(("example", "examples"), "example-changed"),
    "x-evidence": "evidence-changed",
}
"""The members of any object that only explain, with the rule of each."""


def by_key(spots: Mapping[str, Spot], handlers: Mapping[str, Handler]) -> Found:
    """Compare the members of two objects. None is passed over: one without a handler falls under a rule of its own."""
    for key, spot in spots.items():
        handler = handlers.get(key)
        values = [value for value in (spot.before, spot.after) if value is not ABSENT]
        if handler is None or not all(isinstance(value, handler.kinds) for value in values):
            found = [spot.says(WORDS.get(key, "unknown-keyword-changed"))] if spot.differs else []
        else:
            found = list(handler.compare(spot))
            # Lists and objects are compared part by part, and what is left of them is found at the end.
            if not found and spot.differs and (len(values) == 1 or not isinstance(values[0], dict | list)):
                found = [spot.says("written-differently")]
        yield from found


def renamed(
    removed: Mapping[str, Difference], added: Mapping[str, Difference], same: Callable[[str, str], bool]
) -> Found:
    """Yield removals and additions. Those that may be one thing under two names get a remark; the effect stays."""
    pairs = [(old, new) for old in removed for new in added if same(old, new)]
    for name, difference in removed.items():
        yield _remarked(difference, "It may be called {} now.", [new for old, new in pairs if old == name])
    for name, difference in added.items():
        yield _remarked(difference, "It may be what was called {}.", [old for old, new in pairs if new == name])


def _remarked(difference: Difference, remark: str, names: list[str]) -> Difference:
    candidates = " or ".join(f"`{name}`" for name in sorted(names))
    return difference._replace(remarks=(remark.format(candidates),)) if names else difference


def is_same(differences: Iterable[Difference]) -> bool:
    """Whether two things are the same but for their words and names."""
    return all(found.rule.effect(found.way) in (Effect.NOTHING, Effect.BREAKS_NAME) for found in differences)


# Beside one of these, an `allOf` with one entry is only another way to refer to it.
_BESIDE_REFERENCE = frozenset({"allOf", "default", "deprecated", "nullable", "readOnly", "writeOnly", *WORDS})


class _Flat(NamedTuple):
    """A schema with its references followed: the pointer of each keyword, the way there, and the name of its class."""

    keywords: Mapping[str, str]
    steps: tuple[str, ...]
    name: str | None
    dangling: str | None

    def value(self, document: Any, keyword: str) -> Any:
        return get(document, self.keywords[keyword]) if keyword in self.keywords else None


def _flat(document: Any, pointer: str | None) -> _Flat:
    keywords: dict[str, str] = {}
    steps: list[str] = []
    name = None
    while pointer is not None and pointer not in steps[1:]:
        steps.append(pointer)
        schema = get(document, pointer)
        if schema is False:
            keywords.setdefault("not", pointer)
        if not isinstance(schema, dict):
            break
        alias = len(schema.get("allOf") or ()) == 1 and schema.keys() <= _BESIDE_REFERENCE
        for key in schema.keys() - {"$ref"} - ({"allOf"} if alias else set()):
            keywords.setdefault(key, child(pointer, key))
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if get(document, target(reference)) is None:
                return _Flat(keywords, tuple(steps), name, reference)
            pointer = target(reference)
            name = name or keys(pointer)[-1]
        else:
            pointer = child(child(pointer, "allOf"), 0) if alias else None
    return _Flat(keywords, tuple(steps), name, None)


def schema(spot: Spot) -> Found:
    """Compare two schemas, with the references in them followed."""
    if spot.pointers in spot.seen:
        return
    spot.seen.add(spot.pointers)
    flats = tuple(_flat(document, at) for document, at in zip(spot.documents, spot.pointers, strict=True))
    before, after = flats
    if before.name != after.name:
        yield spot.says("schema-name-changed", before.name, after.name)
    elif before.steps[1:] != after.steps[1:]:
        yield spot.says("written-differently")
    if after.dangling != before.dangling:
        yield spot.says("reference-leads-nowhere", before.dangling, after.dangling)
    # What two classes, or a class and an inline copy, say differently is said of the place that uses them.
    one_place = before.steps[-1:] == after.steps[-1:] or not before.steps or not after.steps
    spots: dict[str, Spot] = {}
    for key in dict.fromkeys([*sorted(before.keywords), *sorted(after.keywords)]):
        ends = (before.keywords.get(key), after.keywords.get(key))
        holder = (_parent(ends[0] or ends[1]), _parent(ends[1] or ends[0])) if one_place else spot.pointers
        spots[key] = replace(spot, pointers=ends, holder=holder)
    taken = {key: spots.pop(key) for key in _TOGETHER if key in spots}
    yield from _types(spot, taken)
    yield from _fields(spot, before, after)
    yield from by_key(spots, KEYWORDS)


def _parent(pointer: str | None) -> str | None:
    return None if pointer is None else pointer.rpartition("/")[0]


# These are compared together: null is written in two of them, and what must be there in the other two.
_TOGETHER: tuple[str, ...] = ("type", "nullable", "properties", "required")
_ALL_TYPES = frozenset({"array", "boolean", "integer", "number", "object", "string"})


def _types(spot: Spot, spots: Mapping[str, Spot]) -> Found:
    """Compare the types, and whether null is one, which OpenAPI 3.0 and 3.1 write in two ways."""
    absent = spot.at(None, None)
    kind, null = spots.get("type", absent), spots.get("nullable", absent)
    before, after = (_named_types(value) for value in (kind.before, kind.after))
    old, new = (_accepted(names) for names in (before, after))
    nullable = tuple("null" in names or flag is True for names, flag in ((before, null.before), (after, null.after)))
    found = []
    if old != new:
        rule = "-type-generalized" if old < new else "-type-specialized" if new < old else "-type-changed"
        found.append(kind.says(rule, sorted(before - {"null"}), sorted(after - {"null"})))
    if nullable[0] != nullable[1] and (bool(before) == bool(after)):
        place = kind if kind.pointers != (None, None) else null
        found.append(place.says("-became-nullable" if nullable[1] else "-became-not-nullable", covers=[kind, null]))
    if not found:
        found = [each.says("written-differently") for each in (kind, null) if each.differs]
    yield from found


def _named_types(value: Any) -> frozenset[str]:
    return frozenset(map(str, value if isinstance(value, list) else () if value is ABSENT else (value,)))


def _accepted(names: frozenset[str]) -> frozenset[str]:
    """Return the types that are accepted: all where none is named, and a whole number wherever a number is."""
    return (names - {"null"} or _ALL_TYPES) | ({"integer"} if "number" in names else frozenset())


_NESTED = {"body": "property", "parameter": "parameter-property", "header": "header-property"}


def _nested(spot: Spot) -> Spot:
    return replace(spot, scope=_NESTED.get(spot.scope, spot.scope), holder=None)


def _fields(spot: Spot, before: _Flat, after: _Flat) -> Found:
    flats = (before, after)
    spots: dict[str, Spot] = {}
    names: list[list[str]] = []
    for document, flat in zip(spot.documents, flats, strict=True):
        value = flat.value(document, "properties")
        names.append(list(value) if isinstance(value, dict) else [])
    for name in sorted({*names[0], *names[1]}):
        ends = (
            child(flat.keywords["properties"], name) if name in own else None
            for flat, own in zip(flats, names, strict=True)
        )
        spots[name] = _nested(spot.at(*ends))
    required = tuple(_required(spot, side, flat) for side, flat in enumerate(flats))
    entries = {
        name: spot.at(required[0].get(name), required[1].get(name)) for name in {*spots, *required[0], *required[1]}
    }
    removed, added = {}, {}
    for name, field in spots.items():
        if field.pointers[1] is None:
            removed[name] = field.says(_REMOVED[spot.way][name in required[0]], covers=[field, entries[name]])
        elif field.pointers[0] is None:
            closed = spot.way is Way.REPLY and before.value(spot.documents[0], "additionalProperties") is False
            rule = "response-property-added-to-closed-object" if closed else _ADDED[spot.way][name in required[1]]
            added[name] = field.says(rule, covers=[field, entries[name]])
        else:
            yield from schema(field)
    yield from renamed(removed, added, lambda old, new: is_same(schema(_fresh(spots[old], spots[new]))))
    for name in sorted({*required[0]} ^ {*required[1]}):
        if name not in removed and name not in added:
            place = spots.get(name) or _nested(entries[name])
            rule = "-became-required" if name in required[1] else "-became-optional"
            yield place.says(rule, name in required[0], name in required[1], covers=[entries[name]])
    if [name for name in names[0] if name in names[1]] != [name for name in names[1] if name in names[0]]:
        yield spot.says("properties-reordered", names[0], names[1], covers=())


_REMOVED = {
    Way.REQUEST: dict.fromkeys((True, False), "request-property-removed"),
    Way.REPLY: {True: "response-required-property-removed", False: "response-optional-property-removed"},
}
_ADDED = {
    Way.REQUEST: {True: "new-required-request-property", False: "new-optional-request-property"},
    Way.REPLY: {True: "response-required-property-added", False: "response-optional-property-added"},
}


def _fresh(removed: Spot, added: Spot) -> Spot:
    return replace(removed, pointers=(removed.pointers[0], added.pointers[1]), seen=set())


def _required(spot: Spot, side: int, flat: _Flat) -> dict[str, str]:
    """Return the names that must be there, each with the pointer of its entry.

    A field that the provider alone sets need not be in a request, and one that is only sent need not be in a reply.
    """
    value = flat.value(spot.documents[side], "required")
    hidden = "readOnly" if spot.way is Way.REQUEST else "writeOnly"
    entries = {}
    for index, name in enumerate(value if isinstance(value, list) else ()):
        properties = flat.keywords.get("properties")
        field = None if properties is None else _flat(spot.documents[side], child(properties, str(name)))
        if field is None or field.value(spot.documents[side], hidden) is not True:
            entries[str(name)] = child(flat.keywords["required"], index)
    return entries


def _valued(word: str) -> Handler:
    def compare(spot: Spot) -> Found:
        if spot.differs:
            yield spot.says(
                f"-{word}-{'added' if spot.before is ABSENT else 'removed' if spot.after is ABSENT else 'changed'}"
            )

    return Handler(compare)


def flag(became: str, became_not: str) -> Handler:
    """Compare a keyword that is true, or false or absent."""

    def compare(spot: Spot) -> Found:
        before, after = spot.before is True, spot.after is True
        if before != after:
            yield spot.says(became if after else became_not)

    return Handler(compare, bool)


def one_rule(rule: str, kinds: type | tuple[type, ...] = object) -> Handler:
    """Apply one rule to whatever differs."""

    def compare(spot: Spot) -> Found:
        if spot.differs:
            yield spot.says(rule)

    return Handler(compare, kinds)


def _bound(word: str) -> Handler:
    def compare(spot: Spot) -> Found:
        # In OpenAPI 3.0, exclusiveMinimum and exclusiveMaximum are flags.
        before, after = (None if value is ABSENT or value is False else value for value in (spot.before, spot.after))
        if before is None or after is None:
            if before is not after:
                yield spot.says(f"-{word}-{'set' if before is None else 'unset'}")
        elif float(before) != float(after):
            yield spot.says(f"-{word}-{'increased' if float(before) < float(after) else 'decreased'}")

    return Handler(compare, (int, float))


def _multiple(spot: Spot) -> Found:
    if spot.differs:
        yield spot.says(
            f"-multiple-of-{'set' if spot.before is ABSENT else 'unset' if spot.after is ABSENT else 'changed'}"
        )


def _values(word: str) -> Callable[[Spot], Found]:
    def compare(spot: Spot) -> Found:
        if ABSENT in (spot.before, spot.after):
            suffix = "enum" if word == "enum" else "extensible-enum"
            yield spot.says(f"-became-{suffix}" if spot.before is ABSENT else f"-became-not-{suffix}")
            return
        sides = [
            {canonical(value): index for index, value in enumerate(() if side is ABSENT else side)}
            for side in (spot.before, spot.after)
        ]
        removed, added = (_entries(spot, sides, side, word) for side in (0, 1))
        yield from renamed(removed, added, lambda old, new: _plain(old) == _plain(new))

    return compare


def _entries(spot: Spot, sides: list[dict[str, int]], side: int, word: str) -> dict[str, Difference]:
    change = ("removed", "added")[side]
    found = {}
    for text, index in sides[side].items():
        if text not in sides[1 - side]:
            entry = replace(spot.child(*((index, None) if side == 0 else (None, index))), holder=spot.holder)
            found[text.strip('"')] = entry.says(f"-{word}-value-{change}")
    return found


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _alternatives(word: str) -> Handler:
    def compare(spot: Spot) -> Found:
        if word != "all" and ABSENT in (spot.before, spot.after):
            yield spot.says("-alternatives-began" if spot.before is ABSENT else "-alternatives-ended")
            return
        gone, new = (list(range(len(() if side is ABSENT else side))) for side in (spot.before, spot.after))
        pairs = []
        for index in list(gone):
            equal = [other for other in new if canonical(spot.before[index]) == canonical(spot.after[other])]
            if equal:
                pairs.append((index, equal[0]))
                gone.remove(index)
                new.remove(equal[0])
        if word != "all" and [new for _, new in pairs] != sorted(new for _, new in pairs):
            yield spot.says("-alternatives-reordered")
        if len(gone) == len(new):
            pairs += zip(gone, new, strict=True)
        else:
            yield from (spot.child(index, None).says(f"-{word}-of-removed") for index in gone)
            yield from (spot.child(None, index).says(f"-{word}-of-added") for index in new)
        for old, fresh in pairs:
            yield from schema(spot.child(old, fresh))

    return Handler(compare, list)


def _discriminator(spot: Spot) -> Found:
    if ABSENT in (spot.before, spot.after):
        yield spot.says("-discriminator-added" if spot.before is ABSENT else "-discriminator-removed")
        return
    mapping = Handler(_mapping, dict)
    name = one_rule("-discriminator-property-name-changed", str)
    yield from by_key(spot.members(), {"propertyName": name, "mapping": mapping})


def _mapping(spot: Spot) -> Found:
    for entry in spot.named().values():
        if entry.differs:
            change = "added" if entry.before is ABSENT else "deleted" if entry.after is ABSENT else "changed"
            yield replace(entry, holder=spot.holder).says(f"-discriminator-mapping-{change}")


def _items(spot: Spot) -> Found:
    if ABSENT in (spot.before, spot.after):
        yield spot.says("-items-set" if spot.before is ABSENT else "-items-unset")
    else:
        yield from schema(_nested(spot))


def _further_fields(spot: Spot) -> Found:
    before, after = (True if value is ABSENT or value == {} else value for value in (spot.before, spot.after))
    if isinstance(before, dict) and isinstance(after, dict):
        yield from schema(_nested(spot))
    elif before is False or after is False:
        if before is not after:
            yield spot.says(f"-additional-properties-{'allowed' if before is False else 'forbidden'}")
    elif before is not after:
        yield spot.says("-additional-properties-changed")


KEYWORDS: Mapping[str, Handler] = {
    **{keyword: _bound(bound.word) for keyword, bound in BOUNDS.items()},
    "multipleOf": Handler(_multiple, (int, float)),
    "uniqueItems": flag("-unique-items-set", "-unique-items-unset"),
    "format": one_rule("-format-changed", str),
    "pattern": _valued("pattern"),
    "const": _valued("const"),
    "default": _valued("default-value"),
    "enum": Handler(_values("enum"), list),
    "x-extensible-enum": Handler(_values("x-extensible-enum"), list),
    "deprecated": flag("-deprecated", "-reactivated"),
    "readOnly": flag("-became-read-only", "-became-not-read-only"),
    "writeOnly": flag("-became-write-only", "-became-not-write-only"),
    "oneOf": _alternatives("one"),
    "anyOf": _alternatives("any"),
    "allOf": _alternatives("all"),
    "discriminator": Handler(_discriminator, dict),
    "items": Handler(_items, dict),
    "additionalProperties": Handler(_further_fields, (bool, dict)),
    "title": one_rule("title-changed", str),
}
"""How each keyword of a schema is compared, but for types and fields, which take several keywords each."""
