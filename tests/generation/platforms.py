"""Six made-up payment platforms, whose documents have the constructs that large platforms write their refunds with.

Around the operations about refunds stand hundreds of others, with schemas that hold one another: about 3 MB each.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.generation.documents import LARGE, platform

OTHERS = 740


class Platform(NamedTuple):
    """A document, its operations about refunds, and messages of the first: sent, fitting and departing.

    `arguments` are those of a call beside the body, and `headers` what such a call has on the wire.
    """

    document: dict[str, Any]
    operations: tuple[str, ...]
    sent: dict[str, Any]
    arguments: Mapping[str, Any]
    headers: Mapping[str, str]
    fits: tuple[Any, ...]
    departs: tuple[Any, ...]


def _to(name: str, group: str = "schemas") -> dict[str, str]:
    return {"$ref": f"#/components/{group}/{name}"}


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


def _object(properties: Mapping[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**properties},
        **({"required": [*required]} if required else {}),
        **more,
    }


def _list(item: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": {**item}, **more}


def _said(schema: Mapping[str, Any], *kinds: str) -> dict[str, Any]:
    content = {kind: {"schema": {**schema}} for kind in kinds or ("application/json",)}
    return {"description": "What is said", "content": content}


def _path(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _text(**schema)}


def _header(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": _text(), **more}


def _among_others(version: str, paths: dict[str, Any], schemas: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a document of hundreds of operations, with these paths and schemas first."""
    whole = platform(OTHERS, **LARGE)
    others = {path: item for path, item in whole["paths"].items() if "resource_" in path}
    own = whole["components"]
    components = {**own, **more.pop("components", {}), "schemas": {**schemas, **own["schemas"], **schemas}}
    schemes = {**own["securitySchemes"], **components.get("securitySchemes", {})}
    kept = {key: value for key, value in whole.items() if key not in ("webhooks", "x-webhooks")}
    return {
        **kept,
        "openapi": version,
        "paths": {**paths, **others},
        "components": {**components, "securitySchemes": schemes},
        **more,
    }


def _operation(name: str, reply: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"operationId": name, "tags": ["Refunds"], "responses": reply, **more}


def _body(schema: Mapping[str, Any], *kinds: str) -> dict[str, Any]:
    return {"required": True, "content": _said(schema, *kinds)["content"]}


def tagged() -> Platform:
    """In 3.1: tags with a default that are required, alternatives without a discriminator, examples by reference."""

    def method(kind: str, **properties: Any) -> dict[str, Any]:
        tag = _text(enum=[kind], default=kind)
        return _object({"type": tag, **properties}, "type", additionalProperties=False, title=kind)

    schemas = {
        "ReturnOrder": _object(
            {
                "amount": _to("Sum"),
                "merchantAccount": _text(),
                "notes": {"type": "object", "additionalProperties": _text(maxLength=80)},
                "parts": _list(_to("Part")),
                "target": {"oneOf": [_to("CardTarget"), _to("WalletTarget")]},
            },
            "amount",
            "merchantAccount",
            additionalProperties=False,
        ),
        "Returned": _object(
            {
                "amount": _to("Sum"),
                "reference": _text(),
                "status": _text(enum=["received"]),
                "parts": _list(_to("Part")),
                "why": {"type": ["string", "null"], "enum": ["fraud", "return", "other", None]},
            },
            "amount",
            "reference",
            "status",
        ),
        "Sum": _object(
            {"currency": _text(minLength=3, maxLength=3), "value": {"type": "integer", "format": "int64"}},
            "currency",
            "value",
        ),
        "Part": _object({"type": _text(enum=["fee", "tax"], default="fee"), "parts": _list(_to("Part"))}, "type"),
        "CardTarget": method("card", last=_text()),
        "WalletTarget": method("wallet", owner=_text()),
        "Trouble": _object({"errorCode": _text(), "status": {"type": "integer", "format": "int32"}}),
    }
    reply = {"201": _said(_to("Returned")), **{key: _said(_to("Trouble")) for key in ("400", "422", "500")}}
    create = _operation(
        "post-payments-returns",
        reply,
        parameters=[_path("paymentId"), _header("Idempotency-Key")],
        requestBody=_body(_to("ReturnOrder")),
        security=[{"key": []}, {"name": []}],
    )
    create["requestBody"]["content"]["application/json"]["examples"] = {"small": _to("small", "examples")}
    amount = {"currency": "EUR", "value": 100}
    return Platform(
        _among_others(
            "3.1.0",
            {"/payments/{paymentId}/returns": {"post": create}},
            schemas,
            components={
                "examples": {"small": {"value": {"amount": amount, "merchantAccount": "m"}}},
                "securitySchemes": {
                    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
                    "name": {"type": "http", "scheme": "basic"},
                },
            },
        ),
        ("POST /payments/{paymentId}/returns",),
        {"amount": amount, "merchantAccount": "m", "notes": {"a": "b"}, "target": {"type": "wallet", "owner": "o"}},
        {"payment_id": "p1", "idempotency_key": "k1"},
        {"x-key": "t0ken", "idempotency-key": "k1"},
        (
            {"amount": amount, "reference": "r", "status": "received", "parts": [{"type": "tax", "parts": []}]},
            {"amount": amount, "reference": "r", "status": "received", "why": None},
        ),
        ({"amount": amount, "reference": "r", "status": "lost"},),
    )


def hypermedia() -> Platform:
    """Names with an underscore, `hal+json`, null in 3.0, inline replies, arrays in the query, what the server sets."""
    link = _object({"href": _text(format="uri"), "type": _text()})
    refund = _object(
        {
            "id": _text(readOnly=True),
            "amount": _to("amount-value"),
            "settlementAmount": {"allOf": [_to("amount-value")], "nullable": True},
            "status": _text(enum=["queued", "refunded", "failed"], readOnly=True),
            "metadata": {"type": "object", "nullable": True, "additionalProperties": True},
            "lines": _list(_object({"sku": _text(nullable=True)}), nullable=True),
            "_links": _object({"self": link, "payment": link}),
        },
        "id",
        "amount",
        "status",
    )
    trouble = _object({"status": {"type": "integer"}, "field": _text(nullable=True), "_links": _object({"doc": link})})
    create = _operation(
        "create-return",
        {"201": _said(_to("refund-reply"), "application/hal+json"), "422": _said(trouble, "application/hal+json")},
        parameters=[_path("paymentId", pattern="^tr_")],
        requestBody=_body(_to("refund-reply")),
    )
    listed = _object({"count": {"type": "integer"}, "_embedded": _object({"refunds": _list(_to("refund-reply"))})})
    read = _operation(
        "list-returns",
        {"200": _said(listed, "application/hal+json")},
        parameters=[
            _path("paymentId"),
            {"name": "embed", "in": "query", "schema": _list(_text(enum=["payment"])), "explode": False},
        ],
    )
    amount = {"value": "10.00", "currency": "EUR"}
    return Platform(
        _among_others(
            "3.0.3",
            {"/v2/payments/{paymentId}/returns": {"post": create, "get": read}},
            {
                "refund-reply": refund,
                "amount-value": _object({"value": _text(), "currency": _text()}, "value", "currency"),
            },
            components={
                "securitySchemes": {
                    "apiKey": {"type": "http", "scheme": "bearer"},
                    "oAuth": {
                        "type": "oauth2",
                        "flows": {
                            "clientCredentials": {
                                "tokenUrl": "https://api.example.com/token",
                                "scopes": {"refunds": ""},
                            }
                        },
                    },
                }
            },
            security=[{"apiKey": []}, {"oAuth": ["refunds"]}],
        ),
        ("POST /v2/payments/{paymentId}/returns", "list-returns"),
        {"amount": amount, "metadata": {"a": [1]}},
        {"payment_id": "tr_1"},
        {"authorization": "Bearer t0ken"},
        (
            {"id": "re_1", "amount": amount, "status": "queued", "metadata": None, "lines": [{"sku": None}]},
            {
                "id": "re_1",
                "amount": amount,
                "status": "failed",
                "_links": {"self": {"href": "https://a", "type": "b"}},
            },
        ),
        (
            {"id": "re_1", "amount": amount, "status": "gone"},
            # In 3.0, `nullable` says nothing without a type beside it: strictly, a null departs.
            {"id": "re_1", "amount": amount, "status": "queued", "settlementAmount": None},
        ),
    )


def consents() -> Platform:
    """Content types with parameters, replies by reference under odd names, objects of the same names at any depth."""
    account = _object({"SchemeName": _text(enum=["XX.BANK.IBAN", "XX.BANK.SortCode"]), "Name": _text()}, "SchemeName")
    amount = _object({"Amount": _text(pattern=r"^\d{1,13}$|^\d{1,13}\.\d{1,5}$"), "Currency": _text()}, "Amount")
    start = _object(
        {"InstructedAmount": amount, "CreditorAccount": account, "Parts": _list(account)}, "InstructedAmount"
    )
    order = _object({"Data": _object({"Initiation": start}, "Initiation", additionalProperties=False)}, "Data")
    status = _text(enum=["AcceptedSettlement", "Pending", "Rejected"])
    reply = _object(
        {
            "Data": _object({"Id": _text(), "Status": status, "Initiation": start, "Refund": account}, "Id", "Status"),
            "Links": _object({"Self": _text(format="uri")}, additionalProperties=False),
        },
        "Data",
    )
    kinds = ("application/json; charset=utf-8", "application/json", "application/jose+jwe")
    create = _operation(
        "CreateBackPayments",
        {
            "201": _to("201BackPaymentsCreated", "responses"),
            "400": _to("400Error", "responses"),
            "403": {"description": ""},
        },
        parameters=[_to("x-customer-time", "parameters"), _to("Authorization", "parameters")],
        requestBody=_to("BackOrder", "requestBodies"),
        security=[{"PSU": ["payments"]}],
    )
    flow = {"authorizationUrl": "https://api.example.com/a", "tokenUrl": "https://api.example.com/t", "scopes": {}}
    failed = _object(
        {"Code": _text(), "Errors": _list(_object({"ErrorCode": _text()}, "ErrorCode"), minItems=1)}, "Code"
    )
    own = {
        "InstructedAmount": {"Amount": "10.00", "Currency": "GBP"},
        "CreditorAccount": {"SchemeName": "XX.BANK.IBAN"},
    }
    return Platform(
        _among_others(
            "3.0.0",
            {"/back-payments": {"post": create}},
            {"XXWriteBack1": order, "XXWriteBackReply1": reply, "XXError1": failed},
            components={
                "parameters": {
                    "x-customer-time": _header("x-customer-time"),
                    "Authorization": _header("Authorization"),
                },
                "requestBodies": {"BackOrder": _body(_to("XXWriteBack1"), *kinds)},
                "responses": {
                    "201BackPaymentsCreated": _said(_to("XXWriteBackReply1"), *kinds),
                    "400Error": _said(_to("XXError1"), *kinds),
                    # What the other operations refer to.
                    "Refused": _said(_to("XXError1")),
                },
                "securitySchemes": {"PSU": {"type": "oauth2", "flows": {"authorizationCode": flow}}},
            },
        ),
        ("CreateBackPayments",),
        {"Data": {"Initiation": own}},
        {"x_customer_time": "now"},
        {"x-customer-time": "now", "authorization": "Bearer t0ken", "content-type": "application/json"},
        (
            {"Data": {"Id": "1", "Status": "Pending", "Initiation": {**own, "Parts": []}}, "Links": {"Self": "/1"}},
            {"Data": {"Id": "1", "Status": "Rejected", "Refund": {"SchemeName": "XX.BANK.SortCode", "Name": "n"}}},
        ),
        ({"Data": {"Id": "1", "Status": "Lost"}},),
    )


def keyed() -> Platform:
    """Two keys at once, a secret in the body, null in enums and behind references, and objects that stay open."""
    create = _operation(
        "transferBackCreate",
        {"200": _said(_to("BackReply")), "default": _said(_to("PlatformError"))},
        requestBody=_body(_to("BackOrder")),
    )
    schemas = {
        "BackOrder": _object(
            {
                "client_id": _to("APIClientID"),
                "secret": _text(format="password"),
                "amount": _text(),
                "idempotency_key": _text(maxLength=50),
            },
            "amount",
            "idempotency_key",
        ),
        "APIClientID": _text(title="APIClientID"),
        "BackReply": _object({"refund": _to("Back"), "request_id": _text()}, "refund", additionalProperties=True),
        "Back": _object(
            {
                "id": _text(),
                "amount": {"type": "number", "format": "double"},
                "status": _to("BackStatus"),
                "failure": _to("Failure"),
                "network": _text(nullable=True, enum=["wire", "card", None]),
            },
            "id",
            "status",
            "failure",
            additionalProperties=True,
        ),
        "BackStatus": _text(enum=["pending", "posted", "cancelled"]),
        "Failure": _object({"code": _text(nullable=True)}, nullable=True, additionalProperties=True),
        "PlatformError": _object(
            {
                "error_type": _text(enum=["INVALID", "API"]),
                "causes": _list({"type": "object", "additionalProperties": True}),
                "display_message": _text(nullable=True),
            },
            "error_type",
            "display_message",
        ),
    }
    keys = {name: {"type": "apiKey", "in": "header", "name": f"PLATFORM-{name}"} for name in ("ID", "SECRET")}
    return Platform(
        _among_others(
            "3.0.0",
            {"/transfer/back/create": {"post": create}},
            schemas,
            components={"securitySchemes": keys},
            security=[{"ID": [], "SECRET": []}],
        ),
        ("POST /transfer/back/create",),
        {"amount": "1.00", "idempotency_key": "k", "secret": "s"},
        {},
        {"platform-id": "t0ken"},
        (
            {"refund": {"id": "1", "status": "pending", "failure": None, "network": None, "more": 1}},
            {"refund": {"id": "1", "amount": 1.5, "status": "posted", "failure": {"code": None}}, "request_id": "q"},
        ),
        ({"refund": {"id": "1", "status": "lost", "failure": None}},),
    )


def catalog() -> Platform:
    """Schemas that hold themselves, a date in the name of a version, errors as a list, a cursor in the query."""
    create = _operation(
        "RefundOf",
        {"200": _said(_to("RefundOfReply"))},
        requestBody=_body(_to("RefundOfRequest")),
        **{"x-oauthpermissions": ["WRITE"]},
    )
    query = [
        {"name": "cursor", "in": "query", "schema": _text()},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "format": "int32", "default": 10}},
    ]
    read = _operation("ListRefundsOf", {"200": _said(_to("RefundOfReply"))}, parameters=query)
    schemas = {
        "RefundOfRequest": _object(
            {"idempotency_key": _text(minLength=1, maxLength=45), "amount_money": _to("Money"), "note": _text()},
            "idempotency_key",
            "amount_money",
        ),
        "RefundOfReply": _object({"errors": _list(_to("Error")), "refund": _to("RefundMade")}),
        "Money": _object({"amount": {"type": "integer", "format": "int64"}, "currency": _text()}),
        "Error": _object({"category": _text(), "code": _text(), "error": _text()}, "category", "code"),
        "RefundMade": _object(
            {
                "id": _text(maxLength=255),
                "status": _text(enum=["PENDING", "COMPLETED"], nullable=True),
                "amount_money": _to("Money"),
                "created_at": _text(format="date-time", readOnly=True),
                "item": _to("Item"),
                "3ds": {"type": "boolean"},
            },
            "id",
            "amount_money",
        ),
        "Item": _object({"name": _text(), "items": _list(_to("Item")), "owner": _to("RefundMade")}),
    }
    money = {"amount": 100, "currency": "USD"}
    return Platform(
        _among_others("3.0.0", {"/v2/refunds-of": {"post": create, "get": read}}, schemas),
        ("POST /v2/refunds-of", "ListRefundsOf"),
        {"idempotency_key": "k", "amount_money": money},
        {},
        {"authorization": "Bearer t0ken"},
        (
            {"errors": [{"category": "a", "code": "b", "error": "c"}]},
            {
                "refund": {
                    "id": "1",
                    "amount_money": money,
                    "3ds": True,
                    "item": {"name": "n", "items": [{"name": "m"}]},
                }
            },
            {"refund": {"id": "1", "status": "PENDING", "amount_money": money, "created_at": "2026-01-02T03:04:05Z"}},
        ),
        (
            {"refund": {"id": "1", "status": "LOST", "amount_money": money}},
            # In 3.0, `nullable` adds nothing to the values of an enum.
            {"refund": {"id": "1", "status": None, "amount_money": money}},
        ),
    )


def layered() -> Platform:
    """An allOf in an allOf, components that are numbers, headers with a default, alternatives in a fault's detail."""
    create = _operation(
        "captures.back",
        {
            "201": _said(_to("back")),
            "409": _said({"allOf": [_to("fault"), _object({"details": _list({"anyOf": [_to("409"), _to("422")]})})]}),
            "default": _to("default", "responses"),
        },
        parameters=[
            _path("capture_id"),
            _header("Prefer", schema=_text(default="return=minimal")),
            _header("Platform-Request-Id"),
        ],
        requestBody={"content": _said(_to("back_request"))["content"]},
        security=[{"Oauth2": ["payments"]}],
    )
    status = _object({"status": _text(enum=["CANCELLED", "FAILED", "PENDING", "COMPLETED"])})
    detail = _object({"status_details": _object({"reason": _text(enum=["ECHECK"])})})
    schemas = {
        "back": {
            "title": "Back",
            "allOf": [
                {"allOf": [_to("back_status"), _to("activity")], "title": "Stamped"},
                _object(
                    {"id": _text(readOnly=True), "amount": _to("money"), "links": _list(_to("link"), readOnly=True)}
                ),
            ],
        },
        "back_status": {"allOf": [status, detail]},
        "activity": _object({"create_time": _text(format="ppaas_date_time", minLength=20, maxLength=64)}),
        "back_request": _object({"amount": _to("money"), "note_to_payer": _text(pattern="^.*$", maxLength=255)}),
        "money": _object(
            {"currency_code": _text(minLength=3), "value": _text(pattern="^((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))$")}
        ),
        "link": _object({"href": _text(), "rel": _text(), "method": _text(enum=["GET", "POST"])}, "href", "rel"),
        "fault": _object({"name": _text(), "debug_id": _text()}, "name"),
        "409": _object({"issue": _text(enum=["PREVIOUS_REQUEST_IN_PROGRESS"]), "description": _text()}),
        "422": _object({"issue": _text(enum=["CAPTURE_FULLY_REFUNDED"]), "description": _text()}),
    }
    flow = {"tokenUrl": "https://api.example.com/v1/oauth2/token", "scopes": {"payments": ""}}
    money = {"currency_code": "EUR", "value": "10.00"}
    link = {"href": "https://api.example.com/1", "rel": "self", "method": "GET"}
    return Platform(
        _among_others(
            "3.0.3",
            {"/v2/captures/{capture_id}/back": {"post": create}},
            schemas,
            components={
                "responses": {"default": _said(_to("fault")), "Refused": _said(_to("fault"))},
                "securitySchemes": {"Oauth2": {"type": "oauth2", "flows": {"clientCredentials": flow}}},
            },
        ),
        ("POST /v2/captures/{capture_id}/back",),
        {"amount": money, "note_to_payer": "n"},
        {"capture_id": "c1", "platform_request_id": "k1"},
        {"prefer": "return=minimal", "platform-request-id": "k1"},
        (
            {"id": "1", "status": "PENDING", "status_details": {"reason": "ECHECK"}, "amount": money, "links": [link]},
            {"id": "1", "status": "COMPLETED", "create_time": "2026-01-02T03:04:05Z"},
        ),
        ({"id": "1", "status": "LOST"},),
    )


PLATFORMS: Mapping[str, Callable[[], Platform]] = {
    made.__name__: made for made in (tagged, hypermedia, consents, keyed, catalog, layered)
}
