from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.paybyrd_code import PaybyrdCode
from ..models.paybyrd_description import PaybyrdDescription
from ..types import UNSET, Unset

T = TypeVar("T", bound="ErrorResponse")


@_attrs_define
class ErrorResponse:
    """Why Paybyrd refused or failed. `code` is the field for decisions.

    Attributes:
        code (PaybyrdCode | Unset): Paybyrd's code for the result of a request, such as BYRD200 (done), BYRD010
            (accepted) or BYRD230 (already refunded). The known values are listed in the contract; others occur.
        description (PaybyrdDescription | Unset): A message for people that explains a code. The known values are listed
            in the contract; others occur, even in Paybyrd's own examples. Not meant to be compared: use the code.
    """

    code: PaybyrdCode | Unset = UNSET
    description: PaybyrdDescription | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
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

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if description is not UNSET:
            field_dict["description"] = description

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
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

        error_response = cls(
            code=code,
            description=description,
        )

        error_response.additional_properties = d
        return error_response

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
