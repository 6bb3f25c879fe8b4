"""Walks every interleaving of a few calls for one reference, over the functions that run in production."""
