from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="PayConnectTransactionIndependentRefundBody")


@_attrs_define
class PayConnectTransactionIndependentRefundBody:
    """An unreferenced refund. It names no terminal and no card; see the operation.

    Attributes:
        amount (int): Amount to refund, a whole number of minor units of the terminal's currency (EUR 1.00 = 100). No
            currency is sent: the terminal has one. Not a decimal number of major units.
        client_transaction_id (str | Unset): Your reference for this refund. Optional. Lab4Pay does not promise that it
            is unique, does not use it to recognise a repeated request, and documents no lookup by reference.
    """

    amount: int
    client_transaction_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        amount = self.amount

        client_transaction_id = self.client_transaction_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "amount": amount,
            }
        )
        if client_transaction_id is not UNSET:
            field_dict["client_transaction_id"] = client_transaction_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        amount = d.pop("amount")

        client_transaction_id = d.pop("client_transaction_id", UNSET)

        pay_connect_transaction_independent_refund_body = cls(
            amount=amount,
            client_transaction_id=client_transaction_id,
        )

        pay_connect_transaction_independent_refund_body.additional_properties = d
        return pay_connect_transaction_independent_refund_body

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
