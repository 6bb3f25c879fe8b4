"""Walks two contracts side by side: operations, parameters, bodies, replies, credentials, and the shared parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from scripts.contracts.changes.places import code, operation_name
from scripts.contracts.changes.rules import Way
from scripts.contracts.changes.schemas import WORDS, Handler, by_key, flag, is_same, one_rule, renamed, schema
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
    versions = [str(value).split(".")[:2] for value in (spot.before, spot.after)]
    if versions[0] != versions[1]:
        yield spot.says("openapi-version-changed")


def _info(spot: Spot) -> Found:
    yield from _leaf_by_leaf(spot, {}, "info-changed")


def _leaf_by_leaf(spot: Spot, rules: Mapping[str, str], otherwise: str) -> Found:
    """Yield each smallest part that differs, under the rule of the last key that has one."""
    for leaf in leaves(spot.before, spot.after, ("", "")):
        ends = tuple(
            None if base is None or end is None else base + end
            for base, end in zip(spot.pointers, leaf.pointers, strict=True)
        )
        last = keys(leaf.pointers[0] or leaf.pointers[1] or "")[-1:]
        rule = {**WORDS, **rules}.get("".join(last), otherwise)
        yield replace(spot.at(*ends), holder=spot.pointers).says(rule)


def _servers(spot: Spot) -> Found:
    positions = []
    for side in (spot.before, spot.after):
        entries = enumerate(() if side is ABSENT else side)
        positions.append(
            {str(entry.get("url")) if isinstance(entry, dict) else canonical(entry): at for at, entry in entries}
        )
    old, new = positions
    for address in {**old, **new}:
        server = spot.child(old.get(address), new.get(address))
        if address not in new:
            yield server.says("server-removed", address, None)
        elif address not in old:
            yield server.says("server-added", None, address)
        else:
            words = {"x-evidence": one_rule("evidence-changed")}
            yield from by_key(
                server.members(), {**dict.fromkeys(("description", "url", "variables"), _SERVER), **words}
            )
    if [address for address in old if address in new] != [address for address in new if address in old]:
        yield spot.says("servers-reordered")


_SERVER = one_rule("server-changed")


def _security(prefix: str) -> Callable[[Spot], Found]:
    def compare(spot: Spot) -> Found:
        # An operation that says nothing of its own has what the document says.
        whole = [get(document, "/security") for document in spot.documents]
        old, new = (_needed(said, of_all) for said, of_all in zip((spot.before, spot.after), whole, strict=True))
        yield from (spot.says(f"{prefix}-removed", credential, None) for credential in sorted(old - new))
        yield from (spot.says(f"{prefix}-added", None, credential) for credential in sorted(new - old))

    return compare


def _needed(said: Any, of_all: Any) -> set[str]:
    requirements: list[Any] = (of_all if said is ABSENT else said) or [{}]
    return {_credential(requirement) for requirement in requirements}


def _credential(requirement: Any) -> str:
    scopes = {name: f" ({', '.join(map(str, scopes))})" if scopes else "" for name, scopes in requirement.items()}
    return " and ".join(f"{name}{scope}" for name, scope in sorted(scopes.items())) or "no credential"


def _credentials(spot: Spot) -> Found:
    for scheme in spot.named().values():
        if ABSENT in (scheme.before, scheme.after):
            rule = "api-security-component-added" if scheme.before is ABSENT else "api-security-component-removed"
            yield scheme.says(rule)
            continue
        yield from _leaf_by_leaf(scheme, _SCHEMES, "api-security-component-changed")


_SCHEMES = {
    "type": "api-security-component-type-changed",
    "authorizationUrl": "api-security-component-oauth-url-changed",
    "tokenUrl": "api-security-component-oauth-token-url-changed",
}


def _components(spot: Spot) -> Found:
    for group, members in spot.named().items():
        if group == "securitySchemes":
            yield from _credentials(members)
        elif group.startswith("x-"):
            yield from by_key({group: members}, {})
        else:
            yield from _component_names(group, members)


def _component_names(group: str, spot: Spot) -> Found:
    added_rule, removed_rule = (
        ("schema-added", "api-schema-removed") if group == "schemas" else ("component-added", "component-removed")
    )
    spots = spot.named()
    removed = {name: part.says(removed_rule) for name, part in spots.items() if part.after is ABSENT}
    added = {name: part.says(added_rule) for name, part in spots.items() if part.before is ABSENT}

    def same(old: str, new: str) -> bool:
        pair = replace(spot.at(spots[old].pointers[0], spots[new].pointers[1]), way=Way.REPLY, seen=set())
        return is_same(schema(pair)) if group == "schemas" else not pair.differs

    yield from renamed(removed, added, same)
    if group == "examples":
        yield from (
            part.says("example-changed") for part in spots.values() if part.differs and None not in part.pointers
        )


def _paths(of_webhooks: bool) -> Callable[[Spot], Found]:
    def compare(spot: Spot) -> Found:
        # What a webhook sends comes from the provider: we read its body, and write its reply.
        spot = replace(spot, way=Way.REPLY if of_webhooks else Way.REQUEST)
        removed: dict[str, Difference] = {}
        added: dict[str, Difference] = {}
        operations: dict[str, Spot] = {}
        for path, item in spot.named().items():
            if path.startswith("x-"):
                yield from by_key({path: item}, {})
                continue
            item, moved = without_references(item)
            yield from moved
            members = item.members()
            methods = {method: item.at(*members.pop(method).pointers) for method in METHODS if method in members}
            for method, spot_of in methods.items():
                name = f"{method.upper()} {path}"
                operations[name] = spot_of
                if spot_of.after is ABSENT:
                    removed[name] = _operation_removed(spot_of, item, of_webhooks)
                elif spot_of.before is ABSENT:
                    added[name] = _operation_added(spot_of, item, of_webhooks)
                else:
                    yield from _operation(spot_of, item)
            members.pop("parameters", None)
            if None not in item.pointers:
                yield from by_key(members, _PATH)
        yield from renamed(removed, added, lambda old, new: _same_operation(operations[old], operations[new]))

    return compare


def _same_operation(removed: Spot, added: Spot) -> bool:
    pair = removed.at(removed.pointers[0], added.pointers[1])
    item = removed.at(*(at.rpartition("/")[0] if at else None for at in pair.pointers))
    return is_same(_operation(pair, item))


def _hands_out_tokens(spot: Spot, side: int) -> bool:
    """Whether an operation needs no credential where the others do: it is sent the keys themselves."""
    own = (spot.before, spot.after)[side].get("security")
    return own in ([], [{}]) and bool(get(spot.documents[side], "/security"))


def _operation_removed(spot: Spot, item: Spot, webhook: bool) -> Difference:
    gone = [item] if item.pointers[1] is None else []
    if webhook:
        return spot.says("webhook-removed", covers=[spot, *gone])
    if _hands_out_tokens(spot, 0):
        return spot.says("token-endpoint-removed", covers=[spot, *gone])
    return spot.says(
        "api-path-removed-without-deprecation" if gone else "api-removed-without-deprecation", covers=[spot, *gone]
    )


def _operation_added(spot: Spot, item: Spot, webhook: bool) -> Difference:
    new = [item] if item.pointers[0] is None else []
    rule = "webhook-added" if webhook else "token-endpoint-added" if _hands_out_tokens(spot, 1) else "endpoint-added"
    return spot.says(rule, covers=[spot, *new])


def _operation(spot: Spot, item: Spot) -> Found:
    name = operation_name(spot.documents[1], spot.pointers[1] or "")
    request = replace(spot, use=f"what is sent with {name}" if spot.way is Way.REQUEST else f"what comes with {name}")
    members = request.members()
    members.pop("parameters", None)
    yield from _parameters(request, item)
    yield from by_key(members, _OPERATION)


def _parameters(spot: Spot, item: Spot) -> Found:
    """Compare the parameters of an operation by place and name; its own replace those of the path."""
    raw: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for side, document in enumerate(spot.documents):
        for holder in (item.pointers[side], spot.pointers[side]):
            at = child(holder or "", "parameters")
            for index in range(len(get(document, at) or ())):
                pointer = child(at, index)
                end = without_references(spot.at(*((pointer, None) if side == 0 else (None, pointer))))[0]
                value = (end.before, end.after)[side]
                if isinstance(value, dict):
                    raw[side][f"{value.get('in')} {value.get('name')}"] = pointer
    removed, added = {}, {}
    spots = {key: replace(spot.at(raw[0].get(key), raw[1].get(key)), scope="parameter") for key in {**raw[0], **raw[1]}}
    for key, pair in spots.items():
        parameter, moved = without_references(pair)
        value = parameter.before if parameter.after is ABSENT else parameter.after
        if parameter.after is ABSENT:
            removed[key] = parameter.says("request-parameter-removed", covers=[pair])
        elif parameter.before is ABSENT:
            rule = (
                "new-required-request-parameter" if value.get("required") is True else "new-optional-request-parameter"
            )
            rule = "new-request-path-parameter" if value.get("in") == "path" else rule
            added[key] = parameter.says(rule, covers=[pair])
        else:
            holders = {
                (at or "").rpartition("/")[0].removeprefix(place or "")
                for at, place in zip(pair.pointers, spot.pointers, strict=True)
            }
            yield from moved or ([pair.says("written-differently")] if len(holders) > 1 else [])
            yield from by_key(parameter.members(), _PARAMETER)

    def same(old: str, new: str) -> bool:
        pair = replace(spot.at(raw[0][old], raw[1][new]), seen=set())
        members = without_references(pair)[0].members()
        return old.split()[0] == new.split()[0] and is_same(
            by_key({**members, "name": spot.at(None, None)}, _PARAMETER)
        )

    yield from renamed(removed, added, same)


def _schema_of(spot: Spot) -> Found:
    if ABSENT in (spot.before, spot.after):
        yield spot.says("-media-type-schema-added" if spot.before is ABSENT else "-media-type-schema-removed")
    else:
        yield from schema(replace(spot, holder=None, seen=set()))


def _content(spot: Spot) -> Found:
    prefix = "request-body" if spot.way is Way.REQUEST else "response"
    for name, media_type in spot.named().items():
        if media_type.after is ABSENT:
            yield media_type.says(f"{prefix}-media-type-removed", name, None)
        elif media_type.before is ABSENT:
            yield media_type.says(f"{prefix}-media-type-added", None, name)
        else:
            yield from by_key(media_type.members(), {"schema": Handler(_schema_of)})


def _request_body(spot: Spot) -> Found:
    body, moved = without_references(replace(spot, holder=None))
    yield from moved
    if body.after is ABSENT:
        yield body.says("request-body-removed", covers=[spot])
    elif body.before is ABSENT:
        must = body.after.get("required") is True
        yield body.says("request-body-added-required" if must else "request-body-added-optional", covers=[spot])
    else:
        yield from by_key(body.members(), _BODY)


def _responses(spot: Spot) -> Found:
    operation = spot.holder or (None, None)
    name = operation_name(spot.documents[1], operation[1] or "")
    for status, reply_of in spot.named().items():
        raw = replace(reply_of, way=spot.way.other, use=f"the reply {code(status)} to {name}")
        if status.startswith("x-"):
            yield from by_key({status: raw}, {})
            continue
        reply, moved = without_references(raw)
        success = "success" if status.startswith("2") else "non-success"
        yield from moved
        if ABSENT in (reply.before, reply.after):
            yield raw.says(f"response-{success}-status-{'added' if reply.before is ABSENT else 'removed'}")
        else:
            yield from by_key(reply.members(), _RESPONSE)


def _headers(spot: Spot) -> Found:
    for raw in spot.named().values():
        header, moved = without_references(replace(raw, scope="header"))
        yield from moved
        if header.after is ABSENT:
            must = header.before.get("required") is True
            yield raw.says("required-response-header-removed" if must else "optional-response-header-removed")
        elif header.before is ABSENT:
            yield raw.says("response-header-added")
        else:
            yield from by_key(header.members(), _PARAMETER)


def _operation_name(spot: Spot) -> Found:
    if spot.differs:
        yield spot.says("api-operation-id-added" if spot.before is ABSENT else "api-operation-id-removed")


def _tags(spot: Spot) -> Found:
    before, after = (list(side) if isinstance(side, list) else [] for side in (spot.before, spot.after))
    if before[:1] != after[:1]:
        yield spot.says("api-tag-removed", before, after)
    elif sorted(map(str, before)) != sorted(map(str, after)):
        yield spot.says("further-tags-changed")


def _serialization(spot: Spot) -> Found:
    """Compare `style` or `explode` as it holds, with the defaults of OpenAPI where it is not written."""
    ends = zip(spot.documents, spot.holder or (None, None), strict=True)
    parameters = [get(document, at or "") or {} for document, at in ends]
    styles = [each.get("style", _STYLES.get(str(each.get("in")), "simple")) for each in parameters]
    explodes = [each.get("explode", style == "form") for each, style in zip(parameters, styles, strict=True)]
    key = keys(spot.pointers[0] or spot.pointers[1] or "")[-1]
    old, new = styles if key == "style" else explodes
    if old != new:
        yield spot.says(f"request-parameter-{key}-changed", old, new)


_STYLES = {"query": "form", "cookie": "form"}


_REQUIRED = flag("-became-required", "-became-optional")
_CONTENT = Handler(_content, dict)
_SERVERS = Handler(_servers, list)
_PARAMETER: Mapping[str, Handler] = {
    "required": _REQUIRED,
    "deprecated": flag("-deprecated", "-reactivated"),
    "style": Handler(_serialization, str),
    "explode": Handler(_serialization, bool),
    "allowReserved": flag("request-parameter-became-allow-reserved", "request-parameter-became-not-allow-reserved"),
    "schema": Handler(_schema_of),
    "content": _CONTENT,
}
_BODY: Mapping[str, Handler] = {"required": _REQUIRED, "content": _CONTENT}
_RESPONSE: Mapping[str, Handler] = {"headers": Handler(_headers, dict), "content": _CONTENT}
_OPERATION: Mapping[str, Handler] = {
    "operationId": Handler(_operation_name, str),
    "tags": Handler(_tags, list),
    "deprecated": flag("endpoint-deprecated", "endpoint-reactivated"),
    "security": Handler(_security("api-security"), list),
    "servers": _SERVERS,
    "requestBody": Handler(_request_body, dict),
    "responses": Handler(_responses, dict),
    "callbacks": Handler(lambda spot: _callbacks(spot), dict),
}
_PATH: Mapping[str, Handler] = {"servers": _SERVERS}
_DOCUMENT: Mapping[str, Handler] = {
    "openapi": Handler(_openapi, str),
    "info": Handler(_info, dict),
    "servers": _SERVERS,
    "security": Handler(_security("api-global-security"), list),
    "paths": Handler(_paths(of_webhooks=False), dict),
    "webhooks": Handler(_paths(of_webhooks=True), dict),
    "components": Handler(_components, dict),
    "tags": one_rule("description-changed", list),
}


def _callbacks(spot: Spot) -> Found:
    for callback in spot.named().values():
        yield from _paths(of_webhooks=True)(callback)
