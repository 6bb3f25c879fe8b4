"""What a contract says of a provider's refunds, as far as it can be read off: the skeletons are filled with it.

What is guessed here (which field has the state, which word means done) stands at a place that is marked for a decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.contracts.openapi import identifier, json_type, operations
from scripts.contracts.pointers import child, get
from scripts.contracts.references import target

# How deep alternatives and parts of schemas are followed: some hold themselves.
_DEEPEST = 8
# What the words for the state of a refund usually begin with, in the order in which they are tried.
_DONE = ("succe", "complet", "paid", "refunded", "done", "settled", "approved", "accepted", "executed")
_FAILED = ("fail", "declin", "reject", "cancel", "void", "error", "denied")
_STATE = re.compile(r"(state|status|result|outcome)(code)?", re.IGNORECASE)
_AMOUNT = re.compile(r"amount|cents|minor|value", re.IGNORECASE)
_PAYMENT = re.compile(r"payment|original|charge|capture|sale", re.IGNORECASE)
_CODE = re.compile(r".*(code|problem|type|error|name)", re.IGNORECASE)
_MESSAGE = re.compile(r".*(message|detail|description|title|words|reason)", re.IGNORECASE)
_CURRENCY = re.compile(r"currency.*", re.IGNORECASE)
_KEY = re.compile(r".*(idempoten|requestid|request_id|dedup)", re.IGNORECASE)
_ERRORS = re.compile(r"errors?|fault|problems?", re.IGNORECASE)
_REFERENCE = re.compile(r".*(reference|merchantid|external|correlation|metadata)", re.IGNORECASE)


@dataclass(frozen=True)
class Operation:
    """One operation of the package: how it is called, and the module of its function."""

    method: str
    path: str
    function: str
    module: str
    value: Mapping[str, Any]

    @property
    def call(self) -> str:
        """The method and the path."""
        return f"{self.method.upper()} {self.path}"

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters in its path."""
        return re.findall(r"\{(.+?)\}", self.path)


@dataclass(frozen=True)
class Guess:
    """A field of a message, and its schema. `name` stands on the wire, `attribute` in Python.

    `inner` are the names of the fields in it, or in the items of the list that it is.
    """

    name: str
    pointer: str
    words: Sequence[str] = ()
    inner: Sequence[str] = ()
    required: bool = False
    is_list: bool = False

    @property
    def attribute(self) -> str:
        """Its name in a generated model."""
        return identifier(self.name)


class Subject:
    """A provider that is being added, by its effective contract and the package that was made of it."""

    def __init__(self, name: str, contract: Mapping[str, Any], package: Path) -> None:
        self.name = name
        self.class_name = "".join(word.capitalize() for word in name.split("_"))
        self.contract = contract
        self.operations = [*_operations(contract, package)]
        refunds = [one for one in self.operations if one.method == "post"]
        self.refund = next((one for one in refunds if "refund" in one.path.lower()), (refunds or self.operations)[0])
        asks = [one for one in self.operations if one.method == "get"]
        self.lookup = next((one for one in asks if "refund" in one.path.lower()), next(iter(asks), None))
        self.success = next((status for status in self._statuses(self.refund) if status < 300), 200)
        self.wrapper, self.refund_fields = self._unwrapped(self._fields(self._body_of(self.refund, self.success)))
        failed = next((status for status in self._statuses(self.refund) if status >= 400), 422)
        described = self._fields(self._body_of(self.refund, failed)) or self._fields(
            self._body_of(self.refund, self.success)
        )
        self.errors, self.error_fields = self._of_an_error(described)
        self.request_fields = self._fields(f"{self._at(self.refund)}/requestBody")

    def _unwrapped(self, fields: list[Guess]) -> tuple[Guess | None, list[Guess]]:
        """The one field in which the refund lies, where it does not lie in the body itself, and the refund's fields."""
        if not any(map(_is_state, fields)):
            for one in fields:
                inner = [*self._properties(one.pointer, 0)]
                if any(map(_is_state, inner)):
                    return one, inner
        return None, fields

    def _of_an_error(self, fields: list[Guess]) -> tuple[Guess | None, list[Guess]]:
        """The object or the list in which the errors lie, where they lie in one, and the fields of an error."""
        for one in fields:
            if _ERRORS.fullmatch(one.name) and one.inner:
                return one, [*self._properties(self._item(one.pointer), 0)]
        is_refund = fields and (self.wrapper in fields or fields == self.refund_fields)
        return None, [] if is_refund else fields

    # The fields that are guessed.

    @property
    def state(self) -> Guess:
        """The state of a refund."""
        return _first(self.refund_fields, _STATE, "status")

    @property
    def amount(self) -> Guess:
        """The amount of a refund."""
        return _first(self.refund_fields, _AMOUNT, "amount")

    @property
    def amount_inner(self) -> Guess | None:
        """The number in the amount, where the amount is an object."""
        inner = [Guess(one, "") for one in self.amount.inner]
        return _first(inner, _AMOUNT, inner[0].name) if inner else None

    @property
    def currency(self) -> Guess | None:
        """The currency of a refund: within its amount, or beside it."""
        beside = [Guess(one, "") for one in self.amount.inner] or self.refund_fields
        return next((one for one in beside if _CURRENCY.fullmatch(one.name)), None)

    @property
    def payment_id(self) -> Guess:
        """The payment of a refund."""
        return _first(self.refund_fields, _PAYMENT, "payment_id")

    @property
    def refund_id(self) -> Guess:
        """The id of a refund: a field called id, or else one that names the refund."""
        named = [one for one in self.refund_fields if one.name.lower() in ("id", "refund", "refundid", "refund_id")]
        return named[0] if named else _first(self.refund_fields, re.compile(".*(id|reference)", re.IGNORECASE), "id")

    @property
    def code(self) -> Guess:
        """The code of an error."""
        return _first(self.error_fields, _CODE, "code")

    @property
    def message(self) -> Guess:
        """The text of an error."""
        return _first([one for one in self.error_fields if one != self.code], _MESSAGE, "message")

    @property
    def request_amount(self) -> Guess:
        """The field of a request that has the amount."""
        return _first(self.request_fields, _AMOUNT, "amount")

    @property
    def request_key(self) -> Guess | None:
        """The field of a request that has the idempotency key; None where the contract has none in the body."""
        return next((one for one in self.request_fields if _KEY.match(one.name)), None)

    @property
    def request_payment(self) -> Guess | None:
        """The field of a request that has the payment; None where the path has it."""
        fields = () if self.refund.parameters else self.request_fields
        return next((one for one in fields if _PAYMENT.search(one.name) and not one.inner), None)

    @property
    def request_reference(self) -> Guess:
        """The field of a request that has the reference."""
        return _first(self.request_fields, _REFERENCE, self.request_key.name if self.request_key else "reference")

    def words(self) -> tuple[str, str, str]:
        """The words for a refund that is done, that has failed, and that is pending."""
        words = list(self.state.words)
        done = _beginning(words, _DONE) or next(iter(words), "done")
        failed = _beginning(words, _FAILED) or next((one for one in words if one != done), "failed")
        return done, failed, next((one for one in words if one not in (done, failed)), "pending")

    # The contract.

    @property
    def scheme(self) -> Mapping[str, Any]:
        """The security scheme of the refund; empty where it has none."""
        schemes = self.contract.get("components", {}).get("securitySchemes", {})
        needed = self.refund.value.get("security", self.contract.get("security", ()))
        names = [name for one in needed for name in one]
        return schemes.get(names[0], {}) if names else {}

    @property
    def origin(self) -> str:
        """The server of production."""
        servers = self.contract.get("servers", ())
        found = [one["url"] for one in servers if "production" in one.get("x-environments", ())]
        return str(found[0]).rstrip("/") if found else "https://"

    def statuses(self) -> list[int]:
        """The statuses that the contract describes for a refund."""
        return self._statuses(self.refund)

    def body_model(self) -> str:
        """The name of the schema of a request, or what it is in words."""
        schema = self._schema(f"{self._at(self.refund)}/requestBody")
        reference = get(self.contract, schema).get("$ref", "") if schema else ""
        return reference.rpartition("/")[2] or "a body"

    def _at(self, operation: Operation) -> str:
        return child(child("/paths", operation.path), operation.method)

    def _statuses(self, operation: Operation) -> list[int]:
        return sorted(int(one) for one in operation.value.get("responses", {}) if str(one).isdigit())

    def _body_of(self, operation: Operation, status: int) -> str:
        return child(f"{self._at(operation)}/responses", str(status))

    def _schema(self, holder: str) -> str | None:
        """The pointer of the JSON schema of a request body or a response; None where it has none."""
        holder = self._target(holder)
        content = (get(self.contract, holder) or {}).get("content", {})
        kind = json_type(content)
        return None if kind is None else child(child(holder, "content"), kind) + "/schema"

    def _target(self, pointer: str) -> str:
        for _ in range(20):
            value = get(self.contract, pointer)
            if not isinstance(value, dict) or "$ref" not in value:
                break
            pointer = target(value["$ref"])
        return pointer

    def _item(self, pointer: str) -> str:
        """The schema itself, or that of the items of a list."""
        return f"{pointer}/items" if "items" in (get(self.contract, pointer) or {}) else pointer

    def _fields(self, holder: str) -> list[Guess]:
        schema = self._schema(holder)
        return [] if schema is None else [*self._properties(schema, 0)]

    def _properties(self, pointer: str, depth: int) -> Iterator[Guess]:
        pointer = self._target(pointer)
        schema = get(self.contract, pointer)
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return
        for name in schema.get("properties", {}):
            at = self._target(child(f"{pointer}/properties", name))
            is_list = "items" in (get(self.contract, at) or {})
            needed = name in schema.get("required", ())
            listed = next((key for key in ("x-extensible-enum", "enum") if key in (get(self.contract, at) or {})), None)
            words = tuple(map(str, get(self.contract, at)[listed])) if listed else ()
            inner = [] if depth else [one.name for one in self._properties(self._item(at), depth + 1)]
            yield Guess(name, f"{at}/{listed}" if listed else at, words, inner, needed, is_list)
        for key in ("allOf", "oneOf", "anyOf"):
            for index, _ in enumerate(schema.get(key, ())):
                yield from self._properties(f"{pointer}/{key}/{index}", depth + 1)


def _operations(contract: Mapping[str, Any], package: Path) -> Iterator[Operation]:
    for _, method, path, value in operations(contract):
        function = value["operationId"]
        found = next(package.glob(f"api/*/{function}.py"))
        yield Operation(method, path, function, f"{package.name}.api.{found.parent.name}", value)


def _first(fields: Sequence[Guess], pattern: re.Pattern[str], otherwise: str) -> Guess:
    """The first field whose whole name fits, else one whose name has it, else a name that has to be decided."""
    exact = (one for one in fields if pattern.fullmatch(one.name))
    within = (one for one in fields if pattern.search(one.name))
    return next(exact, None) or next(within, None) or Guess(otherwise, "")


def _beginning(words: Sequence[str], beginnings: Sequence[str]) -> str | None:
    found = (word for beginning in beginnings for word in words if word.lower().startswith(beginning))
    return next(found, None)


def _is_state(field: Guess) -> bool:
    return _STATE.fullmatch(field.name) is not None
