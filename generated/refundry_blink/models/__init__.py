"""Contains all the data models used in inputs/outputs"""

from .error_response import ErrorResponse
from .refund_request import RefundRequest
from .refund_response import RefundResponse

__all__ = (
    "ErrorResponse",
    "RefundRequest",
    "RefundResponse",
)
