from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.transaction_status_response_status import TransactionStatusResponseStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="TransactionStatusResponse")


@_attrs_define
class TransactionStatusResponse:
    """The state of a transaction. Only `status` is known, and it may be missing; `additional_properties` has every other
    field.

        Attributes:
            status (TransactionStatusResponseStatus | Unset): State of the transaction, in upper case, CANCELED with one L.
                INITIATED and IN_PROGRESS are pending; SUCCESS, FAILED, EXPIRED, CANCELED and DECLINED are assumed to be final,
                and REVERTED to follow SUCCESS. Other values may occur.
    """

    status: TransactionStatusResponseStatus | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        status: str | Unset = UNSET
        if not isinstance(self.status, Unset):
            status = (
                self.status.value
                if isinstance(self.status, TransactionStatusResponseStatus)
                else self.status
            )

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if status is not UNSET:
            field_dict["status"] = status

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _status = d.pop("status", UNSET)
        status: TransactionStatusResponseStatus | Unset = (
            TransactionStatusResponseStatus(_status)
            if isinstance(_status, str)
            else _status
        )

        transaction_status_response = cls(
            status=status,
        )

        transaction_status_response.additional_properties = d
        return transaction_status_response

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
