"""Refunds at all three providers in one run, over HTTP to the sandbox: `python -m scripts.demo`."""
