"""What a refund costs against httpx called by hand: `python -m benchmarks`, against a server on this machine."""
