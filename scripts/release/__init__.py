"""Releases: which version follows from what changed, the changelog, the stored surface, and the checks of the wheel."""
