"""The providers that have a contract, where the contracts stand, and what is named after a provider."""

from scripts.files import ROOT

SPECS = ROOT / "specs"
PROVIDERS: tuple[str, ...] = tuple(sorted(path.parent.name for path in SPECS.glob("*/source.toml")))


def package_name(provider: str) -> str:
    """Return the import name of a provider's generated package."""
    return f"refundry_{provider}"


def carried_contract(provider: str) -> str:
    """Return the path of the effective contract that a provider's generated package carries, from the root."""
    return f"generated/{package_name(provider)}/contract.json"
