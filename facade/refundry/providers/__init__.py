"""The providers: one file each, a pure translation between a refund and the provider's own messages."""
