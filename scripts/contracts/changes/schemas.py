"""Compares two schemas: what a value may be, the fields of an object, and the names that classes get."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from scripts.contracts.changes.places import code, plain
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
            found = [spot.says(WORDS.get(key, "unknown-keyword-changed"))] if spot.change != "none" else []
        else:
            found = list(handler.compare(spot))
            # Lists and objects are compared part by part, and what is left of them is found at the end.
            if not found and spot.change != "none" and (len(values) == 1 or not isinstance(values[0], dict | list)):
                found = [spot.says("written-differently")]
        yield from found


def by_change(
    added: str, removed: str, changed: str | Callable[[Spot], Found], kinds: type | tuple[type, ...] = object
) -> Handler:
    """Apply a rule to what is new and one to what is gone; `changed` is a rule too, or compares the two values."""

    def compare(spot: Spot) -> Found:
        if spot.change in ("added", "removed"):
            yield spot.says(added if spot.change == "added" else removed)
        elif callable(changed):
            yield from changed(spot)
        elif spot.change == "changed":
            yield spot.says(changed)

    return Handler(compare, kinds)


def one_rule(rule: str, kinds: type | tuple[type, ...] = object) -> Handler:
    """Apply one rule to whatever differs."""
    return by_change(rule, rule, rule, kinds)


def flag(became: str, became_not: str) -> Handler:
    """Compare a keyword that is true, or false or absent."""

    def compare(spot: Spot) -> Found:
        before, after = spot.before is True, spot.after is True
        if before != after:
            yield spot.says(became if after else became_not)

    return Handler(compare, bool)


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
    candidates = " or ".join(map(code, sorted(names)))
    return difference._replace(remarks=(remark.replace("{}", candidates),)) if names else difference


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

    def names(self, document: Any) -> dict[str, str]:
        """Return the pointer of each field, in the order of the page."""
        properties = self.value(document, "properties")
        names = properties if isinstance(properties, dict) else ()
        return {name: child(self.keywords["properties"], name) for name in names}


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
    before, after = (_flat(*side) for side in spot.sides)
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
        found = [each.says("written-differently") for each in (kind, null) if each.change != "none"]
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
    names = [flat.names(document) for flat, document in zip((before, after), spot.documents, strict=True)]
    must = [_required(spot, side, flat) for side, flat in enumerate((before, after))]
    spots = {
        name: _nested(spot.at(names[0].get(name), names[1].get(name))) for name in sorted({**names[0], **names[1]})
    }
    entries = {name: spot.at(must[0].get(name), must[1].get(name)) for name in sorted({**spots, **must[0], **must[1]})}
    removed, added = {}, {}
    for name, field in spots.items():
        if field.change == "removed":
            removed[name] = field.says(_REMOVED[spot.way][name in must[0]], covers=[field, entries[name]])
        elif field.change == "added":
            closed = spot.way is Way.REPLY and before.value(spot.documents[0], "additionalProperties") is False
            rule = "response-property-added-to-closed-object" if closed else _ADDED[spot.way][name in must[1]]
            added[name] = field.says(rule, covers=[field, entries[name]])
        else:
            yield from schema(field)
    yield from renamed(removed, added, lambda old, new: is_same(schema(spots[old].paired(spots[new]))))
    for name, entry in entries.items():
        if entry.change in ("added", "removed") and name not in removed and name not in added:
            place = spots.get(name) or _nested(entry)
            rule = "-became-required" if entry.change == "added" else "-became-optional"
            yield place.says(rule, name in must[0], name in must[1], covers=[entry])
    if [name for name in names[0] if name in names[1]] != [name for name in names[1] if name in names[0]]:
        yield spot.says("properties-reordered", list(names[0]), list(names[1]), covers=())


_REMOVED = {
    Way.REQUEST: dict.fromkeys((True, False), "request-property-removed"),
    Way.REPLY: {True: "response-required-property-removed", False: "response-optional-property-removed"},
}
_ADDED = {
    Way.REQUEST: {True: "new-required-request-property", False: "new-optional-request-property"},
    Way.REPLY: {True: "response-required-property-added", False: "response-optional-property-added"},
}


def _required(spot: Spot, side: int, flat: _Flat) -> dict[str, str]:
    """Return the names that must be there, each with the pointer of its entry.

    A field that the provider alone sets need not be in a request, and one that is only sent need not be in a reply.
    """
    document, hidden = spot.documents[side], "readOnly" if spot.way is Way.REQUEST else "writeOnly"
    value, fields = flat.value(document, "required"), flat.names(document)
    return {
        str(name): child(flat.keywords["required"], index)
        for index, name in enumerate(value if isinstance(value, list) else ())
        if _flat(document, fields.get(str(name))).value(document, hidden) is not True
    }


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


def _values(rule: str) -> Callable[[Spot], Found]:
    def compare(spot: Spot) -> Found:
        old, new = ({canonical(value): index for index, value in enumerate(side)} for side in (spot.before, spot.after))
        entries = {text: spot.child(old.get(text), new.get(text)) for text in {**old, **new}}
        found: dict[str, dict[str, Difference]] = {"added": {}, "removed": {}, "none": {}}
        for text, entry in entries.items():
            if entry.change != "none":
                difference = replace(entry, holder=spot.holder).says(f"{rule}-{entry.change}")
                found[entry.change][text.strip('"')] = difference
        yield from renamed(found["removed"], found["added"], lambda one, other: plain(one) == plain(other))

    return compare


def _alternatives(word: str) -> Callable[[Spot], Found]:
    def compare(spot: Spot) -> Found:
        gone, new = (list(range(len(() if side is ABSENT else side))) for side in (spot.before, spot.after))
        pairs = []
        for index in list(gone):
            equal = [other for other in new if spot.child(index, other).change == "none"]
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

    return compare


def _forms(word: str) -> Handler:
    return by_change("-alternatives-began", "-alternatives-ended", _alternatives(word), list)


_MAPPED = by_change("-discriminator-mapping-added", "-discriminator-mapping-deleted", "-discriminator-mapping-changed")
_DISCRIMINATOR: Mapping[str, Handler] = {
    "propertyName": one_rule("-discriminator-property-name-changed", str),
    "mapping": Handler(lambda spot: by_key(spot.members(), dict.fromkeys(spot.named(), _MAPPED)), dict),
}


def _nested_schema(spot: Spot) -> Found:
    return schema(_nested(spot))


def _further_fields(spot: Spot) -> Found:
    before, after = (True if value is ABSENT or value == {} else value for value in (spot.before, spot.after))
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _nested_schema(spot)
    elif before is False or after is False:
        if before is not after:
            yield spot.says(f"-additional-properties-{'allowed' if before is False else 'forbidden'}")
    elif before is not after:
        yield spot.says("-additional-properties-changed")


KEYWORDS: Mapping[str, Handler] = {
    **{keyword: _bound(bound.word) for keyword, bound in BOUNDS.items()},
    "multipleOf": by_change("-multiple-of-set", "-multiple-of-unset", "-multiple-of-changed", (int, float)),
    "uniqueItems": flag("-unique-items-set", "-unique-items-unset"),
    "format": one_rule("-format-changed", str),
    "pattern": by_change("-pattern-added", "-pattern-removed", "-pattern-changed", str),
    "const": by_change("-const-added", "-const-removed", "-const-changed"),
    "default": by_change("-default-value-added", "-default-value-removed", "-default-value-changed"),
    "enum": by_change("-became-enum", "-became-not-enum", _values("-enum-value"), list),
    "x-extensible-enum": by_change(
        "-became-extensible-enum", "-became-not-extensible-enum", _values("-x-extensible-enum-value"), list
    ),
    "deprecated": flag("-deprecated", "-reactivated"),
    "readOnly": flag("-became-read-only", "-became-not-read-only"),
    "writeOnly": flag("-became-write-only", "-became-not-write-only"),
    "oneOf": _forms("one"),
    "anyOf": _forms("any"),
    "allOf": Handler(_alternatives("all"), list),
    "discriminator": by_change(
        "-discriminator-added", "-discriminator-removed", lambda spot: by_key(spot.members(), _DISCRIMINATOR), dict
    ),
    "items": by_change("-items-set", "-items-unset", _nested_schema, dict),
    "additionalProperties": Handler(_further_fields, (bool, dict)),
    "title": one_rule("title-changed", str),
}
"""How each keyword of a schema is compared, but for types and fields, which take several keywords each."""
