"""Contains all the data models used in inputs/outputs"""

from .error_response import ErrorResponse
from .pay_connect_transaction_independent_refund_body import (
    PayConnectTransactionIndependentRefundBody,
)
from .pay_connect_transaction_independent_refund_response import (
    PayConnectTransactionIndependentRefundResponse,
)
from .revert_response import RevertResponse
from .token_request import TokenRequest
from .token_request_grant_type import TokenRequestGrantType
from .token_response import TokenResponse
from .transaction_operation_response import TransactionOperationResponse
from .transaction_operation_response_operation_type import (
    TransactionOperationResponseOperationType,
)
from .transaction_operation_response_status import TransactionOperationResponseStatus
from .transaction_refund_request import TransactionRefundRequest
from .transaction_refund_response import TransactionRefundResponse
from .transaction_status_response import TransactionStatusResponse
from .transaction_status_response_status import TransactionStatusResponseStatus

__all__ = (
    "ErrorResponse",
    "PayConnectTransactionIndependentRefundBody",
    "PayConnectTransactionIndependentRefundResponse",
    "RevertResponse",
    "TokenRequest",
    "TokenRequestGrantType",
    "TokenResponse",
    "TransactionOperationResponse",
    "TransactionOperationResponseOperationType",
    "TransactionOperationResponseStatus",
    "TransactionRefundRequest",
    "TransactionRefundResponse",
    "TransactionStatusResponse",
    "TransactionStatusResponseStatus",
)
