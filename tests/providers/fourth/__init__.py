"""A made-up provider, kept out of the package: it shows that the kit is whole, and what a new provider needs."""
