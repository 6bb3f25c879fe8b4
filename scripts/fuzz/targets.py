"""The targets by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scripts.fuzz import ingest, reply, webhook, wire
from scripts.fuzz.target import Target

TARGETS: Final[Mapping[str, Target]] = {
    "reply": reply.TARGET,
    "webhook": webhook.TARGET,
    "ingest": ingest.TARGET,
    "wire": wire.TARGET,
}
