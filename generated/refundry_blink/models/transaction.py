from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.transaction_status import TransactionStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="Transaction")


@_attrs_define
class Transaction:
    """A transaction at Blink: a payment or a refund. Each field may be missing, and others may be present. Holds personal
    data.

        Attributes:
            transaction_id (str | Unset): Blink's id of this transaction.
            status (TransactionStatus | Unset): State of the transaction. The case and the separators vary, and unlisted
                values occur. Captured is not settled yet and can be cancelled, Accepted is settled and can be refunded. The
                state of a refund is not documented.
            message (str | Unset): A message for people about the transaction. Not meant to be compared.
            amount (float | str | Unset): Amount of the transaction, in major units of its currency: a number (1.1) or a
                text ("1.10").
            currency (str | Unset): Currency of the amount, by its name in ISO 4217 (GBP).
            payment_source (str | Unset): How the customer paid.
            customer_name (str | Unset): Name of the customer.
            customer_email (str | Unset): E-mail address of the customer.
            customer_address (None | str | Unset): Address of the customer; null where there is none. Not sent for Open
                Banking.
            customer_postcode (None | str | Unset): Postcode of the customer; null where there is none. Not sent for Open
                Banking.
            merchant_data (Any | Unset): Your own data from the payment: an object, or its JSON as a text.
            card_number_mask (str | Unset): Masked number of the card.
    """

    transaction_id: str | Unset = UNSET
    status: TransactionStatus | Unset = UNSET
    message: str | Unset = UNSET
    amount: float | str | Unset = UNSET
    currency: str | Unset = UNSET
    payment_source: str | Unset = UNSET
    customer_name: str | Unset = UNSET
    customer_email: str | Unset = UNSET
    customer_address: None | str | Unset = UNSET
    customer_postcode: None | str | Unset = UNSET
    merchant_data: Any | Unset = UNSET
    card_number_mask: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        transaction_id = self.transaction_id

        status: str | Unset = UNSET
        if not isinstance(self.status, Unset):
            status = (
                self.status.value
                if isinstance(self.status, TransactionStatus)
                else self.status
            )

        message = self.message

        amount: float | str | Unset
        if isinstance(self.amount, Unset):
            amount = UNSET
        else:
            amount = self.amount

        currency = self.currency

        payment_source = self.payment_source

        customer_name = self.customer_name

        customer_email = self.customer_email

        customer_address: None | str | Unset
        if isinstance(self.customer_address, Unset):
            customer_address = UNSET
        else:
            customer_address = self.customer_address

        customer_postcode: None | str | Unset
        if isinstance(self.customer_postcode, Unset):
            customer_postcode = UNSET
        else:
            customer_postcode = self.customer_postcode

        merchant_data = self.merchant_data

        card_number_mask = self.card_number_mask

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if transaction_id is not UNSET:
            field_dict["transaction_id"] = transaction_id
        if status is not UNSET:
            field_dict["status"] = status
        if message is not UNSET:
            field_dict["message"] = message
        if amount is not UNSET:
            field_dict["amount"] = amount
        if currency is not UNSET:
            field_dict["currency"] = currency
        if payment_source is not UNSET:
            field_dict["payment_source"] = payment_source
        if customer_name is not UNSET:
            field_dict["customer_name"] = customer_name
        if customer_email is not UNSET:
            field_dict["customer_email"] = customer_email
        if customer_address is not UNSET:
            field_dict["customer_address"] = customer_address
        if customer_postcode is not UNSET:
            field_dict["customer_postcode"] = customer_postcode
        if merchant_data is not UNSET:
            field_dict["merchant_data"] = merchant_data
        if card_number_mask is not UNSET:
            field_dict["card_number_mask"] = card_number_mask

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        transaction_id = d.pop("transaction_id", UNSET)

        _status = d.pop("status", UNSET)
        status: TransactionStatus | Unset = (
            TransactionStatus(_status) if isinstance(_status, str) else _status
        )

        message = d.pop("message", UNSET)

        def _parse_amount(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        amount = _parse_amount(d.pop("amount", UNSET))

        currency = d.pop("currency", UNSET)

        payment_source = d.pop("payment_source", UNSET)

        customer_name = d.pop("customer_name", UNSET)

        customer_email = d.pop("customer_email", UNSET)

        def _parse_customer_address(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        customer_address = _parse_customer_address(d.pop("customer_address", UNSET))

        def _parse_customer_postcode(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        customer_postcode = _parse_customer_postcode(d.pop("customer_postcode", UNSET))

        merchant_data = d.pop("merchant_data", UNSET)

        card_number_mask = d.pop("card_number_mask", UNSET)

        transaction = cls(
            transaction_id=transaction_id,
            status=status,
            message=message,
            amount=amount,
            currency=currency,
            payment_source=payment_source,
            customer_name=customer_name,
            customer_email=customer_email,
            customer_address=customer_address,
            customer_postcode=customer_postcode,
            merchant_data=merchant_data,
            card_number_mask=card_number_mask,
        )

        transaction.additional_properties = d
        return transaction

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
