"""What proves that a callback comes from its provider. A wrong proof takes as long to compare as the right one."""

from __future__ import annotations

import hmac
from base64 import b64decode
from hashlib import sha256
from typing import TYPE_CHECKING

from refundry.errors import InvalidRefund
from refundry.interruption import pass_through

if TYPE_CHECKING:
    from refundry.redaction import Secret


def is_signed(message: bytes, key: Secret, given: str) -> bool:
    """Whether `given` is the HMAC-SHA256 of the message, in hexadecimal."""
    expected = hmac.new(key.reveal().encode(), message, sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), given.strip().lower().encode("utf-8", "replace"))


def is_same(given: str, secret: Secret) -> bool:
    """Whether `given` is the secret."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.reveal().encode())


def is_basic(given: str, username: Secret, password: Secret) -> bool:
    """Whether `given` is an Authorization header of HTTP Basic with this name and password."""
    scheme, _, encoded = given.partition(" ")
    try:
        text = b64decode(encoded.strip(), validate=True)
    except ValueError as error:
        pass_through(error)
        text = b""
    expected = f"{username.reveal()}:{password.reveal()}".encode()
    return hmac.compare_digest(text, expected) and scheme.lower() == "basic"


def no_proof(account: str, missing: str, field: str) -> InvalidRefund:
    """The error for a callback to an account without the secrets that prove it."""
    return InvalidRefund(f"{account} has {missing}, without which no callback can be believed", field=field)
