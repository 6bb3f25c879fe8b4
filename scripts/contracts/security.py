"""How a contract authenticates its operations: the credentials that go with every request, one for each key."""

import re
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import Any, NamedTuple

from scripts.contracts import remedies
from scripts.contracts.document import Fault
from scripts.contracts.openapi import identifier, operations
from scripts.contracts.pointers import child, get, jsonpath

_SCHEMES = "/components/securitySchemes"
# The other arguments and the methods of a generated client.
_TAKEN = frozenset(
    {"auth_header_name", "auth_headers", "auth_params", "base_url", "cookies", "follow_redirects", "headers", "prefix"}
    | {"httpx_args", "raise_on_unexpected_status", "send", "asend", "timeout", "token", "verify_ssl", "self"}
)
_PLAIN = re.compile(r"[!#$%&*+.^_|~A-Za-z0-9-]+")


class Credential(NamedTuple):
    """A value that proves who sends: where it goes ("header" or "query"), under which name, after which word.

    `scheme` is its name in the contract, and `argument` the name of the client's argument for it.
    """

    scheme: str
    place: str
    name: str
    prefix: str

    @property
    def argument(self) -> str:
        """The name of the client's argument for it, where it is not the first one, which is `token`."""
        name = identifier(self.scheme)
        return f"{name}_key" if name in _TAKEN or iskeyword(name) else name

    @property
    def on_the_wire(self) -> tuple[str, str, str]:
        """What is sent: schemes that send the same are one."""
        return self.place, self.name.lower(), self.prefix


# What a client sends where the contract names no security scheme.
BEARER = Credential("bearer", "header", "Authorization", "Bearer")


def credentials(contract: Mapping[str, Any]) -> tuple[Credential, ...]:
    """Return the credentials of a contract that `faults` finds nothing amiss with.

    Where an operation lists alternatives, it is the first one that serves every operation.
    """
    found = next(iter(_shared(contract)[0]), (BEARER,))
    return tuple(sorted(found, key=lambda one: one.place != "header"))


def needed(contract: Mapping[str, Any], operation: Mapping[str, Any]) -> bool:
    """Whether an operation is sent with the credentials of its contract."""
    return any(_credentials(contract, option) for option in _options(contract, operation))


def faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what keeps the operations of a contract from being authenticated by the same credentials."""
    odd = _shared(data)[1]
    if not odd:
        return
    mend = _CHOOSE.format(jsonpath(data, odd))
    names = list(dict.fromkeys(name for option in _options(data, get(data, odd)) for name in option))
    found = [(name, problem) for name in names if (problem := _problem(data, name))]
    for name, problem in found:
        yield Fault(child(_SCHEMES, name), f"the key {name!r} {problem}", mend)
    if not found:
        yield Fault(child(odd, "security"), "no one set of keys serves this operation and those before it", mend)


_CHOOSE = f"{remedies.OVERLAY}: `target: {{}}`, `update: {{{{security: [...]}}}}` with keys that every operation has"


def _options(data: Mapping[str, Any], operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the alternatives of an operation, each a set of keys. An empty one says that it goes without as well."""
    listed = operation.get("security", data.get("security"))
    return [option for option in listed if isinstance(option, dict) and option] if isinstance(listed, list) else []


def _problem(data: Mapping[str, Any], name: str) -> str:
    scheme = _schemes(data).get(name)
    if not isinstance(scheme, dict):
        return "is not described"
    if scheme.get("type") != "apiKey":
        return ""
    if scheme.get("in") == "cookie":
        return "is a cookie, and cookies are not sent"
    return "" if _PLAIN.fullmatch(str(scheme.get("name"))) else f"is sent as {scheme.get('name')!r}, no plain name"


def _schemes(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found = get(data, _SCHEMES)
    return found if isinstance(found, dict) else {}


def _shared(data: Mapping[str, Any]) -> tuple[list[tuple[Credential, ...]], str]:
    """Return each set of credentials that serves every operation, and the pointer of the first that none serves."""
    shared: list[tuple[Credential, ...]] | None = None
    for pointer, _, _, operation in operations(data):
        sets = [found for option in _options(data, operation) if (found := _credentials(data, option)) is not None]
        if not _options(data, operation) or () in sets:
            continue
        known = [{one.on_the_wire for one in found} for found in sets]
        shared = sets if shared is None else [one for one in shared if {each.on_the_wire for each in one} in known]
        if not shared:
            return [], pointer
    return shared or [], ""


def _credentials(data: Mapping[str, Any], option: Mapping[str, Any]) -> tuple[Credential, ...] | None:
    """Return the credentials of one alternative; None where one of its keys cannot be sent."""
    found: dict[tuple[str, str], Credential] = {}
    for name in option:
        if _problem(data, name):
            return None
        scheme = _schemes(data)[name]
        kind, word = scheme.get("type"), str(scheme.get("scheme")).lower()
        if kind == "apiKey":
            one = Credential(name, str(scheme.get("in")), str(scheme.get("name")), "")
        elif kind in ("oauth2", "openIdConnect"):
            one = Credential(name, "header", "Authorization", "Bearer")
        elif kind == "http":
            one = Credential(name, "header", "Authorization", word.capitalize())
        else:
            # The certificate of mutual TLS belongs to the connection.
            continue
        if found.setdefault(one.on_the_wire[:2], one).on_the_wire != one.on_the_wire:
            return None
    return tuple(found.values())
