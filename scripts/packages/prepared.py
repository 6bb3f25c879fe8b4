"""The contract as the two generator tools get it, so that both make the same of it.

Each tool names enums, members and alternatives in its own way, reads some constructs in a way of its own, and leaves
others out in silence. So each construct is brought to the one form that both read, by a pass of
`scripts.packages.passes`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.contracts import shapes
from scripts.packages.passes import enums, messages, objects, parameters, references, tags, values
from scripts.packages.passes.naming import schemas_of


@dataclass(frozen=True)
class Prepared:
    """A contract for the tools, and the names of the enums that tell alternatives apart.

    Every other enum is open: a value that it does not list is read all the same.
    """

    contract: dict[str, Any]
    closed: frozenset[str]


def prepared(contract: Mapping[str, Any]) -> Prepared:
    """Return the contract for the tools. The argument is not changed."""
    data = _copy(contract)
    for unused in ("webhooks", "jsonSchemaDialect"):
        data.pop(unused, None)
    for unused in ("callbacks", "links", "headers", "examples"):
        data["components"].pop(unused, None)
    for item in data.get("paths", {}).values():
        for operation in item.values():
            if isinstance(operation, dict):
                operation.pop("callbacks", None)
    is_30 = str(data["openapi"]).startswith("3.0")
    parameters.settle(data)
    values.settle(data)
    references.shorten(data)
    references.alone(data, is_30=is_30)
    references.name(data)
    messages.choose(data)
    objects.one_way(data)
    objects.settle(data)
    messages.name_objects(data)
    names = enums.hoist(data, schemas_of(data), tags.write(data))
    return Prepared(data, names)


def telling_apart(contract: Mapping[str, Any]) -> frozenset[str]:
    """Return the pointers of the schemas whose enum tells alternatives apart."""
    return frozenset(tags.write(_copy(contract)))


def _copy(contract: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the contract in which each open enum is an `enum`."""
    # Through text, so that no two places share a part, and each can be changed by itself.
    data: dict[str, Any] = json.loads(json.dumps(contract))
    schemas_of(data)
    enums.write(data)
    return data


def shapes_for_the_tools(contract: Mapping[str, Any]) -> list[tuple[str, shapes.Shape]]:
    """Return the shape of each schema that the tools get."""
    ready = prepared(contract).contract
    return list(shapes.wanted(ready, shapes.messages(ready)))
