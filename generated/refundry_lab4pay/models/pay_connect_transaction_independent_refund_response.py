from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="PayConnectTransactionIndependentRefundResponse")


@_attrs_define
class PayConnectTransactionIndependentRefundResponse:
    """The refund was sent to the terminal, where it can still fail, expire, be declined or be cancelled. Not a proof that
    the money was refunded.

        Attributes:
            transaction_id (str): Lab4Pay's id of the new refund transaction, for queries of its state. Not the id of a
                payment.
    """

    transaction_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        transaction_id = self.transaction_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "transaction_id": transaction_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        transaction_id = d.pop("transaction_id")

        pay_connect_transaction_independent_refund_response = cls(
            transaction_id=transaction_id,
        )

        pay_connect_transaction_independent_refund_response.additional_properties = d
        return pay_connect_transaction_independent_refund_response

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
