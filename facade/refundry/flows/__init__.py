"""A call as a generator: what it asks of the client that drives it, without I/O."""
