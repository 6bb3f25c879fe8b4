"""What a transport reports of an exception: how far the request came, in words that quote no part of it."""

from __future__ import annotations

import socket
import ssl
from traceback import clear_frames
from typing import TYPE_CHECKING, Final

from refundry.interruption import chain, pass_through
from refundry.wire import Evidence, SendFailure

if TYPE_CHECKING:
    from refundry.transport.http11 import Reply
    from refundry.wire import WireReply, WireRequest

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


def outcome_of_error(error: BaseException, request: WireRequest, reply: Reply) -> WireReply | SendFailure:
    """What is known of a request whose exchange ended with this error. Raises the error where it interrupted the call.

    Before the first byte nothing was sent, whatever the class of the error. After it the reply decides.
    """
    clear_variables(error)
    pass_through(error)
    words = _words_for(error)
    if request.progress.evidence is Evidence.NOT_SENT:
        permanent = isinstance(error, Unsendable | ssl.SSLCertVerificationError)
        return SendFailure(Evidence.NOT_SENT, words, permanent, cause=error)
    reply.fail(words, error)
    return reply.answer()


def clear_variables(error: BaseException) -> None:
    """Clear the variables of every function that the error has left. They hold the request and the proxy's credentials.

    The traceback keeps its functions. Those that still run keep their variables: the one that handles the error, and
    its callers. So a transport calls this in the function that takes the request, and holds no credential there.
    """
    for one in chain(error):
        clear_frames(one.__traceback__)


def _words_for(error: BaseException) -> str:
    """Words of our own: those of a library may quote what was sent."""
    if isinstance(error, Unsendable):
        return str(error)
    return next((words for kind, words in _WORDS if isinstance(error, kind)), f"failed with {type(error).__name__}")
