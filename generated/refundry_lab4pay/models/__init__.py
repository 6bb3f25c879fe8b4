"""Contains all the data models used in inputs/outputs"""

from .error_response import ErrorResponse
from .pay_connect_transaction_independent_refund_body import (
    PayConnectTransactionIndependentRefundBody,
)
from .pay_connect_transaction_independent_refund_response import (
    PayConnectTransactionIndependentRefundResponse,
)

__all__ = (
    "ErrorResponse",
    "PayConnectTransactionIndependentRefundBody",
    "PayConnectTransactionIndependentRefundResponse",
)
