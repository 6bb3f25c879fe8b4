from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="TokenRequest")


@_attrs_define
class TokenRequest:
    """The keys of an account, and options for payments made with the token. For a refund the keys are enough.

    Attributes:
        api_key (str): The API key of the account. A secret.
        secret_key (str): The secret key of the account. A secret.
        send_blink_receipt (bool | str | Unset): Whether Blink sends the customer a receipt: true or false, or "Yes" or
            "No" in the older form.
        address_postcode_required (bool | Unset): Whether the customer has to enter an address and a postcode. The
            default is no.
        enable_moto_payments (bool | Unset): Whether payments by mail order and telephone are allowed. The default is
            no.
        application_name (str | Unset): Name of the application that sends the request.
        application_description (str | Unset): Description of the application that sends the request.
        source_site (str | Unset): Site on which the application runs.
    """

    api_key: str = _attrs_field(repr=False)
    secret_key: str = _attrs_field(repr=False)
    send_blink_receipt: bool | str | Unset = UNSET
    address_postcode_required: bool | Unset = UNSET
    enable_moto_payments: bool | Unset = UNSET
    application_name: str | Unset = UNSET
    application_description: str | Unset = UNSET
    source_site: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict, repr=False
    )

    def to_dict(self) -> dict[str, Any]:
        api_key = self.api_key

        secret_key = self.secret_key

        send_blink_receipt: bool | str | Unset
        if isinstance(self.send_blink_receipt, Unset):
            send_blink_receipt = UNSET
        else:
            send_blink_receipt = self.send_blink_receipt

        address_postcode_required = self.address_postcode_required

        enable_moto_payments = self.enable_moto_payments

        application_name = self.application_name

        application_description = self.application_description

        source_site = self.source_site

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "api_key": api_key,
                "secret_key": secret_key,
            }
        )
        if send_blink_receipt is not UNSET:
            field_dict["send_blink_receipt"] = send_blink_receipt
        if address_postcode_required is not UNSET:
            field_dict["address_postcode_required"] = address_postcode_required
        if enable_moto_payments is not UNSET:
            field_dict["enable_moto_payments"] = enable_moto_payments
        if application_name is not UNSET:
            field_dict["application_name"] = application_name
        if application_description is not UNSET:
            field_dict["application_description"] = application_description
        if source_site is not UNSET:
            field_dict["source_site"] = source_site

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        api_key = d.pop("api_key")

        secret_key = d.pop("secret_key")

        def _parse_send_blink_receipt(data: object) -> bool | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(bool | str | Unset, data)

        send_blink_receipt = _parse_send_blink_receipt(
            d.pop("send_blink_receipt", UNSET)
        )

        address_postcode_required = d.pop("address_postcode_required", UNSET)

        enable_moto_payments = d.pop("enable_moto_payments", UNSET)

        application_name = d.pop("application_name", UNSET)

        application_description = d.pop("application_description", UNSET)

        source_site = d.pop("source_site", UNSET)

        token_request = cls(
            api_key=api_key,
            secret_key=secret_key,
            send_blink_receipt=send_blink_receipt,
            address_postcode_required=address_postcode_required,
            enable_moto_payments=enable_moto_payments,
            application_name=application_name,
            application_description=application_description,
            source_site=source_site,
        )

        token_request.additional_properties = d
        return token_request

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
