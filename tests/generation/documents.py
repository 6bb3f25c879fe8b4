"""Documents of a made-up payment platform, as large and as entangled as those that payment platforms publish.

Three operations are about refunds. They refer to components of every kind, to schemas that hold themselves, to path
parameters of their path, and to a discriminator's mapping. Around them stand hundreds of others, with parts that no
package could be made from.
"""

from typing import Any

CREATE, READ, CANCEL = (
    "POST /v1/payments/{payment_id}/refunds",
    "getRefund",
    "POST /v1/refunds/{refund_id}/cancel",
)
CHOSEN = (CREATE, READ, CANCEL)
"""The operations about refunds, as source.toml chooses them."""
SOURCE = """\
hosts = ["api.example.com"]
fetch = "https://docs.example.com/openapi.yaml"
operations = [
    "POST /v1/payments/{payment_id}/refunds",
    "getRefund",
    "POST /v1/refunds/{refund_id}/cancel",
]
"""
OVERLAY = """\
overlay: 1.1.0
info: {title: Ours, version: '1'}
actions:
  - x-name: environments
    x-reason: A client chooses its server by the environment.
    x-source: ours
    target: $.servers[0]
    x-expect: absent
    update:
      x-environments: [production]
"""
_WORDS = "What the platform tells its users about this part, in a sentence that is not kept. "


LARGE = {"fields": 80, "words": 14}
"""What makes a document of 600 operations one of 3 MB."""


def platform(others: int = 600, fields: int = 12, words: int = 1) -> dict[str, Any]:
    """Return a document with the three operations about refunds among `others`.

    Each resource of the others has `fields` fields, and each text is `words` sentences long. Without others, each part
    of the document is one that an operation about refunds needs.
    """
    data = _refunds()
    numbers = range(others // 4)
    for number in numbers:
        data["paths"] |= _paths_of(number)
        data["components"]["schemas"] |= _schemas_of(number, fields)
    if others:
        data["components"]["securitySchemes"]["session"] = {"type": "apiKey", "in": "cookie", "name": "session"}
        data["components"]["links"] = {"Elsewhere": {"operationRef": "https://example.com/#/paths/~1v1"}}
        data["tags"].insert(0, {"name": "Resources"})
        data["webhooks" if data["openapi"] >= "3.1" else "x-webhooks"] = {"paid": _paths_of(0)["/v1/resource_0"]}
        data["x-groups"] = {"customTypePath": "os.system"}
    _describe(data["paths"], _WORDS * words)
    for schema in data["components"]["schemas"].values():
        schema["description"] = _WORDS * words
    return data


def _describe(paths: dict[str, Any], text: str) -> None:
    for item in paths.values():
        for method, operation in item.items():
            if method != "parameters":
                operation["description"] = text


def _to(group: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{group}/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _to("schemas", name)}}


def _refunds() -> dict[str, Any]:
    replies = {"200": _to("responses", "Refund"), "422": _to("responses", "Refused")}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Payments", "version": "2026-11"},
        "servers": [{"url": "https://api.example.com"}],
        "security": [{"token": []}],
        "tags": [{"name": "Refunds", "description": _WORDS}],
        "paths": {
            "/v1/payments/{payment_id}/refunds": {
                "parameters": [_to("parameters", "PaymentId")],
                "post": {
                    "operationId": "createRefund",
                    "tags": ["Refunds"],
                    "parameters": [_to("parameters", "Idempotency")],
                    "requestBody": _to("requestBodies", "Refund"),
                    "responses": {"201": _to("responses", "Refund"), "422": _to("responses", "Refused")},
                },
            },
            "/v1/refunds/{refund_id}": {
                "parameters": [{"name": "refund_id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": {"operationId": "getRefund", "tags": ["Refunds"], "responses": dict(replies)},
            },
            "/v1/refunds/{refund_id}/cancel": {
                "post": {
                    "operationId": "cancelRefund",
                    "tags": ["Refunds"],
                    "parameters": [
                        {"name": "refund_id", "in": "path", "required": True, "schema": _to("schemas", "Id")}
                    ],
                    "responses": dict(replies),
                }
            },
        },
        "components": {
            "parameters": {
                "PaymentId": {"name": "payment_id", "in": "path", "required": True, "schema": _to("schemas", "Id")},
                "Idempotency": {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}},
            },
            "headers": {"Trace": {"schema": _to("schemas", "Id")}},
            "examples": {"Whole": {"value": {"amount": {"value": 100, "currency": "EUR"}}}},
            "requestBodies": {
                "Refund": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": _to("schemas", "RefundOrder"),
                            "examples": {"whole": _to("examples", "Whole")},
                        }
                    },
                }
            },
            "responses": {
                "Refund": {
                    "description": "OK",
                    "headers": {"Trace": _to("headers", "Trace")},
                    "content": _json("Refund"),
                },
                "Refused": {"description": "Refused", "content": _json("Problem")},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Id": {"type": "string", "maxLength": 36},
                "Amount": _object(value={"type": "integer"}, currency={"type": "string"}),
                "RefundOrder": {
                    **_object(
                        amount=_to("schemas", "Amount"), lines={"type": "array", "items": _to("schemas", "Line")}
                    ),
                    "required": ["amount"],
                },
                "Line": _object(
                    name={"type": "string"},
                    amount=_to("schemas", "Amount"),
                    parts={"type": "array", "items": _to("schemas", "Line")},
                ),
                "Refund": {
                    "allOf": [
                        _to("schemas", "Entity"),
                        _object(
                            amount=_to("schemas", "Amount"),
                            status={"type": "string", "enum": ["pending", "done", "failed"]},
                            target=_to("schemas", "Target"),
                            reverses=_to("schemas", "Refund"),
                        ),
                    ]
                },
                "Entity": _object(id=_to("schemas", "Id"), owner=_to("schemas", "Owner")),
                "Owner": _object(
                    name={"type": "string"}, entities={"type": "array", "items": _to("schemas", "Entity")}
                ),
                "Target": {
                    "oneOf": [_to("schemas", "Card"), _to("schemas", "Account")],
                    "discriminator": {
                        "propertyName": "kind",
                        "mapping": {"card": "#/components/schemas/Card", "account": "Account"},
                    },
                },
                "Card": {**_object(kind={"type": "string"}, last={"type": "string"}), "required": ["kind"]},
                "Account": {**_object(kind={"type": "string"}, iban={"type": "string"}), "required": ["kind"]},
                "Problem": _object(code={"type": "string"}, message={"type": "string"}),
            },
        },
    }


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _paths_of(number: int) -> dict[str, Any]:
    """Return four operations about one of the platform's other resources, among them some that nobody could build."""
    name = f"Resource{number}"
    reply: dict[str, Any] = {"200": {"description": "OK", "content": _json(name)}, "422": _to("responses", "Refused")}
    upload = {"multipart/form-data": {"schema": _object(file={"type": "string", "format": "binary"})}}
    operations: dict[str, dict[str, Any]] = {
        "get": {"operationId": f"list{name}", "parameters": [{"name": "deep[by]", "in": "cookie"}]},
        "post": {"operationId": f"create{name}", "requestBody": {"content": upload}, "security": [{"session": []}]},
        "put": {"operationId": f"replace{name}", "requestBody": {"content": _json(f"{name}Order")}},
        "delete": {"operationId": f"delete{name}", "requestBody": {"content": {"text/xml": {}}}},
    }
    return {
        f"/v1/resource_{number}": {
            method: {"tags": ["Resources"], **operation, "responses": reply} for method, operation in operations.items()
        }
    }


def _schemas_of(number: int, fields: int) -> dict[str, Any]:
    """Return schemas that hold one another, some that no tool can build, and some that lead to nothing."""
    name, next_one = f"Resource{number}", f"Resource{number + 1}"
    return {
        name: _object(
            id=_to("schemas", "Id"),
            refund=_to("schemas", "Refund"),
            order=_to("schemas", f"{name}Order"),
            next=_to("schemas", next_one),
            _links=_object(self={"type": "string"}),
            **{f"field_{index}": {"type": "string", "enum": ["one", "two", f"v{index}"]} for index in range(fields)},
        ),
        f"{name}Order": _object(
            to_dict={"type": "string"}, resource=_to("schemas", name), **{"1st": {"type": "string"}}
        ),
    }
