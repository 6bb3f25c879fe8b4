"""refundry_blink: types and calls of Blink API, made from its contract. Written by `nox -s generate`; do not edit."""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
