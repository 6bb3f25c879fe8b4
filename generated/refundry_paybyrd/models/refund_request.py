from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="RefundRequest")


@_attrs_define
class RefundRequest:
    """The amount to refund. The currency is the payment's and is not sent.

    Attributes:
        iso_amount (int): Amount to refund, a whole number of minor units of the payment's currency (EUR 1.00 = 100). At
            most the remainder of the payment.
        amount (str | Unset): Amount to refund, as a decimal text in major units ("1.00"). Deprecated by Paybyrd: send
            `isoAmount` instead, not both.
    """

    iso_amount: int
    amount: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        iso_amount = self.iso_amount

        amount = self.amount

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "isoAmount": iso_amount,
            }
        )
        if amount is not UNSET:
            field_dict["amount"] = amount

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        iso_amount = d.pop("isoAmount")

        amount = d.pop("amount", UNSET)

        refund_request = cls(
            iso_amount=iso_amount,
            amount=amount,
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
