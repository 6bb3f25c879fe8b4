"""Makes the changes of two contracts out of their differences: one for each thing that changed, the gravest first."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from scripts.contracts.changes import places
from scripts.contracts.changes.rules import Effect
from scripts.contracts.changes.spots import ABSENT, Difference, canonical
from scripts.contracts.changes.walk import differences


class Where(NamedTuple):
    """The place of a change.

    `pointer` leads into the newer contract, or into the older one where the newer has no such place; `node` leads to
    the field, parameter, reply or operation that the place belongs to. `place` says it in words. `uses` names the
    messages that the place is part of, and is empty for what no message holds.
    """

    pointer: str
    place: str
    uses: tuple[str, ...]
    node: str


@dataclass(frozen=True)
class Change:
    """One thing that changed.

    `rule` is its id, oasdiff's where oasdiff has one. `before` and `after` are the JSON values, None where there is
    none. `remarks` say what may lie behind the change, and never soften its effect. `rests` names what of the project
    was written with the older contract in mind.
    """

    rule: str
    effect: Effect
    where: Where
    before: Any
    after: Any
    sentence: str
    remarks: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()


def compare(before: Any, after: Any) -> tuple[Change, ...]:
    """Return what changed between two effective contracts, given as plain data; empty where nothing did.

    Pure: nothing is read but the arguments, and neither is changed. References inside a contract are followed.
    """
    groups: dict[tuple[object, ...], list[Difference]] = {}
    for found in differences(before, after):
        directed = found.rule.id.startswith("-") or found.rule.in_request is not found.rule.in_reply
        value = (canonical(found.before), canonical(found.after))
        groups.setdefault((found.rule.id, found.way if directed else None, found.pointers, *value), []).append(found)
    order = list(Effect)
    changes = [_change((before, after), group) for group in groups.values()]
    return tuple(
        sorted(changes, key=lambda each: (order.index(each.effect), each.where.pointer, each.rule, each.sentence))
    )


def gravest(changes: Iterable[Change]) -> Effect:
    """Return the gravest effect of some changes, NOTHING when there are none."""
    found = {change.effect for change in changes}
    return next((effect for effect in Effect if effect in found), Effect.NOTHING)


# How the values of some rules are written; the others are written as JSON.
_SPEAKERS: Mapping[str, Callable[[Any], str]] = {
    "-type-": places.types,
    "schema-name-changed": lambda name: places.code(name) if name else "one without a name",
}


def _change(documents: tuple[Any, Any], group: list[Difference]) -> Change:
    first = group[0]
    side = 0 if first.pointers[1] is None and first.pointers[0] is not None else 1
    node = first.node[side] or first.node[1 - side] or ""
    words = places.place(documents[side], node)
    speak = next((speak for start, speak in _SPEAKERS.items() if first.rule.id.startswith(start)), places.value)
    says = first.rule.says.format(before=speak(first.before), after=speak(first.after))
    return Change(
        rule=first.id,
        effect=first.rule.effect(first.way),
        where=Where(first.pointers[side] or node, words, tuple(sorted({each.use for each in group if each.use})), node),
        before=None if first.before is ABSENT else first.before,
        after=None if first.after is ABSENT else first.after,
        sentence=f"The {words} {says}.",
        remarks=tuple(sorted({remark for each in group for remark in each.remarks})),
    )
