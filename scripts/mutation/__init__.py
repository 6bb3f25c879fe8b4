"""Mutation testing: small faults in the modules that decide about money, and the tests that find them."""
