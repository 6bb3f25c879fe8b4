"""The contract that this package was made from, and its messages as JSON Schema"""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from typing import Any, Final, Literal, NamedTuple


class Contract(NamedTuple):
    """What a contract is. Compare two of these to know whether it changed; a change need not break anything.

    `version` is the provider's own word for it. `retrieved` is the day on which the published page was taken, None
    where there is no page. `vendored_sha256` is the hash of the provider's contract, `vendored.json` in this package:
    it changes when the provider's page does. `sha256` is the hash of the effective contract, `contract.json`: it changes
    with our overlay as well.
    """

    version: str
    retrieved: date | None
    sha256: str
    vendored_sha256: str


CONTRACT: Final = Contract(
    version="1.0.0",
    retrieved=date(2026, 11, 22),
    sha256="2c339dfce087b9d40508ba6d3f9a57f9237f42747abd895414b3b102ab4b7ec2",
    vendored_sha256="02f356cc478a2c95e9ea1188c52d9ed8ebba13bc284c7ce6627950b01bd2e6f5",
)
"""The contract that this package was made from"""


def contract(which: Literal["effective", "vendored"] = "effective") -> dict[str, Any]:
    """Read the OpenAPI document that this package was made from; each call makes a new one

    "effective" is the provider's contract with our overlay applied, "vendored" the provider's own, as published but
    without its prose.

    Raises:
        ValueError: If `which` is neither.
    """
    if which not in ("effective", "vendored"):
        raise ValueError(f"{which!r} is neither 'effective' nor 'vendored'")
    return _read("contract.json" if which == "effective" else "vendored.json")


def schema(name: str) -> dict[str, Any]:
    """Return a message of the effective contract as JSON Schema 2020-12 that needs no other document

    It allows what the contract allows, and a value that an open enum does not list: the listed ones are the annotation
    `x-extensible-enum`. Only a format is as strict as the validator that reads it. `$id` holds the hash of the contract.
    What a JSON Schema cannot say is whether a whole number is written with a fraction: it allows 1.0 for 1.

    Raises:
        ValueError: If the contract has no schema of this name.
    """
    definitions = _read("definitions.json")
    if name not in definitions:
        raise ValueError(
            f"the contract has no schema {name!r}; it has {', '.join(sorted(definitions))}"
        )
    needed: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in needed:
            needed[one] = definitions[one]
            waiting += _references(definitions[one])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:refundry:lab4pay:{name}:sha256:{CONTRACT.sha256}",
        "$ref": f"#/$defs/{name}",
        "$defs": dict(sorted(needed.items())),
    }


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for entry in part for name in _references(entry)]
    if not isinstance(part, dict):
        return []
    own = (
        [part["$ref"].removeprefix("#/$defs/")]
        if isinstance(part.get("$ref"), str)
        else []
    )
    return own + [
        name
        for key, entry in part.items()
        if key != "$ref"
        for name in _references(entry)
    ]


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        files(__package__ or "").joinpath(name).read_text("utf-8")
    )
    return found


__all__ = ["CONTRACT", "Contract", "contract", "schema"]
