"""The providers: each a pure translation between refunds and the provider's own messages."""
