"""What may go out: ids, references, credentials and addresses, each checked before anything is sent."""

from __future__ import annotations

import re

from refundry.errors import InvalidRefund
from refundry.later import Later

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing
    from typing import Final

# Printable ASCII without what an address gives a meaning to, so that no server or proxy can read another path in it.
_PATH_ID: Final = re.compile(r"(?!\.+\Z)[!$&'()*+,\-.0-9:;=@A-Z_a-z~]{1,200}")
_HOST: Final = re.compile(r"[0-9a-z.-]+|[0-9a-f:.]+")
_HEADER_TEXT: Final = re.compile(r"[!-~]{1,4096}")


class Secret:
    """A credential that does not show: not in a repr, not in a format, not in a pickle. `reveal()` gives its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The credential itself."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> typing.NoReturn:
        raise TypeError("a credential is not pickled; make the provider anew where it is used")


def is_path_id(value: str) -> bool:
    """Whether a text can stand as one segment of a path without leading anywhere else."""
    return _PATH_ID.fullmatch(value) is not None


def path_id(value: object, field: str) -> str:
    """The value, if it can stand as one segment of a path without leading anywhere else. InvalidRefund otherwise."""
    if isinstance(value, str) and is_path_id(value):
        return value
    raise InvalidRefund(
        f"{field} {_shown(value)} cannot stand in an address; an id has 1 to 200 characters, and no blanks, slashes, "
        "percent signs or line breaks among them",
        field=field,
    )


def reference_text(value: object) -> str:
    """The value, if it is 1 to 255 printable characters without blanks at its ends. InvalidRefund otherwise."""
    if isinstance(value, str) and len(value) <= 255 and _is_clean(value):
        return value
    raise InvalidRefund(
        f"reference {_shown(value)} is not 1 to 255 printable characters; give your own name for this refund, "
        "the same each time you ask for it",
        field="reference",
    )


def is_header_text(value: str) -> bool:
    """Whether a text can stand in a header: printable ASCII without blanks, and not too long."""
    return _HEADER_TEXT.fullmatch(value) is not None


def credential(value: object, field: str) -> Secret:
    """The value as a Secret, if it can stand in a header. InvalidRefund otherwise, which does not show the value."""
    if isinstance(value, str) and is_header_text(value):
        return Secret(value)
    raise InvalidRefund(
        f"{field} is not a credential: it must be printable ASCII without blanks or line breaks", field=field
    )


def text_secret(value: object, field: str) -> Secret:
    """The value as a Secret that stands in no header of ours: printable, without blanks at its ends.

    InvalidRefund otherwise, which does not show the value.
    """
    if isinstance(value, str) and _is_clean(value):
        return Secret(value)
    raise InvalidRefund(
        f"{field} is not a secret: it must be printable text, not empty, and without blanks at its ends", field=field
    )


def account_name(value: object) -> str:
    """The value, if an account can be asked for by it: as for `path_id`, but InvalidRefund does not show the value."""
    if isinstance(value, str) and is_path_id(value):
        return value
    raise InvalidRefund(
        "name is not 1 to 200 characters without blanks, slashes, percent signs and line breaks", field="name"
    )


def _is_clean(value: str) -> bool:
    """Whether a text is one that can be typed and read again. A half of a surrogate pair is not printable either."""
    return bool(value) and value.isprintable() and value == value.strip()


def origin(base_url: object) -> str:
    """Scheme, host and port of a base URL. InvalidRefund unless it is https, or http to this very machine."""
    from urllib.parse import urlsplit  # only a base URL of the caller's own needs it

    text = base_url if isinstance(base_url, str) and _HEADER_TEXT.fullmatch(base_url) else ""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    if (
        not _HOST.fullmatch(host)
        or port == 0
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise InvalidRefund(
            "base_url is not scheme, host and port alone, such as 'https://refunds.example:8443'",
            field="base_url",
        )
    loopback = host == "localhost" or _is_loopback(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise InvalidRefund("base_url is not https; plain http is only for this very machine", field="base_url")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address  # only a base URL of the caller's own needs it

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(value: object) -> str:
    return f"{value[:60]!r}" if isinstance(value, str) else f"of type {type(value).__name__}"
