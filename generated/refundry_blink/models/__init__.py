"""Contains all the data models used in inputs/outputs"""

from .cancel_request import CancelRequest
from .cancel_response import CancelResponse
from .error_response import ErrorResponse
from .refund_request import RefundRequest
from .refund_response import RefundResponse
from .refund_response_status import RefundResponseStatus
from .token_request import TokenRequest
from .token_response import TokenResponse
from .transaction import Transaction
from .transaction_response import TransactionResponse
from .transaction_status import TransactionStatus

__all__ = (
    "CancelRequest",
    "CancelResponse",
    "ErrorResponse",
    "RefundRequest",
    "RefundResponse",
    "RefundResponseStatus",
    "TokenRequest",
    "TokenResponse",
    "Transaction",
    "TransactionResponse",
    "TransactionStatus",
)
