"""The contract of the made-up provider: the chosen operations of its document, with its overlay applied."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from scripts.contracts import overlay, slices
from scripts.contracts.checks import check, refuse_hostile
from scripts.contracts.document import load, parse
from tests.providers.made_up import document

OVERLAY = document.HERE / "project" / "specs" / "fourth" / "overlay.yaml"


@cache
def contract() -> Mapping[str, Any]:
    """Return the effective contract, made and checked by the package's own scripts."""
    whole = parse(document.text(), "openapi.json")
    used = slices.slice_of(whole, dict.fromkeys(document.OPERATIONS, "source.toml:1"))
    refuse_hostile(used)
    effective = overlay.apply(used, load(OVERLAY))
    check(effective)
    data: Mapping[str, Any] = effective.data
    return data
