from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="TransactionCard")


@_attrs_define
class TransactionCard:
    """The card of a transaction. Each field may be missing, and others may be present. Holds personal data.

    Attributes:
        holder (str | Unset): Name on the card.
        number (str | Unset): Masked number of the card.
        expires_at (str | Unset): Month and year in which the card expires ("12/25").
        installments (Any | Unset): Number of instalments. Its type is not documented.
        installment_amount (Any | Unset): Amount of one instalment. Neither its type nor whether it is in major or minor
            units is documented.
        is_payer_traveling (bool | Unset): Whether the customer is travelling.
        country_code (str | Unset): Country of the card, by its three letters in ISO 3166-1 (PRT).
    """

    holder: str | Unset = UNSET
    number: str | Unset = UNSET
    expires_at: str | Unset = UNSET
    installments: Any | Unset = UNSET
    installment_amount: Any | Unset = UNSET
    is_payer_traveling: bool | Unset = UNSET
    country_code: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        holder = self.holder

        number = self.number

        expires_at = self.expires_at

        installments = self.installments

        installment_amount = self.installment_amount

        is_payer_traveling = self.is_payer_traveling

        country_code = self.country_code

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if holder is not UNSET:
            field_dict["holder"] = holder
        if number is not UNSET:
            field_dict["number"] = number
        if expires_at is not UNSET:
            field_dict["expiresAt"] = expires_at
        if installments is not UNSET:
            field_dict["installments"] = installments
        if installment_amount is not UNSET:
            field_dict["installmentAmount"] = installment_amount
        if is_payer_traveling is not UNSET:
            field_dict["isPayerTraveling"] = is_payer_traveling
        if country_code is not UNSET:
            field_dict["countryCode"] = country_code

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        holder = d.pop("holder", UNSET)

        number = d.pop("number", UNSET)

        expires_at = d.pop("expiresAt", UNSET)

        installments = d.pop("installments", UNSET)

        installment_amount = d.pop("installmentAmount", UNSET)

        is_payer_traveling = d.pop("isPayerTraveling", UNSET)

        country_code = d.pop("countryCode", UNSET)

        transaction_card = cls(
            holder=holder,
            number=number,
            expires_at=expires_at,
            installments=installments,
            installment_amount=installment_amount,
            is_payer_traveling=is_payer_traveling,
            country_code=country_code,
        )

        transaction_card.additional_properties = d
        return transaction_card

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
