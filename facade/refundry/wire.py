"""Requests and replies as plain values, between the provider translations and the transports."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn

from refundry import __version__
from refundry.interruption import pass_through
from refundry.redaction import Secret

MAX_REPLY_BYTES: Final = 1024 * 1024
"""What is read of a reply's body at the most, also after decompression. A refund's reply is a few hundred bytes."""

USER_AGENT: Final = f"refundry/{__version__}"
"""What a transport of refundry says that it is."""


class Evidence(StrEnum):
    """How far an attempt to send a request came."""

    NOT_SENT = "not sent"
    """No byte of the request left."""
    MAYBE_SENT = "maybe sent"
    """Some or all of it may have left, and no reply was read."""
    ANSWERED = "answered"
    """A reply came, whatever it says."""


class Progress:
    """How far a request has come while it is being sent, for the case that the call is interrupted meanwhile.

    A transport whose `tells_progress` is True sets it to MAYBE_SENT just before it writes the first byte of the
    request. For every other transport it is MAYBE_SENT from the moment that the request is handed over.
    """

    __slots__ = ("evidence",)

    def __init__(self) -> None:
        self.evidence: Evidence = Evidence.NOT_SENT


class SecretBytes(bytes):
    """A body that holds credentials: bytes as any, but they do not show in a repr, and are not pickled."""

    def __repr__(self) -> str:
        return f"<secret, {len(self)} bytes>"

    __str__ = __repr__

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found if isinstance(found, int) else SecretBytes(found)  # reporters show the start of a long text

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a body that holds credentials is not pickled")


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request. `origin` is scheme, host and port; `target` is the path and query, percent-encoded.

    `credentials` are the headers that hold a secret; they are apart so that everything else may be shown. A body that
    holds one is SecretBytes. `progress` is what the transport says of this request while it sends it.
    """

    method: str
    origin: str
    target: str
    headers: tuple[tuple[str, str], ...]
    credentials: tuple[tuple[str, Secret], ...]
    body: bytes
    progress: Progress = field(default_factory=Progress, repr=False, compare=False)

    @property
    def url(self) -> str:
        """The whole address. It holds no credential."""
        return self.origin + self.target

    @property
    def redacted_headers(self) -> tuple[tuple[str, str], ...]:
        """All headers that the request names, each credential as "[redacted]"."""
        return (*self.headers, *((name, "[redacted]") for name, _ in self.credentials))


@dataclass(frozen=True, slots=True)
class WireReply:
    """One HTTP reply. Header names are in lower case. `complete` is False where the body ended early or was cut off.

    The headers and the body are in no repr: they may hold personal data.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool = True

    def header(self, name: str) -> str | None:
        """The first header of this name (in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def is_well_formed(self) -> bool:
        """Whether its fields are of their types, for a transport that was given may build it of anything."""
        if not (isinstance(self.status, int) and isinstance(self.body, bytes)):
            return False
        return isinstance(self.headers, tuple | list) and all(map(_is_header, self.headers))

    def __repr__(self) -> str:
        return f"<WireReply {self.status}, {len(self.body)} bytes{'' if self.complete else ', incomplete'}>"


def _is_header(pair: object) -> bool:
    return isinstance(pair, tuple | list) and [*map(type, pair)] == [str, str]


def http_date(value: str) -> float | None:
    """A date of an HTTP header, in seconds since 1970; None where it is none."""
    if not value:
        return None
    from datetime import UTC
    from email.utils import parsedate_to_datetime  # slow to import, and seldom needed

    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError) as unreadable:
        pass_through(unreadable)
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True, slots=True)
class SendFailure:
    """No reply: how far the request came, and what happened, in words that hold no part of it.

    `permanent` says that sending again soon would end the same. `retry_after` is for how many seconds the other side
    asked not to be sent to, where it did. `cause` is the exception behind it, which the caller finds as the cause of
    the one that is raised.
    """

    evidence: Evidence
    detail: str
    permanent: bool = False
    retry_after: float | None = None
    cause: BaseException | None = field(default=None, repr=False, compare=False)

    def is_well_formed(self) -> bool:
        """As of a reply."""
        return (
            isinstance(self.evidence, Evidence)
            and isinstance(self.detail, str)
            and isinstance(self.retry_after, float | int | None)
            and isinstance(self.cause, BaseException | None)
        )
