from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="TokenResponse")


@_attrs_define
class TokenResponse:
    """An access token, its expiry, and facts about the account. Each field may be missing, and others are present: since
    January 2025 the state and the name of the account, under unknown names.

        Attributes:
            access_token (str | Unset): The token for the other requests, sent after "Bearer". A secret.
            expired_on (str | Unset): When the token expires, as a date and time of ISO 8601 in UTC, with Z: 30 minutes
                after it was issued. Kept as text.
            payment_types (list[str] | Unset): Payment methods of the account, such as credit-card, direct-debit and open-
                banking.
            currency (str | Unset): A currency of the account, by its name in ISO 4217 (GBP). An account may have several; a
                refund is in the currency of its payment.
            send_blink_receipt (bool | str | Unset): Whether Blink sends the customer a receipt: true or false, or "Yes" or
                "No" in the older form.
    """

    access_token: str | Unset = _attrs_field(default=UNSET, repr=False)
    expired_on: str | Unset = UNSET
    payment_types: list[str] | Unset = UNSET
    currency: str | Unset = UNSET
    send_blink_receipt: bool | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict, repr=False
    )

    def to_dict(self) -> dict[str, Any]:
        access_token = self.access_token

        expired_on = self.expired_on

        payment_types: list[str] | Unset = UNSET
        if not isinstance(self.payment_types, Unset):
            payment_types = self.payment_types

        currency = self.currency

        send_blink_receipt: bool | str | Unset
        if isinstance(self.send_blink_receipt, Unset):
            send_blink_receipt = UNSET
        else:
            send_blink_receipt = self.send_blink_receipt

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if access_token is not UNSET:
            field_dict["access_token"] = access_token
        if expired_on is not UNSET:
            field_dict["expired_on"] = expired_on
        if payment_types is not UNSET:
            field_dict["payment_types"] = payment_types
        if currency is not UNSET:
            field_dict["currency"] = currency
        if send_blink_receipt is not UNSET:
            field_dict["send_blink_receipt"] = send_blink_receipt

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        access_token = d.pop("access_token", UNSET)

        expired_on = d.pop("expired_on", UNSET)

        payment_types = cast(list[str], d.pop("payment_types", UNSET))

        currency = d.pop("currency", UNSET)

        def _parse_send_blink_receipt(data: object) -> bool | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(bool | str | Unset, data)

        send_blink_receipt = _parse_send_blink_receipt(
            d.pop("send_blink_receipt", UNSET)
        )

        token_response = cls(
            access_token=access_token,
            expired_on=expired_on,
            payment_types=payment_types,
            currency=currency,
            send_blink_receipt=send_blink_receipt,
        )

        token_response.additional_properties = d
        return token_response

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
