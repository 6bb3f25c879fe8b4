from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="RefundSourceTransactionResponse")


@_attrs_define
class RefundSourceTransactionResponse:
    """The refunded payment and its balance after this refund. The fields in minor units are missing in older replies.

    Attributes:
        amount (str | Unset): Amount of the payment, as a decimal text in major units ("3.00"). Example: 3.00.
        iso_amount (int | Unset): Amount of the payment, a whole number of minor units (EUR 3.00 = 300). Example: 300.
        refunded_amount (str | Unset): Sum of all refunds of the payment, including this one, as a decimal text in major
            units ("1.00"). Example: 1.00.
        iso_refunded_amount (int | Unset): Sum of all refunds of the payment, including this one, a whole number of
            minor units (EUR 1.00 = 100). Example: 100.
        remaining_amount (str | Unset): Remaining refundable amount, as a decimal text in major units ("2.00"). Example:
            2.00.
        iso_remaining_amount (int | Unset): Remaining refundable amount, a whole number of minor units (EUR 2.00 = 200).
            Example: 200.
        transaction_id (str | Unset): Paybyrd's id of the refunded payment, the one in the request's path. Example:
            c16ce479-319d-4e7b-a966-7735c34b2cc5.
    """

    amount: str | Unset = UNSET
    iso_amount: int | Unset = UNSET
    refunded_amount: str | Unset = UNSET
    iso_refunded_amount: int | Unset = UNSET
    remaining_amount: str | Unset = UNSET
    iso_remaining_amount: int | Unset = UNSET
    transaction_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        amount = self.amount

        iso_amount = self.iso_amount

        refunded_amount = self.refunded_amount

        iso_refunded_amount = self.iso_refunded_amount

        remaining_amount = self.remaining_amount

        iso_remaining_amount = self.iso_remaining_amount

        transaction_id = self.transaction_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if amount is not UNSET:
            field_dict["amount"] = amount
        if iso_amount is not UNSET:
            field_dict["isoAmount"] = iso_amount
        if refunded_amount is not UNSET:
            field_dict["refundedAmount"] = refunded_amount
        if iso_refunded_amount is not UNSET:
            field_dict["isoRefundedAmount"] = iso_refunded_amount
        if remaining_amount is not UNSET:
            field_dict["remainingAmount"] = remaining_amount
        if iso_remaining_amount is not UNSET:
            field_dict["isoRemainingAmount"] = iso_remaining_amount
        if transaction_id is not UNSET:
            field_dict["transactionId"] = transaction_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        amount = d.pop("amount", UNSET)

        iso_amount = d.pop("isoAmount", UNSET)

        refunded_amount = d.pop("refundedAmount", UNSET)

        iso_refunded_amount = d.pop("isoRefundedAmount", UNSET)

        remaining_amount = d.pop("remainingAmount", UNSET)

        iso_remaining_amount = d.pop("isoRemainingAmount", UNSET)

        transaction_id = d.pop("transactionId", UNSET)

        refund_source_transaction_response = cls(
            amount=amount,
            iso_amount=iso_amount,
            refunded_amount=refunded_amount,
            iso_refunded_amount=iso_refunded_amount,
            remaining_amount=remaining_amount,
            iso_remaining_amount=iso_remaining_amount,
            transaction_id=transaction_id,
        )

        refund_source_transaction_response.additional_properties = d
        return refund_source_transaction_response

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
