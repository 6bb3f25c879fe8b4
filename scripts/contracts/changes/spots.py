"""One place in two contracts at once: its pointer on each side, its values, and who writes them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from scripts.contracts.changes.rules import RULES, Rule, Way
from scripts.contracts.pointers import child, get, keys, resolve
from scripts.contracts.references import target

Pointers = tuple[str | None, str | None]


class _Absent:
    """Stands for a value that one side does not have; JSON's null is a value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class Difference(NamedTuple):
    """One rule that one place meets, in one use of it. `covers` names all that it accounts for, on each side."""

    rule: Rule
    id: str
    way: Way
    use: str
    pointers: Pointers
    node: Pointers
    before: Any
    after: Any
    covers: tuple[tuple[str, ...], tuple[str, ...]]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spot:
    """A place in both documents; a pointer is None where that side has no such place.

    `scope` is oasdiff's word for the place (body, property, parameter, header), and `use` says in which message of
    which operation it stands. `holder` is set for a member of an object: it is the object. `seen` stops at a schema
    that holds itself.
    """

    documents: tuple[Any, Any]
    pointers: Pointers = ("", "")
    way: Way = Way.REQUEST
    scope: str = "body"
    use: str = ""
    holder: Pointers | None = None
    seen: set[Pointers] = field(default_factory=set, compare=False)

    @property
    def before(self) -> Any:
        """The value of the older document, or ABSENT."""
        return ABSENT if self.pointers[0] is None else resolve(self.documents[0], self.pointers[0])

    @property
    def after(self) -> Any:
        """The value of the newer document, or ABSENT."""
        return ABSENT if self.pointers[1] is None else resolve(self.documents[1], self.pointers[1])

    @property
    def sides(self) -> tuple[tuple[Any, str | None], tuple[Any, str | None]]:
        """The document and the pointer of each side."""
        return (self.documents[0], self.pointers[0]), (self.documents[1], self.pointers[1])

    @property
    def change(self) -> Literal["added", "removed", "changed", "none"]:
        """What became of the value, by its JSON."""
        if None in self.pointers:
            return "none" if self.pointers == (None, None) else "added" if self.pointers[0] is None else "removed"
        return "none" if canonical(self.before) == canonical(self.after) else "changed"

    def at(self, before: str | None, after: str | None) -> "Spot":
        """Return the spot of another place in the same message."""
        return replace(self, pointers=(before, after), holder=None)

    def paired(self, other: "Spot") -> "Spot":
        """Return the spot of this one's older place and another one's newer place, to be compared on its own."""
        return replace(self, pointers=(self.pointers[0], other.pointers[1]), holder=None, seen=set())

    def child(self, before: str | int | None, after: str | int | None) -> "Spot":
        """Return the spot of a member, by its key on each side; None where that side has none."""
        pairs = zip(self.pointers, (before, after), strict=True)
        return self.at(*(None if key is None or at is None else child(at, key) for at, key in pairs))

    def named(self) -> "dict[str, Spot]":
        """Return the spot of each member that one of the two objects has, in the order of the older one."""
        before, after = (value if isinstance(value, dict) else {} for value in (self.before, self.after))
        return {
            name: self.child(name if name in before else None, name if name in after else None)
            for name in {**before, **after}
        }

    def members(self) -> "dict[str, Spot]":
        """Return what `named` does, each member with this object as its holder."""
        return {name: replace(spot, holder=self.pointers) for name, spot in self.named().items()}

    def says(
        self, rule: str, before: Any = ABSENT, after: Any = ABSENT, covers: "Iterable[Spot] | None" = None
    ) -> Difference:
        """Return what `rule` says of this spot; the values are its own unless one is given.

        `covers` are the spots that this difference accounts for, when it is not this one alone.
        """
        if before is ABSENT and after is ABSENT:
            before, after = self.before, self.after
        name = f"{self.way.value}-{self.scope}{rule}" if rule.startswith("-") else rule
        spots = (self,) if covers is None else tuple(covers)
        old, new = (tuple(at for spot in spots if (at := spot.pointers[side]) is not None) for side in (0, 1))
        node = self.holder or self.pointers
        return Difference(RULES[rule], name, self.way, self.use, self.pointers, node, before, after, (old, new))


def canonical(value: Any) -> str:
    """Return a text that two values share when they are the same JSON: 1, 1.0 and true are three values."""
    return "absent" if value is ABSENT else json.dumps(value, sort_keys=True)


def without_references(spot: Spot) -> tuple[Spot, list[Difference]]:
    """Follow a reference on each side; a value that moved behind one is said to be written in another way."""
    before, after = (_end(*side) for side in spot.sides)
    followed = replace(spot, pointers=(before, after))
    moved = spot.change == "changed" and followed.pointers != spot.pointers
    return followed, [spot.says("written-differently")] if moved else []


def _end(document: Any, pointer: str | None) -> str | None:
    passed = set()
    while pointer is not None and pointer not in passed:
        passed.add(pointer)
        value = get(document, pointer)
        if isinstance(value, dict) and isinstance(value.get("$ref"), str) and get(document, target(value["$ref"])):
            pointer = target(value["$ref"])
    return pointer


class Leaf(NamedTuple):
    """A smallest part that differs between two JSON trees. `order` says that only the order of a list does."""

    pointers: Pointers
    order: bool = False


def leaves(before: Any, after: Any, at: tuple[str, str] = ("", "")) -> Iterator[Leaf]:
    """Yield every part in which two JSON trees differ. Equal entries of two lists are paired first."""
    if canonical(before) == canonical(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            here = (child(at[0], key), child(at[1], key))
            if key in before and key in after:
                yield from leaves(before[key], after[key], here)
            else:
                yield Leaf((here[0] if key in before else None, here[1] if key in after else None))
    elif isinstance(before, list) and isinstance(after, list):
        gone, new = _only_in(before, after), _only_in(after, before)
        if not gone and not new:
            yield Leaf(at, order=True)
        elif len(gone) == len(new):
            for old, fresh in zip(gone, new, strict=True):
                yield from leaves(before[old], after[fresh], (child(at[0], old), child(at[1], fresh)))
        else:
            yield from (Leaf((child(at[0], index), None)) for index in gone)
            yield from (Leaf((None, child(at[1], index))) for index in new)
    else:
        yield Leaf(at)


def _only_in(one: list[Any], other: list[Any]) -> list[int]:
    """Return the positions of the entries that have no equal one left in the other list."""
    left = Counter(map(canonical, other))
    positions = []
    for index, value in enumerate(one):
        left[canonical(value)] -= 1
        if left[canonical(value)] < 0:
            positions.append(index)
    return positions


# The order of these lists means nothing.
_UNORDERED = frozenset({"enum", "parameters", "required", "tags", "type", "x-extensible-enum"})


def residue(documents: tuple[Any, Any], found: Iterable[Difference]) -> Iterator[Difference]:
    """Yield a difference for every part of two documents that differs and that `found` does not account for."""
    covered: tuple[set[str], set[str]] = (set(), set())
    for difference in found:
        for side in (0, 1):
            covered[side].update(difference.covers[side])
    for leaf in leaves(*documents):
        ends = zip(documents, leaf.pointers, covered, strict=True)
        if not all(at is None or _accounted(document, at, known) for document, at, known in ends):
            at = leaf.pointers[1] or leaf.pointers[0] or ""
            spot = Spot(documents, leaf.pointers)
            if leaf.order and keys(at)[-1:] and keys(at)[-1] in _UNORDERED:
                yield spot.says("order-changed")
            elif None in leaf.pointers and {canonical(spot.before), canonical(spot.after)} & {"[]", "{}"}:
                yield spot.says("written-differently")
            else:
                yield spot.says("unlisted-difference")


def _accounted(document: Any, pointer: str, known: set[str]) -> bool:
    """Whether a part lies within one that is known, or holds nothing but such parts."""
    above = pointer
    while above and above not in known:
        above = above.rpartition("/")[0]
    if above in known:
        return True
    value = get(document, pointer)
    inner = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return bool(inner) and all(_accounted(document, child(pointer, key), known) for key in inner)
