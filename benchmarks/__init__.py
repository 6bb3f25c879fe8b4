"""What a refund costs, compared with httpx called by hand: `python -m benchmarks`, with a server on this machine."""
