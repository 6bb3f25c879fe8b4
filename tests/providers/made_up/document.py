"""The made-up provider's document: two operations of refunds among hundreds, with what real documents have.

References lead through components and into one another, schemas are put together with allOf and oneOf, and some hold
themselves. The operations that nobody uses make it as large as real ones are.
"""

import json
from pathlib import Path
from typing import Any

from scripts.contracts.document import load

HERE = Path(__file__).parent
OPERATIONS = ("POST /v1/payments/{payment_id}/refunds", "GET /v1/refunds/{refund_id}")
_MANY = 300


def document() -> dict[str, Any]:
    """Return the whole document."""
    data: dict[str, Any] = json.loads(json.dumps(load(HERE / "openapi.yaml").data))
    for number in range(_MANY):
        data["paths"] |= _unused(number)
        data["components"]["schemas"] |= _schemas(number)
    return data


def text() -> str:
    """Return the document as JSON."""
    return json.dumps(document(), indent=1)


def _unused(number: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/Thing{number}"}
    reply = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    body = {"content": {"application/json": {"schema": {"oneOf": [schema, {"$ref": "#/components/schemas/Problem"}]}}}}
    asked = {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        f"/v1/things{number}": {"post": {"requestBody": body, "responses": {"201": reply}}},
        f"/v1/things{number}/{{thing_id}}": {"parameters": [asked], "get": {"responses": {"200": reply}}},
    }


def _schemas(number: int) -> dict[str, Any]:
    """A thing that holds others of its kind, and its neighbour, which holds it."""
    neighbour = {"$ref": f"#/components/schemas/Thing{(number + 1) % _MANY}"}
    fields = {f"field_{index}": {"type": "string", "description": "One of many fields."} for index in range(40)}
    own = {"type": "object", "properties": {**fields, "parts": {"type": "array", "items": neighbour}}}
    return {f"Thing{number}": {"allOf": [own, {"type": "object", "properties": {"next": neighbour}}]}}
