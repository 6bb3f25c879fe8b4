from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.paybyrd_code import PaybyrdCode
from ..models.paybyrd_description import PaybyrdDescription
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.refund_source_transaction_response import (
        RefundSourceTransactionResponse,
    )


T = TypeVar("T", bound="RefundResponse")


@_attrs_define
class RefundResponse:
    """Paybyrd's immediate reply to a refund. `code` is the result: BYRD200 is done. The currency is the payment's and is
    not sent.

        Attributes:
            amount (str | Unset): Amount refunded, as a decimal text in major units of the payment's currency ("1.00").
                Other replies may show the amount of a refund with a minus sign. Example: 1.00.
            iso_amount (int | Unset): Amount refunded, a whole number of minor units of the payment's currency (EUR 1.00 =
                100). Missing in older replies. Example: 100.
            code (PaybyrdCode | Unset): Paybyrd's code for the result of a request, such as BYRD200 (done), BYRD010
                (accepted) or BYRD230 (already refunded). The known values are listed in the contract; others occur.
            description (PaybyrdDescription | Unset): A message for people that explains a code. The known values are listed
                in the contract; others occur, even in Paybyrd's own examples. Not meant to be compared: use the code.
            source_transaction (RefundSourceTransactionResponse | Unset): The refunded payment and its balance after this
                refund. The fields in minor units are missing in older replies.
            transaction_id (str | Unset): Paybyrd's id of the new refund transaction. Not the id of the payment, which is in
                `sourceTransaction`. Example: fa1db27d-7869-403f-b9cf-4306bf0162d8.
    """

    amount: str | Unset = UNSET
    iso_amount: int | Unset = UNSET
    code: PaybyrdCode | Unset = UNSET
    description: PaybyrdDescription | Unset = UNSET
    source_transaction: RefundSourceTransactionResponse | Unset = UNSET
    transaction_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        amount = self.amount

        iso_amount = self.iso_amount

        code: str | Unset = UNSET
        if not isinstance(self.code, Unset):
            code = self.code.value if isinstance(self.code, PaybyrdCode) else self.code

        description: str | Unset = UNSET
        if not isinstance(self.description, Unset):
            description = (
                self.description.value
                if isinstance(self.description, PaybyrdDescription)
                else self.description
            )

        source_transaction: dict[str, Any] | Unset = UNSET
        if not isinstance(self.source_transaction, Unset):
            source_transaction = self.source_transaction.to_dict()

        transaction_id = self.transaction_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if amount is not UNSET:
            field_dict["amount"] = amount
        if iso_amount is not UNSET:
            field_dict["isoAmount"] = iso_amount
        if code is not UNSET:
            field_dict["code"] = code
        if description is not UNSET:
            field_dict["description"] = description
        if source_transaction is not UNSET:
            field_dict["sourceTransaction"] = source_transaction
        if transaction_id is not UNSET:
            field_dict["transactionId"] = transaction_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.refund_source_transaction_response import (
            RefundSourceTransactionResponse,  # noqa: PLC0415
        )

        d = dict(src_dict)
        amount = d.pop("amount", UNSET)

        iso_amount = d.pop("isoAmount", UNSET)

        _code = d.pop("code", UNSET)
        code: PaybyrdCode | Unset = (
            PaybyrdCode(_code) if isinstance(_code, str) else _code
        )

        _description = d.pop("description", UNSET)
        description: PaybyrdDescription | Unset = (
            PaybyrdDescription(_description)
            if isinstance(_description, str)
            else _description
        )

        _source_transaction = d.pop("sourceTransaction", UNSET)
        source_transaction: RefundSourceTransactionResponse | Unset = UNSET
        if isinstance(_source_transaction, dict):
            source_transaction = RefundSourceTransactionResponse.from_dict(
                _source_transaction
            )

        elif not isinstance(_source_transaction, Unset):
            d["sourceTransaction"] = _source_transaction

        transaction_id = d.pop("transactionId", UNSET)

        refund_response = cls(
            amount=amount,
            iso_amount=iso_amount,
            code=code,
            description=description,
            source_transaction=source_transaction,
            transaction_id=transaction_id,
        )

        refund_response.additional_properties = d
        return refund_response

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
