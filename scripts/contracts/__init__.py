"""What reads and judges a provider's contract: nothing in here knows a generator tool."""
