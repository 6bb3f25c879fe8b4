"""Contains all the data models used in inputs/outputs"""

from .accepted_link_response import AcceptedLinkResponse
from .accepted_response import AcceptedResponse
from .error_response import ErrorResponse
from .refund_request import RefundRequest
from .refund_response import RefundResponse
from .refund_source_transaction_response import RefundSourceTransactionResponse
from .transaction import Transaction
from .transaction_card import TransactionCard

__all__ = (
    "AcceptedLinkResponse",
    "AcceptedResponse",
    "ErrorResponse",
    "RefundRequest",
    "RefundResponse",
    "RefundSourceTransactionResponse",
    "Transaction",
    "TransactionCard",
)
