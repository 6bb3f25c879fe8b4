"""What a provider was asked and how it replied, and where a reply departs from the contract."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from refundry import Timeout, Transport
from refundry.departures import Departure, Validator
from refundry.wire import SendFailure, WireReply, WireRequest
from scripts.contracts.openapi import operations


@dataclass(frozen=True)
class Exchange:
    """One request and its reply. `operation` is the operationId, "" for a request that the contract does not have.

    `body` is None where the reply is no JSON. The values in it may be secrets or personal data: a report shows none
    but words of the contract. `failure` says what happened where no reply came.
    """

    operation: str
    status: int | None
    media_type: str
    body: Any
    seconds: float
    departures: tuple[Departure, ...]
    failure: str = ""


class Recorder:
    """A transport that hands on each request, and reads each reply strictly."""

    tells_progress = True

    def __init__(self, transport: Transport, contract: Mapping[str, Any]) -> None:
        self._transport = transport
        self._validator = Validator(contract, extra="sandbox")
        self._operations = [*_operations(contract)]
        self.exchanges: list[Exchange] = []

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it, and keep what came of it."""
        began = time.monotonic()
        answer = self._transport.send(request, timeout)
        self.exchanges.append(self._read(request, answer, time.monotonic() - began))
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _read(self, request: WireRequest, answer: WireReply | SendFailure, seconds: float) -> Exchange:
        path = request.target.partition("?")[0]
        found = ((at, name) for method, form, at, name in self._operations if _fits(request.method, path, method, form))
        at, operation = next(found, ("", ""))
        if isinstance(answer, SendFailure):
            return Exchange(operation, None, "", None, seconds, (), f"{answer.evidence.value}: {answer.detail}")
        media_type = (answer.header("content-type") or "").partition(";")[0].strip().lower()
        try:
            body = json.loads(answer.body) if answer.body else None
        except (ValueError, RecursionError):
            body = None
        try:
            departures = (
                self._validator.departures_of_reply(at, answer.status, answer.body, json.loads)
                if at
                else (Departure("", "paths", "/paths"),)
            )
        except (ValueError, RecursionError):
            departures = (Departure("", "not JSON", f"{at}/responses"),)
        return Exchange(operation, answer.status, media_type, body, seconds, departures)


def _operations(contract: Mapping[str, Any]) -> Iterator[tuple[str, re.Pattern[str], str, str]]:
    """Each operation: its method, the form of its path, its pointer in the contract, its operationId."""
    for at, method, path, operation in operations(contract):
        form = re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{.+?\}", path)))
        yield method.upper(), form, at, operation.get("operationId", "")


def _fits(asked: str, path: str, method: str, form: re.Pattern[str]) -> bool:
    return asked == method and form.fullmatch(path) is not None
