"""What the nox sessions run. Imports run downward: files, contracts, packages; then documentation and demo."""
