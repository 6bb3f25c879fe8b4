"""The provider's own files as they begin: filled with what the contract says, and marked where a decision is due."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from textwrap import shorten
from typing import Any

from refundry.providers.fields import plain_word
from scripts.contracts.proposal import Operation as Found
from scripts.new_provider.decisions import MARK, own_files
from scripts.new_provider.subject import Guess, Operation, Subject

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_LISTED = 90
_SANDBOX_WORDS = ("sandbox", "test", "demo", "staging", "dev")


def source(hosts: Sequence[str], fetch: str, operations: Sequence[str]) -> str:
    """Return the part of source.toml that a person writes."""
    chosen = "".join(f"    {json.dumps(one)},\n" for one in operations)
    return (
        "# Written by a person. Credentials go to no other host than these; `fetch` is where the page is read.\n"
        f"# {MARK} whether these hosts, which the document names, are the provider's\n"
        f"hosts = {json.dumps(list(hosts))}\n"
        f"fetch = {json.dumps(fetch)}\n" + (f"operations = [\n{chosen}]\n" if operations else "")
    )


def overlay(name: str, extends: str, data: Mapping[str, Any], named: Mapping[Found, str], server: str | None) -> str:
    """Return an overlay that names each operation, and says which server is which environment."""
    actions = [_naming(one, called, data) for one, called in named.items()]
    servers = data.get("servers") or []
    if server is not None:
        actions.append(_server(server))
    for index, one in enumerate(servers):
        actions.append(_environment(one, index, servers) if server is None else _removed(one, index))
    head = (
        f"# Our changes to the contract of {name}. specs/README.md says how to write an action.\n"
        f"overlay: 1.1.0\ninfo:\n  title: {name}, as refundry uses it\n  version: 1.0.0\nextends: {extends}\nactions:\n"
    )
    return head + "\n".join(filter(None, actions))


def _action(name: str, reason: str, target: str, *lines: str) -> str:
    head = [f"- x-name: {name}", f"  x-reason: {reason}", "  x-source: ours", f"  target: {target}"]
    return "".join(f"  {line}\n" for line in (*head, *(f"  {line}" for line in lines)))


def _naming(operation: Found, called: str, data: Mapping[str, Any]) -> str:
    target = f"$.paths['{operation.path}'].{operation.method}"
    value = data["paths"][operation.path][operation.method]
    name = f"operation-{called.replace('_', '-')}"
    tags = [] if value.get("tags") else ["  tags:", "    - refunds"]
    reason = "The generated module and functions need names that are identifiers and stay."
    if operation.operation_id is None:
        return _action(name, reason, target, "x-expect: absent", "update:", f"  operationId: {called}", *tags)
    expected = f"x-expect: {json.dumps(operation.operation_id)}"
    renamed = _action(name, reason, f"{target}.operationId", expected, f"update: {called}")
    tagged = _action(f"{name}-tag", reason, target, "x-expect: absent", "update:", *tags)
    return "\n".join([*([] if operation.operation_id == called else [renamed]), *([tagged] if tags else [])])


def _server(url: str) -> str:
    return _action(
        "servers",
        "The document names no server that an address can be made of.",
        "$",
        "update:",
        "  servers:",
        f"    - url: {json.dumps(url)}",
        "      x-environments:",
        "        - production",
        "        - sandbox",
        f"# {MARK} the server of each environment",
    )


def _environment(server: Mapping[str, Any], index: int, servers: Sequence[Mapping[str, Any]]) -> str:
    is_test = any(word in f"{server['url']} {server.get('description', '')}".lower() for word in _SANDBOX_WORDS)
    environments = ["production", "sandbox"] if len(servers) == 1 else ["sandbox"] if is_test else ["production"]
    if len(servers) > 1 and index != _first_of(servers, is_test=is_test):
        return _removed(server, index)
    return _action(
        f"server-{index + 1}",
        "An account chooses a server by its environment.",
        f"$.servers[?@.url == {_quoted(server['url'])}]",
        "x-expect: absent",
        "update:",
        "  x-environments:",
        *(f"    - {one}" for one in environments),
        f"# {MARK} whether this is the server of {' and '.join(environments)}",
    )


def _first_of(servers: Sequence[Mapping[str, Any]], *, is_test: bool) -> int:
    kinds = [
        any(word in f"{one['url']} {one.get('description', '')}".lower() for word in _SANDBOX_WORDS) for one in servers
    ]
    return kinds.index(is_test)


def _removed(server: Mapping[str, Any], index: int) -> str:
    target = f"$.servers[?@.url == {_quoted(server['url'])}]"
    return _action(f"server-{index + 1}", "No account uses this server.", target, "remove: true")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def files(subject: Subject) -> dict[str, str]:
    """Return the text of each of the provider's own files outside of specs/, by its path."""
    _, _, account, translation, machine, record, page = own_files(subject.name)
    values = _values(subject)
    named = {account: "account.py", translation: "translation.py", machine: "machine.py", record: "record.py"}
    named[page] = "page.md"
    return {path: _filled(f"{template}.txt", values) for path, template in named.items()}


def _filled(template: str, values: Mapping[str, str]) -> str:
    return Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def _values(subject: Subject) -> dict[str, str]:
    done, failed, pending = subject.words()
    refund, lookup = subject.refund, subject.lookup
    codes = list(subject.code.words) or ["DECLINED"]
    guesses = {one: getattr(subject, one) for one in ("state", "amount", "refund_id", "payment_id", "code", "message")}
    dashed = subject.name.replace("_", "-")
    return {
        **{name: guess.name for name, guess in guesses.items()},
        **{f"{name}_attr": guess.attribute for name, guess in guesses.items()},
        "name": subject.name,
        "dashed": dashed,
        "class_name": subject.class_name,
        "done": done,
        "failed": failed,
        "pending": pending,
        "origin": subject.origin,
        "success": str(subject.success),
        "refund_call": refund.call,
        "refund_function": refund.function,
        "body": subject.body_model(),
        "request_fields": _listed(subject.request_fields),
        "refund_fields": _listed(subject.refund_fields),
        "error_fields": _listed(subject.error_fields),
        "words": _rows(
            f"    {json.dumps(plain_word(word))}: Outcome.{_outcome(subject, word)}," for word in subject.state.words
        ),
        "codes": _rows(f"    {json.dumps(code)}: (Outcome.UNKNOWN, Reason.OTHER)," for code in codes),
        "record_words": _rows(f"    {json.dumps(plain_word(word))}: UNKNOWN," for word in subject.state.words),
        "record_codes": _rows(f'    {json.dumps(code)}: (422, "OutcomeUnknown"),' for code in codes),
        "state_words": ", ".join(f"{json.dumps(word)}: PENDING" for word in subject.state.words),
        "record_statuses": "{" + ", ".join(f"{one}: {_result(one)!r}" for one in subject.statuses()) + "}",
        "codes_at": repr(subject.code.pointer if subject.code.words else None),
        "listed_at": subject.state.pointer,
        "invalid": codes[0],
        "declined": codes[0],
        "unauthorised": codes[-1],
        **_wrapping(subject),
        **_amount(subject),
        **_error(subject),
        **_request(subject),
        "needed": _needed(subject),
        **_paths(subject),
        **_lookup(subject, lookup),
        **_account(subject),
    }


def _rows(rows: Any) -> str:
    return "\n".join(rows)


def _outcome(subject: Subject, word: str) -> str:
    done, failed, _ = subject.words()
    return {done: "SUCCEEDED", failed: "REJECTED"}.get(word, "PENDING")


def _result(status: int) -> str:
    if status < 300:
        return "SUCCEEDED"
    return "AuthenticationFailed" if status == 401 else "RefundRejected INVALID" if status < 500 else "OutcomeUnknown"


def _listed(fields: Sequence[Guess]) -> str:
    named = (f"{one.name} ({', '.join(one.inner)})" if one.inner else one.name for one in fields)
    return shorten("; ".join(named) or "none is described", _MOST_LISTED, placeholder=" ...")


def _wrapping(subject: Subject) -> dict[str, str]:
    """What stands around the fields of a refund, where a reply has them in an object of their own."""
    state, wrapper, inner = subject.state.name, subject.wrapper, subject.amount_inner
    amount = "{minor}" if inner is None else f'{{{{"{inner.name}":{{minor}}}}}}'
    needed = f'"{subject.refund_id.name}":"T-1",' if subject.refund_id.required else ""
    echo = f'{{{{{needed}"{state}":"{subject.words()[0]}","{subject.amount.name}":{amount}}}}}'
    if wrapper is None:
        names = ("unwrap", "unwrap_said", "unwrap_members", "at", "wrap_open", "wrap_close")
        return {**dict.fromkeys(names, ""), "value": "parsed", "echo": echo, "refund_id_at": subject.refund_id.name}
    name = wrapper.name
    return {
        "value": "refund",
        "refund_id_at": f"{name}/{subject.refund_id.name}",
        "at": _pointer_of(subject),
        "wrap_open": f'{{"{name}": ',
        "wrap_close": "}",
        "echo": f'{{{{"{name}":{echo}}}}}',
        "unwrap": f"        refund = parsed.{wrapper.attribute}\n        if refund is UNSET or refund is None:\n"
        f'            reader.deviate("/{name}", "is not an object")\n'
        '            return Reading(why="it gave no refund")\n',
        "unwrap_said": f'        inner = said.get("{name}")\n'
        "        said = inner if isinstance(inner, dict) else {}\n",
        "unwrap_members": f'        inner = members.get("{name}")\n        if isinstance(inner, dict):\n'
        f'            return {{"{name}": {{**inner, **self.changes(fault, inner, credentials)}}}}\n',
    }


def _amount(subject: Subject) -> dict[str, str]:
    """How the amount of a refund is read and written: a number, or an object with a number and perhaps a currency."""
    amount, inner, currency, at = subject.amount, subject.amount_inner, subject.currency, _pointer_of(subject)
    value = "refund" if subject.wrapper else "parsed"
    if inner is None:
        number = f'reader.minor_amount({value}.{amount.attribute}, "{at}/{amount.name}", places)'
        read = f"        amount = None if places is None else {number}\n"
        said, read_currency = amount.name, ""
        members = {amount.name: "{units}", **({currency.name: "{currency}"} if currency else {})}
        wrong = f'{{"{amount.name}": 100 * members.get("{amount.name}", 0)}}'
        if currency is not None:
            read_currency = f'reader.currency({value}.{currency.attribute}, "{at}/{currency.name}")'
        written = ", ".join(f'"{name}": {one}' for name, one in members.items())
    else:
        place = f"{at}/{amount.name}"
        read = (
            f'        reader.expect_object({value}, "{amount.name}")\n'
            f"        money = {value}.{amount.attribute}\n"
            "        has_amount = places is not None and money is not UNSET\n"
            f'        amount = reader.minor_amount(money.{inner.attribute}, "{place}/{inner.name}", places or 0) '
            "if has_amount else None\n"
        )
        said = f"{amount.name}/{inner.name}"
        own = {inner.name: "{units}", **({currency.name: "{currency}"} if currency else {})}
        written = f'"{amount.name}": {{{", ".join(f"{json.dumps(name)}: {one}" for name, one in own.items())}}}'
        money = f'members.get("{amount.name}", {{}})'
        wrong = f'{{"{amount.name}": {{**{money}, "{inner.name}": 100 * {money}.get("{inner.name}", 0)}}}}'
        read_currency = ""
        if currency is not None:
            number = f'reader.currency(money.{currency.attribute}, "{place}/{currency.name}")'
            read_currency = f"None if money is UNSET else {number}"
    currency_at = "" if currency is None else f"{amount.name}/{currency.name}" if inner else currency.name
    return {
        "read_amount": read,
        "read_currency": f"            currency={read_currency},\n" if read_currency else "",
        "machine_amount": written.replace("{units}", "refund.amount").replace("{currency}", "refund.currency"),
        "wrong_amount": wrong,
        "amount_at": said,
        "amount_members": written.replace("{units}", "units").replace("{currency}", "currency"),
        "amount_parameters": "units: int = 100" + (', currency: str = "EUR"' if currency else ""),
        "amount_of_call": "call.amount.minor_units" + (", call.amount.currency" if currency else ""),
        "money_import": "from refundry.money import EXPONENTS\n" if currency else "",
        "differing_currency": f'        "currency": _body("{subject.words()[0]}", _amount(100, "USD")),\n'
        if currency
        else "",
        "currency_differs": f'            currency = value_at(said, "{currency_at}")\n'
        "            is_currency = isinstance(currency, str) and currency in EXPONENTS\n"
        "            differs = differs or (is_currency and currency != call.amount.currency)\n"
        if currency
        else "",
    }


def _pointer_of(subject: Subject) -> str:
    return "" if subject.wrapper is None else f"/{subject.wrapper.name}"


def _error(subject: Subject) -> dict[str, str]:
    """The body of an error: with its code, and what the contract requires beside it."""
    code, errors = subject.code, subject.errors
    beside = [one for one in subject.error_fields if one.required and one.name != code.name]
    others = "".join(f", {json.dumps(one.name)}: {json.dumps(next(iter(one.words), one.name))}" for one in beside)
    opening, closing = "", ""
    if errors is not None:
        opening, closing = (f'{{"{errors.name}": [', "]}") if errors.is_list else (f'{{"{errors.name}": ', "}")
    place = (
        code.name
        if errors is None
        else f"{errors.name}/0/{code.name}"
        if errors.is_list
        else f"{errors.name}/{code.name}"
    )
    rest = f"{opening}{{{others[2:]}}}{closing}" if others else ""
    listed = _listed(subject.error_fields)
    return {
        "error_body": f'{opening}{{"{code.name}": code{others}}}{closing}',
        "code_at": place,
        "code_in": f"        code_in={rest},\n" if rest else "",
        "error_fields": listed
        if errors is None
        else f"{errors.name}{' (a list)' if errors.is_list else ''} of {listed}",
    }


_KEY_HINT = "        # The idempotency key is {}: `idempotency_key(request.reference, request.attempt)`\n"


def _request(subject: Subject) -> dict[str, str]:
    """The body of a request for a refund in the sandbox, and the places of its amount and its key."""
    amount, key, payment = subject.request_amount, subject.request_key, subject.request_payment
    inner = [Guess(one, "") for one in amount.inner]
    number = next((one for one in inner if one.name == (subject.amount_inner or amount).name), next(iter(inner), None))
    value = "100"
    if number is not None:
        money = {one.name: '"EUR"' for one in inner if "currency" in one.name.lower()}
        value = f"{{{', '.join(f'{json.dumps(name)}: {one}' for name, one in {number.name: '100', **money}.items())}}}"
    members = {amount.name: value, subject.request_reference.name: '"order-1/1"'}
    if key is not None:
        members[key.name] = '"order-1/1"'
    if payment is not None:
        members[payment.name] = json.dumps(f"{subject.name.replace('_', '-')}-eur")
    return {
        "body_amount": amount.name if number is None else f"{amount.name}/{number.name}",
        "sandbox_body": f"{{{', '.join(f'{json.dumps(name)}: {one}' for name, one in members.items())}}}",
        "key_at": "" if key is None else f'    key_at="{key.name}",\n',
        "with_key": "" if key is None else _KEY_HINT.format(key.name),
    }


def _needed(subject: Subject) -> str:
    """What the contract requires of a refund beside the word for its state, as a line of the record."""
    known = {subject.refund_id.name: "REFUND", subject.payment_id.name: "PAYMENT"}
    required = [one for one in subject.refund_fields if one.required and one.name != subject.state.name]
    fields = [f'"{one.name}": {known[one.name]}' for one in required if one.name in known]
    fields += ["**_amount()"] if any(one.name == subject.amount.name for one in required) else []
    return f"        needed={{{', '.join(fields)}}},\n" if fields else ""


def _filled_path(operation: Operation, name: str) -> str:
    path = operation.path
    for parameter in operation.parameters:
        path = path.replace(f"{{{parameter}}}", name, 1)
    return path


def _paths(subject: Subject) -> dict[str, str]:
    lookup = subject.lookup
    operations = ", ".join(
        f'"{one.function}": ("{one.method.upper()}", "{_filled_path(one, "{}")}")' for one in subject.operations
    )
    asked = () if lookup is None else (f'("GET", "{_filled_path(lookup, "{}")}")',)
    return {
        "refund_url": _filled_path(subject.refund, "{PAYMENT}"),
        "lookup_url": "" if lookup is None else _filled_path(lookup, "{REFUND}"),
        "record_operations": f"{{{operations}}}",
        "other_requests": "{" + ", ".join(asked) + "}" if asked else "()",
    }


_STATE_REQUEST = '''    def state_request(self, refund: Refund) -> GeneratedRequest:
        """{call}."""
        # {mark} whether this asks about the refund, and by which id
        return {function}.build_request({arguments})

    def parse_state(self, reply: WireReply) -> Any:
        """The refund on success, the error on every other described status."""
        return {function}.read_reply(reply.status, reply.body)'''
_NO_STATE_REQUEST = '''    def state_request(self, refund: Refund) -> GeneratedRequest:
        """There is none."""
        raise UnsupportedOperation(f"{self.account.name} cannot be asked about a refund", field="provider")

    def parse_state(self, reply: WireReply) -> Any:
        """Nothing is asked."""
        return None'''
_MACHINE_LOOKUP = """
    def _lookup(self, call: Call) -> Reply:
        index = self.refund_index(call.path["{parameter}"])
        if index is None:
            return self._error(404, "{code}")
        return json_reply(200, self._body(self.refunds[index]))
"""


def _lookup(subject: Subject, lookup: Operation | None) -> dict[str, str]:
    refund = subject.refund
    imports = {f"from {one.module} import {one.function}" for one in (refund, lookup) if one is not None}
    if lookup is None:
        return {
            "lookup_ids": "",
            "lookup_methods": _NO_STATE_REQUEST,
            "translation_names": "",
            "translation_imports": _rows(sorted({*imports, "from refundry.errors import UnsupportedOperation"})),
            "machine_operations": f'"{refund.function}": self._refund',
            "machine_lookup": "",
        }
    others = [repr("") for _ in lookup.parameters[1:]]
    arguments = ", ".join(["refund_id_of(refund)", *others])
    methods = _STATE_REQUEST.format(call=lookup.call, mark=MARK, function=lookup.function, arguments=arguments)
    code = (list(subject.code.words) or ["NOT_FOUND"])[0]
    parameter = lookup.parameters[-1] if lookup.parameters else "id"
    return {
        "lookup_ids": '"refund_id"',
        "lookup_methods": methods,
        "translation_names": ", refund_id_of",
        "translation_imports": _rows(sorted(imports)),
        "machine_operations": f'"{refund.function}": self._refund, "{lookup.function}": self._lookup',
        "machine_lookup": _MACHINE_LOOKUP.format(parameter=parameter, code=code),
    }


def _account(subject: Subject) -> dict[str, str]:
    scheme = subject.scheme
    kind = scheme.get("type")
    header = str(scheme.get("name", "X-Key"))
    variable = f"REFUNDRY_{subject.name.upper()}_"
    dashed = subject.name.replace("_", "-")
    if kind == "http" and str(scheme.get("scheme", "")).lower() == "basic":
        arguments, keep = "        username: str,\n        password: str,\n", _BASIC_HEADER
        return {
            "account_imports": "from base64 import b64encode\nfrom collections.abc import Mapping\n",
            "account_arguments": arguments.rstrip("\n"),
            "account_credentials": keep,
            "sandbox_account": 'username="test", password=api_key',
            "record_credentials": '"username": "test", "password": "test-key"',
            "record_proof": '"Authorization": "Basic dGVzdDp0ZXN0LWtleQ=="',
            "sandbox_headers": f'"Authorization": "Basic test-key-{dashed}"',
            "page_arguments": 'username="…", password="…"',
            "page_variables": f"`{variable}USERNAME`, `{variable}PASSWORD`, `{variable}ENVIRONMENT`",
        }
    is_key = kind == "apiKey" and scheme.get("in") == "header"
    argument = "api_key" if is_key else "access_token"
    proof = f'"{header}": "' if is_key else '"Authorization": "Bearer '
    keep = (
        f'        self.headers: tuple[tuple[str, Secret], ...] = (("{header}", credential(api_key, "api_key")),)'
        if is_key
        else '        self.token: Secret | None = credential(access_token, "access_token")'
    )
    if kind not in ("apiKey", "http", "oauth2", "openIdConnect") or (kind == "apiKey" and not is_key):
        keep = f"        # {MARK} how a request proves who sends it: the document has {json.dumps(scheme)}\n{keep}"
    return {
        "account_imports": "from collections.abc import Mapping\n",
        "account_arguments": f"        {argument}: str,",
        "account_credentials": keep,
        "sandbox_account": f"{argument}=api_key",
        "record_credentials": f'"{argument}": "test-key"',
        "record_proof": f'{proof}test-key"',
        "sandbox_headers": f'{proof}test-key-{dashed}"',
        "page_arguments": f'{argument}="…"',
        "page_variables": f"`{variable}{argument.upper()}`, `{variable}ENVIRONMENT`",
    }


_BASIC_HEADER = """        # RFC 7617: a name with a colon would end early.
        pair = f"{credential(username, 'username').reveal()}:{credential(password, 'password').reveal()}"
        basic = Secret(f"Basic {b64encode(pair.encode()).decode()}")
        self.headers: tuple[tuple[str, Secret], ...] = (("Authorization", basic),)"""
