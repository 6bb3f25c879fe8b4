"""What prints the tables of docs/ from the code and the contracts."""
