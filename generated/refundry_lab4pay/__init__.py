"""refundry_lab4pay: types and calls of Pay-Connect API, made from its contract. Written by `nox -s generate`; do not edit."""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
