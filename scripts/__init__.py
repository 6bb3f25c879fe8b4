"""What the nox sessions run: contracts in, generated packages and checks out."""
