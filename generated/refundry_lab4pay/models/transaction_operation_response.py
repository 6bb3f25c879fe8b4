from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.transaction_operation_response_operation_type import (
    TransactionOperationResponseOperationType,
)
from ..models.transaction_operation_response_status import (
    TransactionOperationResponseStatus,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="TransactionOperationResponse")


@_attrs_define
class TransactionOperationResponse:
    """The state of an operation on a transaction. Each field may be missing.

    Attributes:
        operation_id (str | Unset): Lab4Pay's id of the operation.
        operation_type (TransactionOperationResponseOperationType | Unset): The kind of operation. "transaction.revert"
            is the only known value.
        transaction_id (str | Unset): Lab4Pay's id of the transaction of the operation.
        status (TransactionOperationResponseStatus | Unset): State of the operation, in upper case. INITIATED and
            IN_PROGRESS are pending; SUCCESS, FAILED and EXPIRED are assumed to be final. Other values may occur. Not the
            state of the transaction.
    """

    operation_id: str | Unset = UNSET
    operation_type: TransactionOperationResponseOperationType | Unset = UNSET
    transaction_id: str | Unset = UNSET
    status: TransactionOperationResponseStatus | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        operation_id = self.operation_id

        operation_type: str | Unset = UNSET
        if not isinstance(self.operation_type, Unset):
            operation_type = (
                self.operation_type.value
                if isinstance(
                    self.operation_type, TransactionOperationResponseOperationType
                )
                else self.operation_type
            )

        transaction_id = self.transaction_id

        status: str | Unset = UNSET
        if not isinstance(self.status, Unset):
            status = (
                self.status.value
                if isinstance(self.status, TransactionOperationResponseStatus)
                else self.status
            )

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if operation_id is not UNSET:
            field_dict["operation_id"] = operation_id
        if operation_type is not UNSET:
            field_dict["operation_type"] = operation_type
        if transaction_id is not UNSET:
            field_dict["transaction_id"] = transaction_id
        if status is not UNSET:
            field_dict["status"] = status

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        operation_id = d.pop("operation_id", UNSET)

        _operation_type = d.pop("operation_type", UNSET)
        operation_type: TransactionOperationResponseOperationType | Unset = (
            TransactionOperationResponseOperationType(_operation_type)
            if isinstance(_operation_type, str)
            else _operation_type
        )

        transaction_id = d.pop("transaction_id", UNSET)

        _status = d.pop("status", UNSET)
        status: TransactionOperationResponseStatus | Unset = (
            TransactionOperationResponseStatus(_status)
            if isinstance(_status, str)
            else _status
        )

        transaction_operation_response = cls(
            operation_id=operation_id,
            operation_type=operation_type,
            transaction_id=transaction_id,
            status=status,
        )

        transaction_operation_response.additional_properties = d
        return transaction_operation_response

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
