from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="AcceptedLinkResponse")


@_attrs_define
class AcceptedLinkResponse:
    """The address of the query for an accepted request. One object, although the field is called links.

    Attributes:
        href (str | Unset): Path and query string without the host ("/api/v2/transactions?requestId=..."). Not a full
            address.
        rel (str | Unset): The kind of resource at the address, "transactions".
        type_ (str | Unset): The HTTP method of the query, "GET". Not a media type.
    """

    href: str | Unset = UNSET
    rel: str | Unset = UNSET
    type_: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        href = self.href

        rel = self.rel

        type_ = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if href is not UNSET:
            field_dict["href"] = href
        if rel is not UNSET:
            field_dict["rel"] = rel
        if type_ is not UNSET:
            field_dict["type"] = type_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        href = d.pop("href", UNSET)

        rel = d.pop("rel", UNSET)

        type_ = d.pop("type", UNSET)

        accepted_link_response = cls(
            href=href,
            rel=rel,
            type_=type_,
        )

        accepted_link_response.additional_properties = d
        return accepted_link_response

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
