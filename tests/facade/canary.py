"""Credentials that nothing else looks like, and every place where they could show."""

import base64
import copy
import pickle
import traceback
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest

from refundry import Account, RefundError
from tests.facade.support import Caller
from tests.providers import RECORDS, account

# With characters that change when they are percent-encoded or written in base64.
CANARY: Final = "canary+of/the~key=="
INTEGRATOR: Final = "canary+of/the~integrator=="


def forms(secret: str) -> Iterator[str]:
    """Yield each form in which the text could show: plain, percent-encoded, and within base64 at any offset."""
    yield secret
    yield quote(secret, safe="")
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * offset + secret.encode()).decode()[4:-4]


def assert_hidden(text: str) -> None:
    """Fail where a canary is in the text, in any form."""
    found = [form for secret in (CANARY, INTEGRATOR) for form in forms(secret) if form in text]
    assert found == []


def shown(value: object) -> str:
    """Return every text that printing, formatting, inspecting and pickling a value shows."""
    texts = [repr(value), str(value), format(value), ascii(value), repr([value])]
    texts.append(repr(getattr(value, "__dict__", None)))
    for second in (pickle.dumps, copy.copy, copy.deepcopy):
        try:
            texts.append(repr(second(value)))
        except TypeError as refused:
            texts.append(str(refused))
    return "\n".join(texts)


def canaried(provider: str, **options: Any) -> Account:
    """Return an account whose credentials are canaries."""
    names = RECORDS[provider].credentials
    return account(provider, **{name: INTEGRATOR if name == "integrator_id" else CANARY for name in names}, **options)


def watched(client: Caller, provider: str, caplog: pytest.LogCaptureFixture) -> str:
    """Return every text of a refund: its outcome, the traceback with variables, the hooks and the log records."""
    texts = []
    try:
        texts.append(everything(client.ask(provider)))
    except RefundError as error:
        texts.append(everything(error))
        lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
        texts.append("".join(lines))
        assert "translation = " in texts[-1]
    texts += [shown(event) for event in (*client.attempts, *client.deviations)]
    texts += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    texts.append(caplog.text)
    return "\n".join(texts)


def everything(result: Any) -> str:
    """Return all that a refund or an exception holds, the raw reply included."""
    raw = result.raw
    held = [] if raw is None else [repr(raw.headers), raw.body.decode("latin-1"), shown(raw)]
    plain = repr(result.to_dict()) if hasattr(result, "to_dict") else repr(vars(result))
    return "\n".join([shown(result), plain, *held, pickle.dumps(result).decode("latin-1")])
