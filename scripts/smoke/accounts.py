"""The account that a smoke run uses: from the environment, and never one at a production host."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from refundry import Account, InvalidRefund
from refundry.accounts import KINDS
from refundry.environment import from_environment
from refundry.validation import is_loopback


class Refused(Exception):
    """The run cannot begin; one line says what to do."""


def account(provider: str, variables: Mapping[str, str], name: str | None = None) -> Account:
    """Return the one account of this provider that the variables describe.

    Raises Refused where there is none, several without a `name`, and for a host that is not the provider's sandbox.
    """
    prefix = f"REFUNDRY_{provider.upper()}_"
    try:
        found = from_environment({key: value for key, value in variables.items() if key.startswith(prefix)})
    except InvalidRefund as refused:
        raise Refused(str(refused)) from None
    chosen = [one for one in found if name in (None, one.name)]
    if len(chosen) != 1:
        names = ", ".join(one.name for one in found)
        raise Refused(f"the environment has the accounts {names}: choose one with --account")
    (one,) = chosen
    if not _is_sandbox(one):
        raise Refused(
            f"{one.origin} is not the sandbox of {provider}: set {prefix}ENVIRONMENT=sandbox; "
            "a smoke run sends to the sandbox's host or to this machine alone"
        )
    return one


def shares_its_host(account: Account) -> bool:
    """Whether this account's host serves production as well, so that nothing but the keys tells a test from money."""
    hosts = {urlsplit(kind.HOSTS["production"]).hostname for kind in KINDS.values()}
    return urlsplit(account.origin).hostname in hosts


def _is_sandbox(account: Account) -> bool:
    host = urlsplit(account.origin).hostname or ""
    return host == urlsplit(account.HOSTS["sandbox"]).hostname or is_loopback(host)
