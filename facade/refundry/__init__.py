"""Give money back through Lab4Pay, Paybyrd and Blink, and know what happened.

Each public name is loaded when it is first used, so that importing refundry costs next to nothing.
"""

# The one place of the version: the build reads it here, and so does what is sent as User-Agent.
__version__ = "0.1.0"

# Type checkers take a name so spelled as true. Importing it from typing would be most of what importing refundry costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refundry.accounts import Account as Account
    from refundry.accounts import Blink as Blink
    from refundry.accounts import Lab4Pay as Lab4Pay
    from refundry.accounts import Paybyrd as Paybyrd
    from refundry.checks import Secret as Secret
    from refundry.client import AsyncRefundClient as AsyncRefundClient
    from refundry.client import RefundClient as RefundClient
    from refundry.errors import AuthenticationFailed as AuthenticationFailed
    from refundry.errors import InvalidRefund as InvalidRefund
    from refundry.errors import LookupFailed as LookupFailed
    from refundry.errors import NotSent as NotSent
    from refundry.errors import OutcomeUnknown as OutcomeUnknown
    from refundry.errors import Reason as Reason
    from refundry.errors import ReferenceConflict as ReferenceConflict
    from refundry.errors import RefundError as RefundError
    from refundry.errors import RefundInProgress as RefundInProgress
    from refundry.errors import RefundMismatch as RefundMismatch
    from refundry.errors import RefundRejected as RefundRejected
    from refundry.errors import Resend as Resend
    from refundry.errors import StillPending as StillPending
    from refundry.errors import UnsupportedOperation as UnsupportedOperation
    from refundry.errors import WebhookRejected as WebhookRejected
    from refundry.errors import WebhookUnreadable as WebhookUnreadable
    from refundry.money import FULL as FULL
    from refundry.money import Amount as Amount
    from refundry.money import Full as Full
    from refundry.money import Money as Money
    from refundry.refund import Attempt as Attempt
    from refundry.refund import Capabilities as Capabilities
    from refundry.refund import ContractDeviation as ContractDeviation
    from refundry.refund import Operation as Operation
    from refundry.refund import Refund as Refund
    from refundry.refund import RefundRequest as RefundRequest
    from refundry.refund import RefundStatus as RefundStatus
    from refundry.retry import Retry as Retry
    from refundry.transport import AsyncTransport as AsyncTransport
    from refundry.transport import Transport as Transport
    from refundry.webhooks import RefundEvent as RefundEvent
    from refundry.wire import Evidence as Evidence
    from refundry.wire import Progress as Progress
    from refundry.wire import SendFailure as SendFailure
    from refundry.wire import Timeout as Timeout
    from refundry.wire import WireReply as WireReply
    from refundry.wire import WireRequest as WireRequest

_HOMES = {
    "accounts": ("Account", "Blink", "Lab4Pay", "Paybyrd"),
    "checks": ("Secret",),
    "client": ("AsyncRefundClient", "RefundClient"),
    "errors": (
        "AuthenticationFailed",
        "InvalidRefund",
        "LookupFailed",
        "NotSent",
        "OutcomeUnknown",
        "Reason",
        "ReferenceConflict",
        "RefundError",
        "RefundInProgress",
        "RefundMismatch",
        "RefundRejected",
        "Resend",
        "StillPending",
        "UnsupportedOperation",
        "WebhookRejected",
        "WebhookUnreadable",
    ),
    "money": ("FULL", "Amount", "Full", "Money"),
    "refund": ("Attempt", "Capabilities", "ContractDeviation", "Operation", "Refund", "RefundRequest", "RefundStatus"),
    "retry": ("Retry",),
    "transport": ("AsyncTransport", "Transport"),
    "webhooks": ("RefundEvent",),
    "wire": ("Evidence", "Progress", "SendFailure", "Timeout", "WireReply", "WireRequest"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "FULL",
    "Account",
    "Amount",
    "AsyncRefundClient",
    "AsyncTransport",
    "Attempt",
    "AuthenticationFailed",
    "Blink",
    "Capabilities",
    "ContractDeviation",
    "Evidence",
    "Full",
    "InvalidRefund",
    "Lab4Pay",
    "LookupFailed",
    "Money",
    "NotSent",
    "Operation",
    "OutcomeUnknown",
    "Paybyrd",
    "Progress",
    "Reason",
    "ReferenceConflict",
    "Refund",
    "RefundClient",
    "RefundError",
    "RefundEvent",
    "RefundInProgress",
    "RefundMismatch",
    "RefundRejected",
    "RefundRequest",
    "RefundStatus",
    "Resend",
    "Retry",
    "Secret",
    "SendFailure",
    "StillPending",
    "Timeout",
    "Transport",
    "UnsupportedOperation",
    "WebhookRejected",
    "WebhookUnreadable",
    "WireReply",
    "WireRequest",
]


def __getattr__(name: str) -> "Any":
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"refundry.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
