"""Adds a provider: its contract, its generated package, and a skeleton of what a person writes."""
