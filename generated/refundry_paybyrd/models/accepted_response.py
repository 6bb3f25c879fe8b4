from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.accepted_link_response import AcceptedLinkResponse


T = TypeVar("T", bound="AcceptedResponse")


@_attrs_define
class AcceptedResponse:
    """Paybyrd has accepted the request and is still processing it. It is neither refunded nor refused yet. The reply has
    no id of a transaction: `links` is the address for a query.

        Attributes:
            code (str | Unset): BYRD010 in this reply.
            description (str | Unset): A message for people that explains `code`. Not meant to be compared.
            links (AcceptedLinkResponse | Unset): The address of the query for an accepted request. One object, although the
                field is called links.
    """

    code: str | Unset = UNSET
    description: str | Unset = UNSET
    links: AcceptedLinkResponse | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        description = self.description

        links: dict[str, Any] | Unset = UNSET
        if not isinstance(self.links, Unset):
            links = self.links.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if description is not UNSET:
            field_dict["description"] = description
        if links is not UNSET:
            field_dict["links"] = links

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.accepted_link_response import AcceptedLinkResponse  # noqa: PLC0415

        d = dict(src_dict)
        code = d.pop("code", UNSET)

        description = d.pop("description", UNSET)

        _links = d.pop("links", UNSET)
        links: AcceptedLinkResponse | Unset = UNSET
        if isinstance(_links, dict):
            links = AcceptedLinkResponse.from_dict(_links)

        elif not isinstance(_links, Unset):
            d["links"] = _links

        accepted_response = cls(
            code=code,
            description=description,
            links=links,
        )

        accepted_response.additional_properties = d
        return accepted_response

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
