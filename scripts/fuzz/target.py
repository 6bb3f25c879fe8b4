"""What a target is, and the promise that holds for each: the same bytes give the same verdict, in bounded time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scripts.contracts.contract import effective
from scripts.contracts.providers import PROVIDERS

MOST_SECONDS: Final = 5.0
"""The longest that one input may take, of this thread's CPU."""


class Broken(AssertionError):
    """A promise that does not hold for an input."""


@dataclass(frozen=True)
class Target:
    """One reader. `read` raises Broken, or what the reader must not raise; it returns the verdict.

    `seeds` are inputs to begin with, `words` what inputs are likely to hold. `longest` is in bytes.
    """

    read: Callable[[bytes], Hashable]
    seeds: Callable[[], Iterable[bytes]]
    words: Callable[[], Iterable[bytes]]
    longest: int = 4096


def run(target: Target, data: bytes) -> Hashable:
    """Read the input, and again; return the verdict. Raises Broken where the two differ, or one takes too long."""
    verdict = _timed(target, data)
    if verdict != (again := _timed(target, data)):
        raise Broken(f"the same bytes gave {verdict!r} and then {again!r}")
    return verdict


def run_fast(target: Target, data: bytes) -> None:
    """Read the input, and again where a checksum of it says so: one time in eight."""
    if zlib.crc32(data) % 8:
        _timed(target, data)
    else:
        run(target, data)


def _timed(target: Target, data: bytes) -> Hashable:
    began = time.thread_time()
    verdict = target.read(data)
    if time.thread_time() - began > MOST_SECONDS:
        raise Broken(f"it took more than {MOST_SECONDS} seconds")
    return verdict


def words_of_contracts() -> set[bytes]:
    """Return the names of fields and the listed values of every contract, as JSON writes them."""
    found: set[bytes] = set()
    for provider in PROVIDERS:
        for node in _objects(effective(provider)):
            values = [*node.get("enum", ()), *node.get("x-extensible-enum", ())]
            properties = node.get("properties")
            found |= {f'"{one}"'.encode() for one in values if isinstance(one, str)}
            found |= {f'"{one}":'.encode() for one in (properties if isinstance(properties, dict) else ())}
    return found


def examples(provider: str) -> Iterator[Any]:
    """Yield every example of an object in a contract."""
    for node in _objects(effective(provider)):
        several = node.get("examples")
        for one in (node.get("example"), *(several.values() if isinstance(several, dict) else ())):
            value = one.get("value", one) if isinstance(one, dict) else one
            if isinstance(value, dict | list):
                yield value


def _objects(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = [*node.values()]
    for one in node if isinstance(node, list) else ():
        yield from _objects(one)
