"""Checks of ids, references, credentials and addresses, before anything is sent."""

from __future__ import annotations

import re

from refundry.errors import InvalidRefund
from refundry.redaction import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from ipaddress import IPv4Address, IPv6Address
    from typing import Final

# Printable ASCII without the characters that have a meaning in an address: no server or proxy reads another path.
_PATH_ID: Final = re.compile(r"(?!\.+\Z)[!$&'()*+,\-.0-9:;=@A-Z_a-z~]{1,200}")
_HOST: Final = re.compile(r"[0-9a-z._-]+|[0-9a-f:.]+")
_BASE_URL: Final = re.compile(r"([a-z]+)://([0-9a-z._-]+|\[[0-9a-f.]*:[0-9a-f:.]*\])(?::([0-9]{1,5}))?/?")
_NUMBER: Final = re.compile(r"[0-9]*|0x[0-9a-f]*")
# Names that the Internet does not resolve: RFC 6761, 6762 and 8375, ICANN's reservation of 2024, and the names of
# services in Kubernetes. Addresses of RFC 1918 and 4193.
_PRIVATE_NAMES: Final = (".internal", ".local", ".localhost", ".test", ".home.arpa", ".svc")
_PRIVATE_NETWORKS: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_HEADER_TEXT: Final = re.compile(r"[!-~]{1,4096}")


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
    """The value as a Secret that is not sent in a header: printable, without blanks at its ends.

    InvalidRefund otherwise, which does not show the value.
    """
    if isinstance(value, str) and _is_clean(value):
        return Secret(value)
    raise InvalidRefund(
        f"{field} is not a secret: it must be printable text, not empty, and without blanks at its ends", field=field
    )


def one_of(value: object, field: str, allowed: Collection[str | None]) -> None:
    """Check that the value is one of those that are allowed. InvalidRefund otherwise, which does not show the value."""
    if value not in allowed:
        raise InvalidRefund(f"{field} is {' or '.join(filter(None, allowed))}", field=field)


def account_name(value: object) -> str:
    """The value, if it can name an account, as for `path_id`. Its InvalidRefund does not show the value."""
    if isinstance(value, str) and is_path_id(value):
        return value
    raise InvalidRefund(
        "name is not 1 to 200 characters without blanks, slashes, percent signs and line breaks", field="name"
    )


def _is_clean(value: str) -> bool:
    """Whether a text is printable, which half a surrogate pair is not, not empty, and without blanks at its ends."""
    return bool(value) and value.isprintable() and value == value.strip()


def origin(base_url: object, plain_http_to: object = None) -> str:
    """Scheme, host and port of a base URL: https, or http to this machine or to the host in `plain_http_to`.

    Raises InvalidRefund for any other URL, and for a host in `plain_http_to` that is not the one of the base URL, or
    may be on the Internet. Its message shows neither.
    """
    found = _BASE_URL.fullmatch(base_url.lower() if isinstance(base_url, str) and base_url.isascii() else "")
    scheme, host, port = found.groups() if found else ("", "", None)
    bare = host.strip("[]")
    if not found or not 0 < int(port or 443) < 2**16 or (bare != host and _address(bare) is None):
        raise InvalidRefund(
            "base_url is not scheme, host and port alone, such as 'https://refunds.example:8443'",
            field="base_url",
        )
    may_be_plain = plain_http_to is not None
    if may_be_plain and _plain_http_host(plain_http_to) != bare:
        raise InvalidRefund("plain_http_to names another host than base_url does", field="plain_http_to")
    if scheme != "https" and not (scheme == "http" and (may_be_plain or is_loopback(bare))):
        raise InvalidRefund(
            "base_url is not https; plain http is only for this very machine, and for a host of a private network that "
            "plain_http_to names",
            field="base_url",
        )
    return f"{scheme}://{host}{f':{int(port)}' if port else ''}"


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is; None for a name."""
    from ipaddress import ip_address  # only a base URL of the caller's own needs it

    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether the text of a host, a name or an address, says that it is this machine."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_private(host: str) -> bool:
    """Whether the text of a host, a name or an address, says that it is not on the Internet."""
    from ipaddress import ip_network  # as above

    address = _address(host)
    if address is not None:
        return any(address in ip_network(network) for network in _PRIVATE_NETWORKS)
    # A last label that is a number makes the resolver read an address, such as 134744072 or 0x08080808.
    numeric = _NUMBER.fullmatch(host.rpartition(".")[2])
    return not numeric and ("." not in host or host.endswith(_PRIVATE_NAMES))


def _plain_http_host(value: object) -> str:
    """The host, if its text says that it is not on the Internet. InvalidRefund otherwise."""
    host = value.lower() if isinstance(value, str) else ""
    if not _HOST.fullmatch(host):
        raise InvalidRefund("plain_http_to is not a host name alone, such as 'sandbox'", field="plain_http_to")
    if is_loopback(host) or _is_private(host):
        return host
    raise InvalidRefund(
        "plain_http_to names a host that may be on the Internet, where anybody on the way could read the credentials; "
        f"it can be a name without a dot, one that ends with {', '.join(_PRIVATE_NAMES)}, or a private address",
        field="plain_http_to",
    )


def _shown(value: object) -> str:
    return f"{value[:60]!r}" if isinstance(value, str) else f"of type {type(value).__name__}"
