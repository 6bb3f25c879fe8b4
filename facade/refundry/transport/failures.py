"""What a transport reports of an exception: how far the request came, in words that quote no part of it."""

from __future__ import annotations

import socket
import ssl
from traceback import clear_frames
from typing import Final

from refundry.interruption import chain

# The first class that fits gives the words.
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timed out"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "the connection broke"),
    (socket.gaierror, "the host's address was not found"),
    (ssl.SSLCertVerificationError, "the host's certificate is not trusted"),
    (ssl.SSLError, "the encryption failed"),
    (OSError, "the network failed"),
)


class Unsendable(Exception):
    """The request cannot be sent, and sending it again does not change that. The text says why, and holds no secret."""


def clear_variables(error: BaseException) -> None:
    """Clear the variables of every function that the error has left. They hold the request and the proxy's credentials.

    The traceback keeps its functions. Those that still run keep their variables: the one that handles the error, and
    its callers. So a transport calls this in the function that takes the request, and holds no credential there.
    """
    for one in chain(error):
        clear_frames(one.__traceback__)


def is_permanent(error: BaseException) -> bool:
    """Whether sending the same request again soon would end the same."""
    return isinstance(error, Unsendable | ssl.SSLCertVerificationError)


def words_for(error: BaseException) -> str:
    """Words of our own: those of a library may quote what was sent."""
    if isinstance(error, Unsendable):
        return str(error)
    return next((words for kind, words in _WORDS if isinstance(error, kind)), f"failed with {type(error).__name__}")
