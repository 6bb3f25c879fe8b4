"""What writes the generated packages from the contracts, compares them with the contracts, and locks them."""
