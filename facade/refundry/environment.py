"""Accounts by variables of the environment: those that are meant for refundry, and none that others set."""

from __future__ import annotations

import re
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import NamedTuple

from refundry.accounts import KINDS
from refundry.errors import InvalidRefund

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Final

    from refundry.accounts import Account

_PREFIX: Final = "REFUNDRY_"
# No provider, label or field has two underscores in a row, so that these can stand for nothing but a label.
_WORDS: Final = "[A-Z0-9]+(?:_[A-Z0-9]+)*"
_VARIABLE: Final = re.compile(
    f"(?P<shared>REFUNDRY_(?P<kind>[A-Z0-9]+)_(?:_(?P<label>{_WORDS})__)?)(?P<field>{_WORDS})"
)

# What Kubernetes sets for a service and Docker for a linked container, in the containers beside it:
# kubernetes.io/docs/concepts/services-networking/service, docs.docker.com/engine/network/links.
_OF_A_SERVICE: Final = re.compile(
    "REFUNDRY_(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_.+)?)?)"
)
_OF_A_LINK: Final = re.compile("(?P<service>REFUNDRY_(?:.+_)??)(?:NAME|ENV_.+)")

# How near a name has to be to another, for get_close_matches: of a provider, of a field, and of all of it.
_NEAR_PROVIDER: Final = 0.75
_NEAR_FIELD: Final = 0.6
_NEAR_VARIABLE: Final = 0.9


class _Shared(NamedTuple):
    """What the variables of one account begin with, and what that says: the kind of account, and its label if any."""

    text: str
    kind: str
    label: str | None


def from_environment(variables: Mapping[str, str]) -> list[Account]:
    """An account for each that variables REFUNDRY_<PROVIDER>_<FIELD> and REFUNDRY_<PROVIDER>__<NAME>__<FIELD> name.

    The fields are the arguments of the account, but for `transport`. Raises InvalidRefund, with the variable as
    `field`, for one that no account takes, one that is empty, missing or unfit, and where there is none at all. No
    value stands in its message, for it may be a secret.
    """
    given: dict[_Shared, dict[str, str]] = {}
    for variable, value in variables.items():
        if variable.startswith(_PREFIX) and not _is_of_others(variable, variables):
            shared, field = _parts(variable)
            if not value.strip():
                raise InvalidRefund(f"{variable} is empty; give it a value, or unset it", field=variable)
            given.setdefault(shared, {})[field] = value
    if not given:
        raise InvalidRefund(f"the environment names no account; {_hint(_misspelt(variables), KINDS)}", field=_PREFIX)
    accounts: dict[str, Account] = {}
    named_by: dict[str, str] = {}
    for shared, fields in given.items():
        account = _made(shared, fields)
        if account.name in accounts:
            variable = f"{shared.text}NAME"
            raise InvalidRefund(
                f"{variable}: the account of {named_by[account.name]} has the same name; give one of them another",
                field=variable,
            )
        accounts[account.name], named_by[account.name] = account, shared.text
    return list(accounts.values())


def _is_of_others(variable: str, variables: Mapping[str, str]) -> bool:
    """Whether Kubernetes or Docker has set it for a service or container whose name begins with refundry."""
    link = _OF_A_LINK.fullmatch(variable)
    if link is None:
        return _OF_A_SERVICE.fullmatch(variable) is not None
    # A link has a port, and a path for its name, which no account can have.
    in_path = variables[variable].startswith("/") or not variable.endswith("NAME")
    return in_path and f"{link['service']}PORT" in variables


def _parts(variable: str) -> tuple[_Shared, str]:
    """What the variable shares with the others of its account, and the field. InvalidRefund where there is none."""
    found = _VARIABLE.fullmatch(variable)
    kind = found["kind"].lower() if found and found["kind"].lower() in KINDS else None
    if found and kind and found["field"].lower() in _fields(kind):
        return _Shared(found["shared"], kind, found["label"]), found["field"].lower()
    hint = _hint(_meant(variable.removeprefix(_PREFIX).upper()), [kind] if kind else KINDS)
    raise InvalidRefund(f"no account takes {variable}; {hint}", field=variable)


def _made(shared: _Shared, given: Mapping[str, str]) -> Account:
    for field, required in _fields(shared.kind).items():
        if required and field not in given:
            variable = f"{shared.text}{field.upper()}"
            raise InvalidRefund(f"{variable} is missing, beside the others of {shared.text}", field=variable)
    fields: dict[str, Any] = dict(given)
    if shared.label is not None:
        fields.setdefault("name", shared.label.lower())
    try:
        return KINDS[shared.kind](**fields)
    except InvalidRefund as refused:
        variable = f"{shared.text}{refused.field.upper()}"
        raise InvalidRefund(f"{variable}: {refused}", field=variable) from None


def _fields(kind: str) -> dict[str, bool]:
    """The arguments of an account that a text can give, and whether it needs them."""
    parameters = signature(KINDS[kind]).parameters
    return {name: one.default is Parameter.empty for name, one in parameters.items() if name != "transport"}


def _hint(meant: Iterator[str], kinds: Iterable[str]) -> str:
    """What was probably meant, or else what there is."""
    for likeliest in meant:
        return f"did you mean {likeliest}?"
    there_are = (f"{_PREFIX}{kind.upper()}_ with {', '.join(_fields(kind)).upper()}" for kind in kinds)
    return f"there are {'; '.join(there_are)}"


def _misspelt(variables: Iterable[str]) -> Iterator[str]:
    """What variables come near to, whose prefix may be what is wrong with them."""
    there_are = [f"{_PREFIX}{kind}_{field}".upper() for kind in KINDS for field in _fields(kind)]
    for variable in variables:
        yield from get_close_matches(variable.upper(), there_are, 1, _NEAR_VARIABLE)


def _meant(written: str) -> Iterator[str]:
    """What a variable, written in upper case without its prefix, was probably meant to be, the likeliest first."""
    there_are = {
        f"{kind}{field}".upper().replace("_", ""): f"{_PREFIX}{kind}_{field}".upper()
        for kind in KINDS
        for field in _fields(kind)
    }
    words = re.findall("[A-Z0-9]+", written)
    joined = "".join(words)
    if joined in there_are:
        yield there_are[joined]
    labelled = re.fullmatch("(.+?)__(.+)__(.+)", written)
    if labelled is not None:
        label = "_".join(re.findall("[A-Z0-9]+", labelled[2]))
        for kind, fields in _near_kind(labelled[1]):
            yield from (f"{_PREFIX}{kind}__{label}__{field}" for field in _near(labelled[3], fields) if label)
    yield from (there_are[near] for near in get_close_matches(joined, there_are, 1, _NEAR_VARIABLE))
    for first in range(1, len(words)):
        for kind, fields in _near_kind("".join(words[:first])):
            for end in range(first + 1, len(words)):
                if (field := "_".join(words[end:])) in fields:
                    yield f"{_PREFIX}{kind}__{'_'.join(words[first:end])}__{field}"
            yield from (f"{_PREFIX}{kind}_{field}" for field in _near("_".join(words[first:]), fields))


def _near_kind(written: str) -> Iterator[tuple[str, list[str]]]:
    """The provider that a text comes near to, with its fields."""
    for kind in get_close_matches(written.lower(), KINDS, 1, _NEAR_PROVIDER):
        yield kind.upper(), [field.upper() for field in _fields(kind)]


def _near(written: str, fields: list[str]) -> list[str]:
    """The field that a text is, or is the beginning or the end of, or else comes near to."""
    if written in fields:
        return [written]
    parts = [field for field in fields if field.startswith(written) or field.endswith(f"_{written}")]
    if len(parts) == 1:
        return parts
    return get_close_matches(written, fields, 1, _NEAR_FIELD)
