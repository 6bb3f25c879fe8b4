"""refundry_blink: types and calls of Blink API, made from its contract. Written by `nox -s generate`; do not edit."""

# Nothing is imported before it is used: the hosts alone cost next to nothing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client import AuthenticatedClient, Client
    from .contracts import CONTRACT, contract, schema

SERVERS: dict[str, str] = {
    "production": "https://secure.blinkpayment.co.uk",
    "sandbox": "https://secure.blinkpayment.co.uk",
}
"""The provider's servers by environment, from the contract. A client takes none of them by itself: give `base_url`."""

_MODULE_OF = {
    "AuthenticatedClient": "client",
    "Client": "client",
    "CONTRACT": "contracts",
    "contract": "contracts",
    "schema": "contracts",
}

__all__ = (
    "CONTRACT",
    "SERVERS",
    "AuthenticatedClient",
    "Client",
    "contract",
    "schema",
)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
