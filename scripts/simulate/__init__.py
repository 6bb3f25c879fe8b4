"""Refunds under bad luck that one seed decides: virtual clocks, an order of events, and faults of everything."""
