"""The servers of a contract by environment, and the hosts that it may name.

Which server is which environment is said by `x-environments` in the overlay, beside the evidence for it. A provider's
page cannot say it: an overlay adds the key to one server by its address, and fits no other.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.contracts.document import Document
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child
from scripts.contracts.sources import Source

_ENVIRONMENTS = "x-environments"
_TOKEN_ADDRESSES = ("authorizationUrl", "tokenUrl", "refreshUrl", "openIdConnectUrl")
# Where an address becomes one that a client uses. Prose, examples, and the addresses for people in `info` do not.
_FOLLOWED = ("default", "const", "enum", "x-extensible-enum")


def servers(contract: Mapping[str, Any]) -> dict[str, str]:
    """Return the address of the contract's server in each environment, by the environment's name."""
    return {
        environment: server["url"].rstrip("/")
        for server in contract.get("servers", ())
        for environment in server.get(_ENVIRONMENTS, ())
    }


def check(provider: str, document: Document, source: Source) -> None:
    """Refuse a contract that could send credentials to a host that nobody allowed.

    Raises ContractError when a server, a token address or an absolute link names a host that is not in `hosts` of
    source.toml, when two servers have one environment, or a server has none.
    """
    allow = f"a person adds a host to `hosts` in specs/{provider}/source.toml, if it is the provider's"
    for pointer, address in _addresses(document.data):
        if not source.allows(address):
            raise document.error(pointer, f"{address!r} is no https address at a host that is allowed", allow)
    taken: dict[str, str] = {}
    for index, server in enumerate(document.data.get("servers", ())):
        pointer = child("/servers", index)
        names = server.get(_ENVIRONMENTS)
        if not isinstance(names, list) or not names:
            mend = f"add `{_ENVIRONMENTS}: [production]` or the like to it in specs/{provider}/overlay.yaml"
            raise document.error(pointer, f"the server {server['url']!r} has no environment", mend)
        for name in names:
            if name in taken:
                problem = f"{server['url']!r} and {taken[name]!r} are both the {name} environment"
                raise document.error(pointer, problem, f"mend it in specs/{provider}/overlay.yaml")
            taken[name] = server["url"]


def _addresses(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for node in walk(data):
        if node.kind == "server":
            yield child(node.pointer, "url"), str(node.value.get("url"))
        elif node.kind in ("security scheme", "oauth flow"):
            at = ((child(node.pointer, key), node.value.get(key)) for key in _TOKEN_ADDRESSES)
            yield from ((pointer, value) for pointer, value in at if isinstance(value, str))
        elif node.kind == "schema":
            for key in _FOLLOWED:
                yield from _links(child(node.pointer, key), node.value.get(key))
        elif node.kind == "link":
            for key in ("operationRef", "parameters", "requestBody"):
                yield from _links(child(node.pointer, key), node.value.get(key))


def _links(pointer: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _links(child(pointer, key), part)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _links(child(pointer, index), part)
    elif isinstance(value, str) and (value.startswith("//") or "://" in value):
        yield pointer, value
