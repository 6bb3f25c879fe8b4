from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.referenced_transaction_operation_type import (
    ReferencedTransactionOperationType,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="ReferencedTransaction")


@_attrs_define
class ReferencedTransaction:
    """A transaction that another one refers to, in short form: without a state and without a code. Query it by its id for
    more. Each field may be missing, and others may be present.

        Attributes:
            transaction_id (str | Unset): Paybyrd's id of this transaction.
            operation_type (ReferencedTransactionOperationType | Unset): The kind of transaction.
            amount (str | Unset): Amount of the transaction, as a decimal text in major units ("1.00").
            iso_amount (int | Unset): Amount of the transaction, a whole number of minor units (EUR 1.00 = 100).
            created_date (str | Unset): When Paybyrd created the transaction, as a date and time of ISO 8601 in UTC, with Z.
                Kept as text.
            transaction_date (str | Unset): When the transaction took place, as a date and time of ISO 8601 in UTC, with Z.
                Kept as text.
            captured_date (str | Unset): When the payment was captured, as a date and time of ISO 8601 in UTC, with Z. Kept
                as text.
    """

    transaction_id: str | Unset = UNSET
    operation_type: ReferencedTransactionOperationType | Unset = UNSET
    amount: str | Unset = UNSET
    iso_amount: int | Unset = UNSET
    created_date: str | Unset = UNSET
    transaction_date: str | Unset = UNSET
    captured_date: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        transaction_id = self.transaction_id

        operation_type: str | Unset = UNSET
        if not isinstance(self.operation_type, Unset):
            operation_type = (
                self.operation_type.value
                if isinstance(self.operation_type, ReferencedTransactionOperationType)
                else self.operation_type
            )

        amount = self.amount

        iso_amount = self.iso_amount

        created_date = self.created_date

        transaction_date = self.transaction_date

        captured_date = self.captured_date

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if transaction_id is not UNSET:
            field_dict["transactionId"] = transaction_id
        if operation_type is not UNSET:
            field_dict["operationType"] = operation_type
        if amount is not UNSET:
            field_dict["amount"] = amount
        if iso_amount is not UNSET:
            field_dict["isoAmount"] = iso_amount
        if created_date is not UNSET:
            field_dict["createdDate"] = created_date
        if transaction_date is not UNSET:
            field_dict["transactionDate"] = transaction_date
        if captured_date is not UNSET:
            field_dict["capturedDate"] = captured_date

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        transaction_id = d.pop("transactionId", UNSET)

        _operation_type = d.pop("operationType", UNSET)
        operation_type: ReferencedTransactionOperationType | Unset = (
            ReferencedTransactionOperationType(_operation_type)
            if isinstance(_operation_type, str)
            else _operation_type
        )

        amount = d.pop("amount", UNSET)

        iso_amount = d.pop("isoAmount", UNSET)

        created_date = d.pop("createdDate", UNSET)

        transaction_date = d.pop("transactionDate", UNSET)

        captured_date = d.pop("capturedDate", UNSET)

        referenced_transaction = cls(
            transaction_id=transaction_id,
            operation_type=operation_type,
            amount=amount,
            iso_amount=iso_amount,
            created_date=created_date,
            transaction_date=transaction_date,
            captured_date=captured_date,
        )

        referenced_transaction.additional_properties = d
        return referenced_transaction

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
