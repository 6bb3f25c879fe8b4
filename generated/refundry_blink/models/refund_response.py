from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.refund_response_status import RefundResponseStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="RefundResponse")


@_attrs_define
class RefundResponse:
    """Blink's reply to a refund. The newer reply has `status` and a number as `amount`; the older one has `success`,
    `message` and a text as `amount`. Each field may be missing.

        Attributes:
            transaction_id (str | Unset): Blink's id of the original payment. Not the id of the refund.
            refunded_transaction_id (str | Unset): Blink's id of the refund itself, which can be queried like any
                transaction. Sent since November 2025.
            amount (float | str | Unset): Amount refunded, in major units of the payment's currency: a number in the newer
                reply (1.01), a text in the older one ("1.01"). The currency is not sent.
            status (RefundResponseStatus | Unset): State of the refund in the newer reply: "completed", "pending" or
                "failed". Other values occur; their case and separators vary.
            reference (str | Unset): The reference of the refund: yours when you sent one, otherwise the payment's.
            success (bool | Unset): In the older reply: true when Blink executed the refund, false when it refused. Missing
                in the newer reply, which has `status`.
            message (str | Unset): In the older reply, a message for people about the result. Not meant to be compared.
    """

    transaction_id: str | Unset = UNSET
    refunded_transaction_id: str | Unset = UNSET
    amount: float | str | Unset = UNSET
    status: RefundResponseStatus | Unset = UNSET
    reference: str | Unset = UNSET
    success: bool | Unset = UNSET
    message: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        transaction_id = self.transaction_id

        refunded_transaction_id = self.refunded_transaction_id

        amount: float | str | Unset
        if isinstance(self.amount, Unset):
            amount = UNSET
        else:
            amount = self.amount

        status: str | Unset = UNSET
        if not isinstance(self.status, Unset):
            status = (
                self.status.value
                if isinstance(self.status, RefundResponseStatus)
                else self.status
            )

        reference = self.reference

        success = self.success

        message = self.message

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if transaction_id is not UNSET:
            field_dict["transaction_id"] = transaction_id
        if refunded_transaction_id is not UNSET:
            field_dict["refunded_transaction_id"] = refunded_transaction_id
        if amount is not UNSET:
            field_dict["amount"] = amount
        if status is not UNSET:
            field_dict["status"] = status
        if reference is not UNSET:
            field_dict["reference"] = reference
        if success is not UNSET:
            field_dict["success"] = success
        if message is not UNSET:
            field_dict["message"] = message

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        transaction_id = d.pop("transaction_id", UNSET)

        refunded_transaction_id = d.pop("refunded_transaction_id", UNSET)

        def _parse_amount(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        amount = _parse_amount(d.pop("amount", UNSET))

        _status = d.pop("status", UNSET)
        status: RefundResponseStatus | Unset = (
            RefundResponseStatus(_status) if isinstance(_status, str) else _status
        )

        reference = d.pop("reference", UNSET)

        success = d.pop("success", UNSET)

        message = d.pop("message", UNSET)

        refund_response = cls(
            transaction_id=transaction_id,
            refunded_transaction_id=refunded_transaction_id,
            amount=amount,
            status=status,
            reference=reference,
            success=success,
            message=message,
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
