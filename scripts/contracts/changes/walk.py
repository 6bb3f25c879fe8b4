"""Walks two contracts side by side: operations, parameters, bodies, replies, credentials, and the shared parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from scripts.contracts.changes.places import code, operation_name
from scripts.contracts.changes.rules import Way
from scripts.contracts.changes.schemas import (
    WORDS,
    Handler,
    by_change,
    by_key,
    flag,
    is_same,
    one_rule,
    renamed,
    schema,
)
from scripts.contracts.changes.spots import ABSENT, Difference, Spot, canonical, leaves, residue, without_references
from scripts.contracts.openapi import METHODS
from scripts.contracts.pointers import child, get, keys

Found = Iterator[Difference]


def differences(before: Any, after: Any) -> list[Difference]:
    """Return every difference of two contracts; what no rule accounts for is one of its own."""
    documents = (before, after)
    found = list(by_key(Spot(documents).members(), _DOCUMENT))
    found += _unused(documents, found)
    return [*found, *residue(documents, found)]


def _unused(documents: tuple[Any, Any], found: list[Difference]) -> Found:
    """Compare the schemas that differ and that no message refers to. A service may read with their classes."""
    parts = {tuple(keys(at)[:3]) for left in residue(documents, found) for at in left.pointers if at}
    for name in sorted(part[2] for part in parts if len(part) == 3 and part[:2] == ("components", "schemas")):
        pointer = child("/components/schemas", name)
        if all(get(document, pointer) is not None for document in documents):
            yield from schema(Spot(documents, (pointer, pointer), Way.REPLY, use="no message of the page"))


def _openapi(spot: Spot) -> Found:
    old, new = (str(version).split(".")[:2] for version in (spot.before, spot.after))
    if old != new:
        yield spot.says("openapi-version-changed")


def _leaf_by_leaf(rules: Mapping[str, str], otherwise: str) -> Callable[[Spot], Found]:
    """Compare part by part, each under the rule of its key."""

    def compare(spot: Spot) -> Found:
        for leaf in leaves(spot.before, spot.after):
            old, new = (
                None if base is None or end is None else base + end
                for base, end in zip(spot.pointers, leaf.pointers, strict=True)
            )
            key = "".join(keys(new or old or "")[-1:])
            yield replace(spot.at(old, new), holder=spot.pointers).says({**WORDS, **rules}.get(key, otherwise))

    return compare


def _servers(spot: Spot) -> Found:
    old, new = (_addresses(side) for side in (spot.before, spot.after))
    for address in {**old, **new}:
        server = spot.child(old.get(address), new.get(address))
        if server.change in ("added", "removed"):
            yield server.says(f"server-{server.change}", *((address, None) if address in old else (None, address)))
        else:
            members = server.members()
            yield from by_key(members, {key: _SERVER for key in members if key != "x-evidence"})
    if [address for address in old if address in new] != [address for address in new if address in old]:
        yield spot.says("servers-reordered")


def _addresses(servers: Any) -> dict[str, int]:
    entries = enumerate(() if servers is ABSENT else servers)
    return {str(each.get("url")) if isinstance(each, dict) else canonical(each): index for index, each in entries}


def _security(prefix: str) -> Handler:
    def compare(spot: Spot) -> Found:
        # An operation that says nothing of its own has what the document says.
        of_all = (get(document, "/security") for document in spot.documents)
        old, new = (_needed(said, of) for said, of in zip((spot.before, spot.after), of_all, strict=True))
        yield from (spot.says(f"{prefix}-removed", credential, None) for credential in sorted(old - new))
        yield from (spot.says(f"{prefix}-added", None, credential) for credential in sorted(new - old))

    return Handler(compare, list)


def _needed(said: Any, of_all: Any) -> set[str]:
    requirements: list[Any] = (of_all if said is ABSENT else said) or [{}]
    return set(map(_credential, requirements))


def _credential(requirement: Any) -> str:
    if not isinstance(requirement, dict):
        return canonical(requirement)
    scoped = [f"{name} {canonical(scopes)}" if scopes else name for name, scopes in sorted(requirement.items())]
    return " and ".join(scoped) or "no credential"


def _components(spot: Spot) -> Found:
    for group, members in spot.named().items():
        if group == "securitySchemes":
            yield from by_key(members.named(), dict.fromkeys(members.named(), _SCHEME))
        elif group.startswith("x-"):
            yield from by_key({group: members}, {})
        else:
            yield from _shared(group, members)


def _shared(group: str, spot: Spot) -> Found:
    """Compare which shared parts there are. What is in them is compared where they are used."""
    spots = spot.named()
    new, gone = (
        ("schema-added", "api-schema-removed") if group == "schemas" else ("component-added", "component-removed")
    )
    added = {name: part.says(new) for name, part in spots.items() if part.change == "added"}
    removed = {name: part.says(gone) for name, part in spots.items() if part.change == "removed"}

    def same(old: str, fresh: str) -> bool:
        pair = replace(spots[old].paired(spots[fresh]), way=Way.REPLY)
        return is_same(schema(pair)) if group == "schemas" else pair.change == "none"

    yield from renamed(removed, added, same)
    if group == "examples":
        yield from (part.says("example-changed") for part in spots.values() if part.change == "changed")


def _paths(spot: Spot) -> Found:
    operations: dict[str, Spot] = {}
    found: dict[str, dict[str, Difference]] = {"added": {}, "removed": {}}
    for path, raw in spot.named().items():
        if path.startswith("x-"):
            yield from by_key({path: raw}, {})
            continue
        item, moved = without_references(raw)
        members = item.members()
        members.pop("parameters", None)
        yield from moved
        for method in [method for method in METHODS if method in members]:
            operation = replace(members.pop(method), holder=None)
            if operation.change in found:
                name = f"{method.upper()} {path}"
                operations[name] = operation
                found[operation.change][name] = _come_or_gone(operation, item)
            else:
                yield from _operation(operation, item)
        if None not in item.pointers:
            yield from by_key(members, _PATH)

    def same(old: str, new: str) -> bool:
        pair = operations[old].paired(operations[new])
        return is_same(_operation(pair, pair.at(*(str(at).rpartition("/")[0] for at in pair.pointers))))

    yield from renamed(found["removed"], found["added"], same)


def _messages(spot: Spot) -> Found:
    # What a webhook or a callback sends comes from the provider: we read its body, and write its reply.
    return _paths(replace(spot, way=Way.REPLY))


def _callbacks(spot: Spot) -> Found:
    for callback in spot.named().values():
        yield from _messages(callback)


def _come_or_gone(spot: Spot, item: Spot) -> Difference:
    whole = item.change == spot.change
    if spot.way is Way.REPLY:
        rule = f"webhook-{spot.change}"
    elif _hands_out_tokens(spot):
        rule = f"token-endpoint-{spot.change}"
    elif spot.change == "added":
        rule = "endpoint-added"
    else:
        rule = "api-path-removed-without-deprecation" if whole else "api-removed-without-deprecation"
    return spot.says(rule, covers=[spot, item] if whole else [spot])


def _hands_out_tokens(spot: Spot) -> bool:
    """Whether an operation needs no credential where the others do: it is sent the keys themselves."""
    sides = ((get(document, child(at, "security")), document) for document, at in spot.sides if at is not None)
    return any(own in ([], [{}]) and document.get("security") for own, document in sides)


def _operation(spot: Spot, item: Spot) -> Found:
    name = operation_name(spot.documents[1], spot.pointers[1] or "")
    request = replace(spot, use=f"what is sent with {name}" if spot.way is Way.REQUEST else f"what comes with {name}")
    members = request.members()
    members.pop("parameters", None)
    yield from _parameters(request, item)
    yield from by_key(members, _OPERATION)


def _parameters(spot: Spot, item: Spot) -> Found:
    """Compare the parameters of an operation by place and name; its own replace those of the path."""
    old, new = (_named(*side) for side in zip(spot.documents, item.pointers, spot.pointers, strict=True))
    found: dict[str, dict[str, Difference]] = {"added": {}, "removed": {}}
    spots = {key: replace(spot.at(old.get(key), new.get(key)), scope="parameter") for key in {**old, **new}}
    for key, raw in spots.items():
        parameter, moved = without_references(raw)
        if parameter.change == "removed":
            found["removed"][key] = parameter.says("request-parameter-removed", covers=[raw])
        elif parameter.change == "added":
            must = "required" if _is_required(parameter.after) else "optional"
            rule = "new-request-path-parameter" if key.startswith("path ") else f"new-{must}-request-parameter"
            found["added"][key] = parameter.says(rule, covers=[raw])
        else:
            of_operation = {str(at).startswith(f"{own}/") for at, own in zip(raw.pointers, spot.pointers, strict=True)}
            yield from moved or ([raw.says("written-differently")] if len(of_operation) > 1 else [])
            yield from by_key(parameter.members(), _PARAMETER)

    def same(one: str, other: str) -> bool:
        members = without_references(spots[one].paired(spots[other]))[0].members()
        members.pop("name", None)
        return one.split()[0] == other.split()[0] and is_same(by_key(members, _PARAMETER))

    yield from renamed(found["removed"], found["added"], same)


def _is_required(value: Any) -> bool:
    return isinstance(value, dict) and value.get("required") is True


def _named(document: Any, item: str | None, operation: str | None) -> dict[str, str]:
    """Return the pointer of each parameter of an operation, by place and name."""
    named: dict[str, str] = {}
    for holder in (operation, item):
        at = child(holder or "", "parameters")
        entries = get(document, at)
        for index in range(len(entries) if isinstance(entries, list) else 0):
            parameter = without_references(Spot((document, None), (child(at, index), None)))[0].before
            if isinstance(parameter, dict):
                named.setdefault(f"{parameter.get('in')} {parameter.get('name')}", child(at, index))
    return named


def _content(spot: Spot) -> Found:
    prefix = "request-body" if spot.way is Way.REQUEST else "response"
    for name, media_type in spot.named().items():
        if media_type.change in ("added", "removed"):
            values = (None, name) if media_type.change == "added" else (name, None)
            yield media_type.says(f"{prefix}-media-type-{media_type.change}", *values)
        else:
            yield from by_key(media_type.members(), _MEDIA_TYPE)


def _request_body(spot: Spot) -> Found:
    body, moved = without_references(replace(spot, holder=None))
    yield from moved
    if body.change == "removed":
        yield body.says("request-body-removed", covers=[spot])
    elif body.change == "added":
        must = "required" if _is_required(body.after) else "optional"
        yield body.says(f"request-body-added-{must}", covers=[spot])
    else:
        yield from by_key(body.members(), _BODY)


def _responses(spot: Spot) -> Found:
    name = operation_name(spot.documents[1], (spot.holder or spot.pointers)[1] or "")
    for status, reply in spot.named().items():
        raw = replace(reply, way=spot.way.other, use=f"the reply {code(status)} to {name}")
        if status.startswith("x-"):
            yield from by_key({status: raw}, {})
        elif raw.change in ("added", "removed"):
            yield raw.says(f"response-{'success' if status.startswith('2') else 'non-success'}-status-{raw.change}")
        else:
            response, moved = without_references(raw)
            yield from (*moved, *by_key(response.members(), _RESPONSE))


def _headers(spot: Spot) -> Found:
    for raw in spot.named().values():
        header, moved = without_references(replace(raw, scope="header"))
        if header.change == "added":
            yield raw.says("response-header-added")
        elif header.change == "removed":
            yield raw.says(
                f"{'required' if header.before.get('required') is True else 'optional'}-response-header-removed"
            )
        else:
            yield from (*moved, *by_key(header.members(), _PARAMETER))


def _tags(spot: Spot) -> Found:
    before, after = (list(side) if isinstance(side, list) else [] for side in (spot.before, spot.after))
    if before[:1] != after[:1]:
        yield spot.says("api-tag-removed", before, after)
    elif sorted(map(str, before)) != sorted(map(str, after)):
        yield spot.says("further-tags-changed")


def _serialization(key: str) -> Callable[[Spot], Found]:
    def compare(spot: Spot) -> Found:
        ends = zip(spot.documents, spot.holder or spot.pointers, strict=True)
        old, new = (_serialized(get(document, at or ""))[key] for document, at in ends)
        if old != new:
            yield spot.says(f"request-parameter-{key}-changed", old, new)

    return compare


def _serialized(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a parameter is written, with the defaults of OpenAPI where it does not say."""
    style = parameter.get("style", "form" if parameter.get("in") in ("query", "cookie") else "simple")
    return {"style": style, "explode": parameter.get("explode", style == "form")}


_SERVER = one_rule("server-changed")
_SCHEME_RULES = {
    "type": "api-security-component-type-changed",
    "authorizationUrl": "api-security-component-oauth-url-changed",
    "tokenUrl": "api-security-component-oauth-token-url-changed",
}
_SCHEME = by_change(
    "api-security-component-added",
    "api-security-component-removed",
    _leaf_by_leaf(_SCHEME_RULES, "api-security-component-changed"),
)
_REQUIRED = flag("-became-required", "-became-optional")
_CONTENT = Handler(_content, dict)
_SERVERS = Handler(_servers, list)
_SCHEMA = by_change(
    "-media-type-schema-added",
    "-media-type-schema-removed",
    lambda spot: schema(replace(spot, holder=None, seen=set())),
)
_MEDIA_TYPE: Mapping[str, Handler] = {"schema": _SCHEMA}
_PARAMETER: Mapping[str, Handler] = {
    "required": _REQUIRED,
    "deprecated": flag("-deprecated", "-reactivated"),
    "style": Handler(_serialization("style"), str),
    "explode": Handler(_serialization("explode"), bool),
    "allowReserved": flag("request-parameter-became-allow-reserved", "request-parameter-became-not-allow-reserved"),
    "schema": _SCHEMA,
    "content": _CONTENT,
}
_BODY: Mapping[str, Handler] = {"required": _REQUIRED, "content": _CONTENT}
_RESPONSE: Mapping[str, Handler] = {"headers": Handler(_headers, dict), "content": _CONTENT}
_OPERATION: Mapping[str, Handler] = {
    "operationId": by_change("api-operation-id-added", "api-operation-id-removed", "api-operation-id-removed", str),
    "tags": Handler(_tags, list),
    "deprecated": flag("endpoint-deprecated", "endpoint-reactivated"),
    "security": _security("api-security"),
    "servers": _SERVERS,
    "requestBody": Handler(_request_body, dict),
    "responses": Handler(_responses, dict),
    "callbacks": Handler(_callbacks, dict),
}
_PATH: Mapping[str, Handler] = {"servers": _SERVERS}
_DOCUMENT: Mapping[str, Handler] = {
    "openapi": Handler(_openapi, str),
    "info": Handler(_leaf_by_leaf({}, "info-changed"), dict),
    "servers": _SERVERS,
    "security": _security("api-global-security"),
    "paths": Handler(_paths, dict),
    "webhooks": Handler(_messages, dict),
    "components": Handler(_components, dict),
    "tags": one_rule("description-changed", list),
}
