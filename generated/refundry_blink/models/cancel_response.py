from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="CancelResponse")


@_attrs_define
class CancelResponse:
    """Blink's reply to a cancellation. Each field may be missing.

    Attributes:
        success (bool | Unset): True when Blink cancelled the payment, false when it refused.
        message (str | Unset): A message for people about the result. Not meant to be compared.
        amount (float | str | Unset): Amount of the payment, in major units of its currency, as a text ("1.01"). A
            number is read too.
        reference (str | Unset): The reference of the cancellation: yours when you sent one.
        transaction_id (str | Unset): Blink's id of the cancelled payment.
    """

    success: bool | Unset = UNSET
    message: str | Unset = UNSET
    amount: float | str | Unset = UNSET
    reference: str | Unset = UNSET
    transaction_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        success = self.success

        message = self.message

        amount: float | str | Unset
        if isinstance(self.amount, Unset):
            amount = UNSET
        else:
            amount = self.amount

        reference = self.reference

        transaction_id = self.transaction_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if success is not UNSET:
            field_dict["success"] = success
        if message is not UNSET:
            field_dict["message"] = message
        if amount is not UNSET:
            field_dict["amount"] = amount
        if reference is not UNSET:
            field_dict["reference"] = reference
        if transaction_id is not UNSET:
            field_dict["transaction_id"] = transaction_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        success = d.pop("success", UNSET)

        message = d.pop("message", UNSET)

        def _parse_amount(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        amount = _parse_amount(d.pop("amount", UNSET))

        reference = d.pop("reference", UNSET)

        transaction_id = d.pop("transaction_id", UNSET)

        cancel_response = cls(
            success=success,
            message=message,
            amount=amount,
            reference=reference,
            transaction_id=transaction_id,
        )

        cancel_response.additional_properties = d
        return cancel_response

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
