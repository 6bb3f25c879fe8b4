"""The access tokens of one account: one fetch however many calls need it, and renewed before it expires."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final

from refundry.owner import Guarded, Owner
from refundry.providers.credentials import IssuedToken

if TYPE_CHECKING:
    from refundry.providers.credentials import Credentials
    from refundry.wire import SendFailure

# A token is renewed when a tenth of its life is left, and not earlier than a minute before its end.
_MARGIN: Final = 0.1
_LONGEST_MARGIN: Final = 60.0
_SECONDS_BEFORE_ANOTHER: Final = 5.0
LONGEST_LIFE: Final = 3600.0
"""The seconds that a token is kept at most. A provider that documents no unit may mean another one than seconds."""


@dataclass(slots=True, eq=False)
class Fetch:
    """A fetch that is under way since `began`. Its owner does it; the other calls wait for it.

    The future gives what came of it: the access, a failure, or None where the call that did it was broken off. It gives
    nothing where even that was prevented, so who waits looks now and then whether the owner is still running.
    """

    owner: Owner
    began: float
    future: Future[Credentials | SendFailure | None] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.future.set_running_or_notify_cancel()  # so that one who gives up waiting does not cancel it for all


class TokenCache(Guarded):
    """The token of an account, for any number of threads or tasks. It fetches nothing itself."""

    def __init__(self) -> None:
        super().__init__()
        self._access: Credentials | None = None
        self._fresh_until = self._good_until = 0.0
        self._fetch: Fetch | None = None

    def take(self, owner: Owner) -> Credentials | Fetch:
        """The access to use, or the fetch to do (where its owner is this one) or to wait for.

        While a token that is still good is being renewed, the others go on with it.
        """
        now = monotonic()
        with self._lock:
            fetch = self._fetch
            if fetch is not None and not fetch.owner.is_running():
                fetch = None
            if self._access is not None and now < (self._good_until if fetch else self._fresh_until):
                return self._access
            if fetch is None:
                fetch = self._fetch = Fetch(owner, now)
            return fetch

    def give(self, fetch: Fetch, came: IssuedToken | SendFailure | None) -> Credentials | SendFailure | None:
        """End a fetch with what came of it, None where it was broken off. A token's life counts from its beginning.

        Returns what to go on with. That is the token from before where it is still good and could not be renewed.
        """
        now = monotonic()
        use: Credentials | SendFailure | None
        with self._lock:
            if isinstance(came, IssuedToken):
                use = came.credentials
                life = min(came.lifetime, LONGEST_LIFE)
                self._good_until = fetch.began + life
                self._fresh_until = self._good_until - min(_MARGIN * life, _LONGEST_MARGIN)
                self._access = came.credentials
            elif self._access is not None and now < self._good_until:
                use = self._access
                if came is not None:  # not each of the next calls has to find out that it cannot be renewed
                    pause = max(_SECONDS_BEFORE_ANOTHER, came.retry_after or 0.0)
                    self._fresh_until = min(now + pause, self._good_until)
            else:
                use = came
            if self._fetch is fetch:
                self._fetch = None
        if not fetch.future.done():  # a call may be broken off after it has ended its fetch
            fetch.future.set_result(use)
        return use

    def discard(self, access: Credentials) -> None:
        """Forget this token, which the provider has refused. One that was fetched since stays."""
        with self._lock:
            if self._access is access:
                self._access = None
