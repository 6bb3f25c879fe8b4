"""Give money back through Lab4Pay, Paybyrd and Blink, and know what happened.

Each public name is loaded when it is first used, so that importing refundry costs next to nothing. Type checkers read
`__init__.pyi`.
"""

# The one place of the version: the build reads it here, and so does the User-Agent.
__version__ = "0.1.0"

_MODULE_OF: dict[str, str] = {
    name: module
    for module, names in {
        "_provenance": "Provenance provenance",
        "accounts": "Account Blink Lab4Pay Paybyrd",
        "capabilities": "Capabilities",
        "client": "AsyncRefundClient RefundClient",
        "errors": "AuthenticationFailed InvalidRefund LedgerFailed LookupFailed NotSent OutcomeUnknown Reason"
        " ReferenceConflict RefundError RefundInProgress RefundMismatch RefundRejected Resend StillPending"
        " UnsupportedOperation WebhookRejected WebhookUnreadable",
        "ledger.answers": "HistoryLine LedgerEntry",
        "limits": "Retry Timeout",
        "money": "FULL Amount Money",
        "redaction": "Secret",
        "refund": "Attempt ContractDeviation Operation Refund RefundStatus",
        "transport": "AsyncTransport Transport",
        "webhooks": "RefundEvent",
        "wire": "Evidence Progress SendFailure WireReply WireRequest",
    }.items()
    for name in names.split()
}
# Names that go: old name -> what to use in its place, since which version the old one warns, in which it is gone.
# An old name that is in no module any more stands for the new one. A release refuses to take a public name away that no
# earlier release had here, or before the version that its row names.
_DEPRECATED: dict[str, tuple[str, str, str]] = {}
# Type checkers read __init__.pyi.
__all__ = [name for name in _MODULE_OF if name not in _DEPRECATED]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    target = name
    if name in _DEPRECATED:
        import warnings

        new, since, gone_in = _DEPRECATED[name]
        target = name if name in _MODULE_OF else new
        told = f"refundry.{name} is deprecated since {since} and gone in {gone_in}; use {new}"
        warnings.warn(told, DeprecationWarning, stacklevel=2)
    if target not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"refundry.{_MODULE_OF[target]}"), target)
    if name not in _DEPRECATED:
        globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
