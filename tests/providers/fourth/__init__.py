"""A made-up provider, kept out of the package: it shows that the kit is complete, and what a new provider needs."""
