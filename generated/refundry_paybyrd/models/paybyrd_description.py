from __future__ import annotations

from ..enums import OpenText


class PaybyrdDescription(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    REQUEST_ACCEPTED = "Request accepted"
    OPERATION_SUCCESSFULLY_COMPLETED = "Operation successfully completed"
    PAYMENT_BEING_PROCESSED_WAITING_FOR_SHOPPER = (
        "Payment being processed. Waiting for shopper"
    )
    AN_ERROR_OCCURRED_WHILE_PROCESSING_THE_PAYMENT_PLEASE_QUERY_THE_TRANSACTION_TO_CONFIRM_ITS_STATUS = "An error occurred while processing the payment. Please query the transaction to confirm its status"
    OPERATION_REJECTED = "Operation rejected"
    OPERATION_BLOCKED_BY_VELOCITY = "Operation blocked by velocity"
    PENDING_REDIRECT = "Pending redirect"
    PAYMENT_CANCELED_BY_THE_SHOPPER = "Payment canceled by the shopper"
    PAYMENT_ALREADY_REFUNDED = "Payment already refunded"
    THE_REFUND_AMOUNT_EXCEEDS_THE_REMAINING_BALANCE_OF_THE_ORIGINAL_PAYMENT = (
        "The refund amount exceeds the remaining balance of the original payment"
    )
    TOKEN_IS_EXPIRED = "Token is expired"
    AN_ERROR_OCCURRED_WHILE_PRE_PROCESSING_THE_TRANSACTION_PLEASE_REVIEW_YOUR_REQUEST_AND_TRY_AGAIN = "An error occurred while pre processing the transaction. Please review your request and try again"
    AN_ERROR_OCCURRED_DURING_WHILE_PREPARING_TRANSACTION_FOR_ACQUIRING_PLEASE_REVIEW_YOUR_REQUEST_AND_TRY_AGAIN = "An error occurred during while preparing transaction for acquiring. Please review your request and try again"
    NO_PAYMENT_METHODS_AVAILABLE_FOR_THIS_OPERATION_PLEASE_CONTACT_PAYBYRD_S_SUPPORT = "No payment methods available for this operation. Please contact Paybyrd's support"
    TRANSACTION_COULD_NOT_BE_UPDATED_PLEASE_REVIEW_YOUR_REQUEST_AND_TRY_AGAIN = (
        "Transaction could not be updated. Please review your request and try again"
    )
    OPERATION_COULD_NOT_BE_COMPLETED_PLEASE_REVIEW_YOUR_REQUEST_AND_TRY_AGAIN = (
        "Operation could not be completed. Please review your request and try again"
    )
    RESOURCE_ACCESS_IS_FORBIDDEN = "Resource access is forbidden"
    RESOURCE_ACCESS_UNAUTHORIZED = "Resource access unauthorized"
    INVALID_INPUT = "Invalid input"
    RESOURCE_NOT_FOUND = "Resource not found"
    OPERATION_FAILED = "Operation failed"
