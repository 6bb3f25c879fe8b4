"""One smallest refund at a provider's own sandbox, read strictly: `python -m scripts.smoke PROVIDER`."""
