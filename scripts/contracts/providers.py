"""The providers that have a contract, where the contracts stand, and what is named after a provider."""

from scripts.files import ROOT

PROVIDERS: tuple[str, ...] = ("lab4pay", "paybyrd", "blink")
SPECS = ROOT / "specs"


def package_name(provider: str) -> str:
    """Return the import name of a provider's generated package."""
    return f"refundry_{provider}"
