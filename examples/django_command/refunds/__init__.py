"""The refunds that the shop intends, and the command that makes them."""
