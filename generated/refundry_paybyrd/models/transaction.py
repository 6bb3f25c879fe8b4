from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.paybyrd_code import PaybyrdCode
from ..models.paybyrd_description import PaybyrdDescription
from ..models.transaction_operation_type import TransactionOperationType
from ..models.transaction_status import TransactionStatus
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.referenced_transaction import ReferencedTransaction
    from ..models.transaction_card import TransactionCard
    from ..models.transaction_card_info_composition import (
        TransactionCardInfoComposition,
    )


T = TypeVar("T", bound="Transaction")


@_attrs_define
class Transaction:
    """A transaction at Paybyrd: a payment, a capture or a refund. Each field may be missing, and others may be present.
    Holds personal data.

        Attributes:
            transaction_id (str | Unset): Paybyrd's id of this transaction.
            code (PaybyrdCode | Unset): Paybyrd's code for the result of a request, such as BYRD200 (done), BYRD010
                (accepted) or BYRD230 (already refunded). The known values are listed in the contract; others occur.
            description (PaybyrdDescription | Unset): A message for people that explains a code. The known values are listed
                in the contract; others occur, even in Paybyrd's own examples. Not meant to be compared: use the code.
            status (TransactionStatus | Unset): State of the transaction. Compare without regard to case, and expect
                unlisted values. Success and AcquirerSuccess are done, Processing is pending, TemporaryFailed is undecided,
                Denied, Canceled and Error are failures.
            operation_type (TransactionOperationType | Unset): The kind of transaction. Refund is expected, but no
                documented example shows it.
            amount (str | Unset): Amount of the transaction, as a decimal text in major units ("1.00"). May be negative
                where the transaction is a refund ("-1.00").
            iso_amount (int | Unset): Amount of the transaction, a whole number of minor units (EUR 1.00 = 100). May be
                negative where the transaction is a refund (-100).
            currency (str | Unset): Currency of the amounts, by its name in ISO 4217 (EUR).
            order_ref (str | Unset): Your reference of the order. Not a reference of one refund.
            brand (str | Unset): Brand of the card or of another payment method.
            payment_method (str | Unset): How the customer paid.
            created_date (str | Unset): When Paybyrd created the transaction, as a date and time of ISO 8601 in UTC, with Z.
                Kept as text.
            transaction_date (str | Unset): When the transaction took place, as a date and time of ISO 8601 in UTC, with Z.
                Kept as text.
            captured_date (str | Unset): When the payment was captured, as a date and time of ISO 8601 in UTC, with Z. Kept
                as text.
            initiated_from (str | Unset): Where the transaction was started.
            index (int | Unset): Index of the transaction. What it counts is not documented.
            attempt (int | Unset): Number of the attempt. What it counts is not documented.
            person_id (int | Unset): Paybyrd's id of the customer.
            subscription_guid (str | Unset): Paybyrd's id of the subscription that the transaction belongs to.
            finger_print (str | Unset): Text that identifies a payment method over several payments.
            masked_card_number (str | Unset): Masked number of the card.
            authorization_code (str | Unset): Code that the issuer gave to the authorization.
            expires_at (str | Unset): When the transaction expires. Its form is not documented; kept as text.
            external_session_identifier (str | Unset): Id of the session in another system.
            external_transaction_identifier (str | Unset): Id of the transaction in another system.
            external_custom_identifier (str | Unset): Further id in another system.
            acquirer (str | Unset): Name of the acquirer.
            acquirer_response_code (str | Unset): Code of the acquirer's answer. Not a code of Paybyrd.
            acquirer_response_message (str | Unset): The acquirer's message for people. Not meant to be compared.
            acquirer_entity (str | Unset): Entity of the acquirer.
            acquirer_reference (str | Unset): The acquirer's reference of the transaction.
            card (TransactionCard | Unset): The card of a transaction. Each field may be missing, and others may be present.
                Holds personal data.
            terminal_id (Any | Unset): Paybyrd's id of the terminal that took the payment. Its type is not documented.
            airport_code (str | Unset): Code of an airport, for travel. Its form is not documented.
            application_id (Any | Unset): Paybyrd's id of the application that the transaction came from. Its type is not
                documented.
            market_id (Any | Unset): Paybyrd's id of the market. Its type is not documented.
            accept_tokenization (bool | Unset): Whether the card may be stored as a token.
            card_info_composition (TransactionCardInfoComposition | Unset): Composition of the card's details. Its fields
                are not documented.
            referenced_transactions (list[ReferencedTransaction] | Unset): The transactions that this one refers to; for a
                refund, the payment.
    """

    transaction_id: str | Unset = UNSET
    code: PaybyrdCode | Unset = UNSET
    description: PaybyrdDescription | Unset = UNSET
    status: TransactionStatus | Unset = UNSET
    operation_type: TransactionOperationType | Unset = UNSET
    amount: str | Unset = UNSET
    iso_amount: int | Unset = UNSET
    currency: str | Unset = UNSET
    order_ref: str | Unset = UNSET
    brand: str | Unset = UNSET
    payment_method: str | Unset = UNSET
    created_date: str | Unset = UNSET
    transaction_date: str | Unset = UNSET
    captured_date: str | Unset = UNSET
    initiated_from: str | Unset = UNSET
    index: int | Unset = UNSET
    attempt: int | Unset = UNSET
    person_id: int | Unset = UNSET
    subscription_guid: str | Unset = UNSET
    finger_print: str | Unset = UNSET
    masked_card_number: str | Unset = UNSET
    authorization_code: str | Unset = UNSET
    expires_at: str | Unset = UNSET
    external_session_identifier: str | Unset = UNSET
    external_transaction_identifier: str | Unset = UNSET
    external_custom_identifier: str | Unset = UNSET
    acquirer: str | Unset = UNSET
    acquirer_response_code: str | Unset = UNSET
    acquirer_response_message: str | Unset = UNSET
    acquirer_entity: str | Unset = UNSET
    acquirer_reference: str | Unset = UNSET
    card: TransactionCard | Unset = UNSET
    terminal_id: Any | Unset = UNSET
    airport_code: str | Unset = UNSET
    application_id: Any | Unset = UNSET
    market_id: Any | Unset = UNSET
    accept_tokenization: bool | Unset = UNSET
    card_info_composition: TransactionCardInfoComposition | Unset = UNSET
    referenced_transactions: list[ReferencedTransaction] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        transaction_id = self.transaction_id

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

        status: str | Unset = UNSET
        if not isinstance(self.status, Unset):
            status = (
                self.status.value
                if isinstance(self.status, TransactionStatus)
                else self.status
            )

        operation_type: str | Unset = UNSET
        if not isinstance(self.operation_type, Unset):
            operation_type = (
                self.operation_type.value
                if isinstance(self.operation_type, TransactionOperationType)
                else self.operation_type
            )

        amount = self.amount

        iso_amount = self.iso_amount

        currency = self.currency

        order_ref = self.order_ref

        brand = self.brand

        payment_method = self.payment_method

        created_date = self.created_date

        transaction_date = self.transaction_date

        captured_date = self.captured_date

        initiated_from = self.initiated_from

        index = self.index

        attempt = self.attempt

        person_id = self.person_id

        subscription_guid = self.subscription_guid

        finger_print = self.finger_print

        masked_card_number = self.masked_card_number

        authorization_code = self.authorization_code

        expires_at = self.expires_at

        external_session_identifier = self.external_session_identifier

        external_transaction_identifier = self.external_transaction_identifier

        external_custom_identifier = self.external_custom_identifier

        acquirer = self.acquirer

        acquirer_response_code = self.acquirer_response_code

        acquirer_response_message = self.acquirer_response_message

        acquirer_entity = self.acquirer_entity

        acquirer_reference = self.acquirer_reference

        card: dict[str, Any] | Unset = UNSET
        if not isinstance(self.card, Unset):
            card = self.card.to_dict()

        terminal_id = self.terminal_id

        airport_code = self.airport_code

        application_id = self.application_id

        market_id = self.market_id

        accept_tokenization = self.accept_tokenization

        card_info_composition: dict[str, Any] | Unset = UNSET
        if not isinstance(self.card_info_composition, Unset):
            card_info_composition = self.card_info_composition.to_dict()

        referenced_transactions: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.referenced_transactions, Unset):
            referenced_transactions = []
            for referenced_transactions_item_data in self.referenced_transactions:
                referenced_transactions_item = (
                    referenced_transactions_item_data.to_dict()
                )
                referenced_transactions.append(referenced_transactions_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if transaction_id is not UNSET:
            field_dict["transactionId"] = transaction_id
        if code is not UNSET:
            field_dict["code"] = code
        if description is not UNSET:
            field_dict["description"] = description
        if status is not UNSET:
            field_dict["status"] = status
        if operation_type is not UNSET:
            field_dict["operationType"] = operation_type
        if amount is not UNSET:
            field_dict["amount"] = amount
        if iso_amount is not UNSET:
            field_dict["isoAmount"] = iso_amount
        if currency is not UNSET:
            field_dict["currency"] = currency
        if order_ref is not UNSET:
            field_dict["orderRef"] = order_ref
        if brand is not UNSET:
            field_dict["brand"] = brand
        if payment_method is not UNSET:
            field_dict["paymentMethod"] = payment_method
        if created_date is not UNSET:
            field_dict["createdDate"] = created_date
        if transaction_date is not UNSET:
            field_dict["transactionDate"] = transaction_date
        if captured_date is not UNSET:
            field_dict["capturedDate"] = captured_date
        if initiated_from is not UNSET:
            field_dict["initiatedFrom"] = initiated_from
        if index is not UNSET:
            field_dict["index"] = index
        if attempt is not UNSET:
            field_dict["attempt"] = attempt
        if person_id is not UNSET:
            field_dict["personId"] = person_id
        if subscription_guid is not UNSET:
            field_dict["subscriptionGuid"] = subscription_guid
        if finger_print is not UNSET:
            field_dict["fingerPrint"] = finger_print
        if masked_card_number is not UNSET:
            field_dict["maskedCardNumber"] = masked_card_number
        if authorization_code is not UNSET:
            field_dict["authorizationCode"] = authorization_code
        if expires_at is not UNSET:
            field_dict["expiresAt"] = expires_at
        if external_session_identifier is not UNSET:
            field_dict["externalSessionIdentifier"] = external_session_identifier
        if external_transaction_identifier is not UNSET:
            field_dict["externalTransactionIdentifier"] = (
                external_transaction_identifier
            )
        if external_custom_identifier is not UNSET:
            field_dict["externalCustomIdentifier"] = external_custom_identifier
        if acquirer is not UNSET:
            field_dict["acquirer"] = acquirer
        if acquirer_response_code is not UNSET:
            field_dict["acquirerResponseCode"] = acquirer_response_code
        if acquirer_response_message is not UNSET:
            field_dict["acquirerResponseMessage"] = acquirer_response_message
        if acquirer_entity is not UNSET:
            field_dict["acquirerEntity"] = acquirer_entity
        if acquirer_reference is not UNSET:
            field_dict["acquirerReference"] = acquirer_reference
        if card is not UNSET:
            field_dict["card"] = card
        if terminal_id is not UNSET:
            field_dict["terminalId"] = terminal_id
        if airport_code is not UNSET:
            field_dict["airportCode"] = airport_code
        if application_id is not UNSET:
            field_dict["applicationId"] = application_id
        if market_id is not UNSET:
            field_dict["marketId"] = market_id
        if accept_tokenization is not UNSET:
            field_dict["acceptTokenization"] = accept_tokenization
        if card_info_composition is not UNSET:
            field_dict["cardInfoComposition"] = card_info_composition
        if referenced_transactions is not UNSET:
            field_dict["referencedTransactions"] = referenced_transactions

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.referenced_transaction import ReferencedTransaction  # noqa: PLC0415
        from ..models.transaction_card import TransactionCard  # noqa: PLC0415
        from ..models.transaction_card_info_composition import (
            TransactionCardInfoComposition,  # noqa: PLC0415
        )

        d = dict(src_dict)
        transaction_id = d.pop("transactionId", UNSET)

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

        _status = d.pop("status", UNSET)
        status: TransactionStatus | Unset = (
            TransactionStatus(_status) if isinstance(_status, str) else _status
        )

        _operation_type = d.pop("operationType", UNSET)
        operation_type: TransactionOperationType | Unset = (
            TransactionOperationType(_operation_type)
            if isinstance(_operation_type, str)
            else _operation_type
        )

        amount = d.pop("amount", UNSET)

        iso_amount = d.pop("isoAmount", UNSET)

        currency = d.pop("currency", UNSET)

        order_ref = d.pop("orderRef", UNSET)

        brand = d.pop("brand", UNSET)

        payment_method = d.pop("paymentMethod", UNSET)

        created_date = d.pop("createdDate", UNSET)

        transaction_date = d.pop("transactionDate", UNSET)

        captured_date = d.pop("capturedDate", UNSET)

        initiated_from = d.pop("initiatedFrom", UNSET)

        index = d.pop("index", UNSET)

        attempt = d.pop("attempt", UNSET)

        person_id = d.pop("personId", UNSET)

        subscription_guid = d.pop("subscriptionGuid", UNSET)

        finger_print = d.pop("fingerPrint", UNSET)

        masked_card_number = d.pop("maskedCardNumber", UNSET)

        authorization_code = d.pop("authorizationCode", UNSET)

        expires_at = d.pop("expiresAt", UNSET)

        external_session_identifier = d.pop("externalSessionIdentifier", UNSET)

        external_transaction_identifier = d.pop("externalTransactionIdentifier", UNSET)

        external_custom_identifier = d.pop("externalCustomIdentifier", UNSET)

        acquirer = d.pop("acquirer", UNSET)

        acquirer_response_code = d.pop("acquirerResponseCode", UNSET)

        acquirer_response_message = d.pop("acquirerResponseMessage", UNSET)

        acquirer_entity = d.pop("acquirerEntity", UNSET)

        acquirer_reference = d.pop("acquirerReference", UNSET)

        _card = d.pop("card", UNSET)
        card: TransactionCard | Unset = UNSET
        if isinstance(_card, dict):
            card = TransactionCard.from_dict(_card)

        elif not isinstance(_card, Unset):
            d["card"] = _card

        terminal_id = d.pop("terminalId", UNSET)

        airport_code = d.pop("airportCode", UNSET)

        application_id = d.pop("applicationId", UNSET)

        market_id = d.pop("marketId", UNSET)

        accept_tokenization = d.pop("acceptTokenization", UNSET)

        _card_info_composition = d.pop("cardInfoComposition", UNSET)
        card_info_composition: TransactionCardInfoComposition | Unset = UNSET
        if isinstance(_card_info_composition, dict):
            card_info_composition = TransactionCardInfoComposition.from_dict(
                _card_info_composition
            )

        elif not isinstance(_card_info_composition, Unset):
            d["cardInfoComposition"] = _card_info_composition

        _referenced_transactions = d.pop("referencedTransactions", UNSET)
        referenced_transactions: list[ReferencedTransaction] | Unset = UNSET
        if isinstance(_referenced_transactions, list) and all(
            isinstance(referenced_transactions_item_data, dict)
            for referenced_transactions_item_data in _referenced_transactions
        ):
            referenced_transactions = []
            for referenced_transactions_item_data in _referenced_transactions:
                _referenced_transactions_item = referenced_transactions_item_data
                if not isinstance(_referenced_transactions_item, dict):
                    raise TypeError("not an object")
                referenced_transactions_item = ReferencedTransaction.from_dict(
                    _referenced_transactions_item
                )

                referenced_transactions.append(referenced_transactions_item)
        elif not isinstance(_referenced_transactions, Unset):
            d["referencedTransactions"] = _referenced_transactions

        transaction = cls(
            transaction_id=transaction_id,
            code=code,
            description=description,
            status=status,
            operation_type=operation_type,
            amount=amount,
            iso_amount=iso_amount,
            currency=currency,
            order_ref=order_ref,
            brand=brand,
            payment_method=payment_method,
            created_date=created_date,
            transaction_date=transaction_date,
            captured_date=captured_date,
            initiated_from=initiated_from,
            index=index,
            attempt=attempt,
            person_id=person_id,
            subscription_guid=subscription_guid,
            finger_print=finger_print,
            masked_card_number=masked_card_number,
            authorization_code=authorization_code,
            expires_at=expires_at,
            external_session_identifier=external_session_identifier,
            external_transaction_identifier=external_transaction_identifier,
            external_custom_identifier=external_custom_identifier,
            acquirer=acquirer,
            acquirer_response_code=acquirer_response_code,
            acquirer_response_message=acquirer_response_message,
            acquirer_entity=acquirer_entity,
            acquirer_reference=acquirer_reference,
            card=card,
            terminal_id=terminal_id,
            airport_code=airport_code,
            application_id=application_id,
            market_id=market_id,
            accept_tokenization=accept_tokenization,
            card_info_composition=card_info_composition,
            referenced_transactions=referenced_transactions,
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
