from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="RefundRequest")


@_attrs_define
class RefundRequest:
    """A refund at Blink: the whole payment when `partial_refund` is false or left out, otherwise `amount` of it.

    Attributes:
        partial_refund (bool | Unset): True refunds only `amount`. False, the default, refunds the whole remainder of
            the payment, without `amount`. Default: False.
        amount (float | Unset): Amount to refund, as a decimal number in major units of the payment's currency (GBP 1.00
            = 1, GBP 79.10 = 79.1). Needed when `partial_refund` is true. At most the received amount minus earlier refunds.
            Not minor units. No currency is sent: it is the payment's.
        reference (str | Unset): Your reference for this refund. Blink does not promise that it is unique, and does not
            use it to recognise a repeated request. Without it, Blink uses the reference of the payment.
    """

    partial_refund: bool | Unset = False
    amount: float | Unset = UNSET
    reference: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        partial_refund = self.partial_refund

        amount = self.amount

        reference = self.reference

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if partial_refund is not UNSET:
            field_dict["partial_refund"] = partial_refund
        if amount is not UNSET:
            field_dict["amount"] = amount
        if reference is not UNSET:
            field_dict["reference"] = reference

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        partial_refund = d.pop("partial_refund", UNSET)

        amount = d.pop("amount", UNSET)

        reference = d.pop("reference", UNSET)

        refund_request = cls(
            partial_refund=partial_refund,
            amount=amount,
            reference=reference,
        )

        refund_request.additional_properties = d
        return refund_request

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
