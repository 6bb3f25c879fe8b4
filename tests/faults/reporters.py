"""Error reporters: each shows an exception's traceback with the variables of each function."""

import json
import traceback
from contextlib import suppress
from typing import Any

import sentry_sdk
from rich.traceback import Traceback
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from sentry_sdk.utils import event_from_exception


def reported(error: BaseException) -> dict[str, str]:
    """Return the report of each of three reporters."""
    return {
        "traceback": "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()),
        "rich": _rich(error),
        "sentry": _sentry(error),
    }


def _rich(error: BaseException) -> str:
    shown: list[str] = []
    for longest in (80, 100_000):  # by default, and without a limit
        with suppress(AttributeError):  # the reporter cannot show a half-made object
            trace = Traceback.extract(
                *(type(error), error, error.__traceback__),
                show_locals=True,
                locals_max_string=longest,
                locals_max_length=1000,
            )
            for stack in trace.stacks:
                shown.append(f"{stack.exc_type}: {stack.exc_value}")
                for frame in stack.frames:
                    shown += [f"{name} = {value}" for name, value in (frame.locals or {}).items()]
    return "\n".join(shown)


class _Keeping(Transport):
    """Keeps the events in place of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep an event."""
        self.events += [item.payload.json for item in envelope.items]


def _sentry(error: BaseException) -> str:
    keeping = _Keeping()
    # The integrations of the reporter patch other libraries for good, and do not change its tracebacks.
    with sentry_sdk.Client(
        dsn="https://key@sentry.invalid/1", transport=keeping, default_integrations=False, max_value_length=100_000
    ) as client:
        event, hint = event_from_exception(error, client_options=client.options)
        client.capture_event(event, hint=hint)
    assert keeping.events
    return json.dumps(keeping.events)
