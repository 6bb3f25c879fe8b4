"""Contains all the data models used in inputs/outputs"""

from .accepted_link_response import AcceptedLinkResponse
from .accepted_response import AcceptedResponse
from .error_response import ErrorResponse
from .paybyrd_code import PaybyrdCode
from .paybyrd_description import PaybyrdDescription
from .referenced_transaction import ReferencedTransaction
from .referenced_transaction_operation_type import ReferencedTransactionOperationType
from .refund_request import RefundRequest
from .refund_response import RefundResponse
from .refund_source_transaction_response import RefundSourceTransactionResponse
from .transaction import Transaction
from .transaction_card import TransactionCard
from .transaction_card_info_composition import TransactionCardInfoComposition
from .transaction_operation_type import TransactionOperationType
from .transaction_status import TransactionStatus

__all__ = (
    "AcceptedLinkResponse",
    "AcceptedResponse",
    "ErrorResponse",
    "PaybyrdCode",
    "PaybyrdDescription",
    "ReferencedTransaction",
    "ReferencedTransactionOperationType",
    "RefundRequest",
    "RefundResponse",
    "RefundSourceTransactionResponse",
    "Transaction",
    "TransactionCard",
    "TransactionCardInfoComposition",
    "TransactionOperationType",
    "TransactionStatus",
)
