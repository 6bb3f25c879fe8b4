"""Accounts from variables of the environment: those that are meant for refundry, and none that others set."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from inspect import Parameter, signature
from itertools import product
from typing import NamedTuple

from refundry.accounts import KINDS
from refundry.errors import InvalidRefund
from refundry.guard import VARIABLES as OF_A_TEST_RUN
from refundry.redaction import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Final

    from refundry.accounts import Account

_PREFIX: Final = "REFUNDRY_"
LEDGER: Final = "REFUNDRY_LEDGER"
"""The variable of the client's ledger. Its value may hold a password, and shows in no message."""
# No provider, label or field has two underscores in a row, so these always enclose a label.
_WORDS: Final = "[A-Z0-9]+(?:_[A-Z0-9]+)*"
_REST: Final = f"(?:_(?P<label>{_WORDS})__)?(?P<field>{_WORDS})"

# The variables that Kubernetes sets for a service, and Docker for a linked container:
# kubernetes.io/docs/concepts/services-networking/service, docs.docker.com/engine/network/links.
_OF_A_SERVICE: Final = re.compile(
    "REFUNDRY_(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_.+)?)?)"
)
_OF_A_LINK: Final = re.compile("(?P<service>REFUNDRY_(?:.+_)??)(?:NAME|ENV_.+)")

# The cutoffs of get_close_matches: for a whole variable, a provider, and a field without a label and with one.
_NEAR_VARIABLE: Final = 0.95
_NEAR_PROVIDER: Final = 0.75
_NEAR_LEDGER: Final = 0.75
_NEAR_FIELD: Final = 0.6
_NEAR_LABELLED_FIELD: Final = (1.0, 0.8)


class _Shared(NamedTuple):
    """What the variables of one account begin with: the text, the kind of account in it, and the label if any."""

    text: str
    kind: str
    label: str | None


def from_environment(variables: Mapping[str, str]) -> list[Account]:
    """The accounts that the variables REFUNDRY_<PROVIDER>_<FIELD> and REFUNDRY_<PROVIDER>__<NAME>__<FIELD> describe.

    The fields are the arguments of the account, except for `transport`. Raises InvalidRefund, with the variable as
    `field`, for a variable that no account takes, that is empty, missing or unfit, and where there is none at all. Its
    message shows no value, for it may be a secret.
    """
    given: dict[_Shared, dict[str, str]] = {}
    for variable, value in variables.items():
        if variable == LEDGER:
            if not value.strip():
                raise InvalidRefund(f"{variable} is empty; give it a value, or unset it", field=variable)
        elif variable in OF_A_TEST_RUN:
            continue
        elif variable.startswith(_PREFIX) and not _is_of_others(variable, variables):
            shared, field = _parts(variable)
            if not value.strip():
                raise InvalidRefund(f"{variable} is empty; give it a value, or unset it", field=variable)
            given.setdefault(shared, {})[field] = value
    if not given:
        near = (one for variable in variables for one in _near(variable))
        raise InvalidRefund(f"the environment names no account; {_hint(near, KINDS)}", field=_PREFIX)
    accounts: dict[str, tuple[str, Account]] = {}
    for shared, fields in given.items():
        account = _made(shared, fields)
        first, _ = accounts.setdefault(account.name, (shared.text, account))
        if first != shared.text:
            variable = f"{shared.text}NAME"
            raise InvalidRefund(
                f"{variable}: the account of {first} has the same name; give one of them another", field=variable
            )
    return [account for _, account in accounts.values()]


def settings(variables: Mapping[str, str] | None) -> tuple[list[Account], dict[str, Secret]] | InvalidRefund:
    """The accounts, and the argument `ledger` where REFUNDRY_LEDGER is set; os.environ stands in for None.

    A refusal is given back without its traceback: the variables of these frames hold every credential.
    """
    variables = os.environ if variables is None else variables
    try:
        accounts = from_environment(variables)
    except InvalidRefund as refused:
        return refused.with_traceback(None)
    return accounts, {"ledger": Secret(variables[LEDGER])} if LEDGER in variables else {}


def _is_of_others(variable: str, variables: Mapping[str, str]) -> bool:
    """Whether Kubernetes or Docker set the variable for a service or container whose name begins with refundry."""
    link = _OF_A_LINK.fullmatch(variable)
    if link is None:
        return _OF_A_SERVICE.fullmatch(variable) is not None
    # A link has a port, and a path as its name; no account can have either.
    in_path = variables[variable].startswith("/") or not variable.endswith("NAME")
    return in_path and f"{link['service']}PORT" in variables


def _parts(variable: str) -> tuple[_Shared, str]:
    """The beginning that the variable shares with its account, and the field. InvalidRefund for neither."""
    near: list[str] = []
    for kind in sorted(KINDS, key=len, reverse=True):  # the name of one provider may begin with another's
        beginning = f"{_PREFIX}{kind.upper()}_"
        found = re.fullmatch(_REST, variable.removeprefix(beginning)) if variable.startswith(beginning) else None
        if found and found["field"].lower() in _fields(kind):
            return _Shared(variable.removesuffix(found["field"]), kind, found["label"]), found["field"].lower()
        near += [kind] if found else []
    hint = _hint(_meant(variable), near[:1] or KINDS)
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
    """The arguments of an account that a variable can give, and whether each is required."""
    parameters = signature(KINDS[kind]).parameters
    return {name: one.default is Parameter.empty for name, one in parameters.items() if name != "transport"}


def _hint(meant: Iterator[str], kinds: Iterable[str]) -> str:
    """The variable that was probably meant, or else those that there are."""
    likeliest = next(meant, None)
    if likeliest is not None:
        return f"did you mean {likeliest}?"
    there_are = (f"{_PREFIX}{kind.upper()}_ with {', '.join(_fields(kind)).upper()}" for kind in kinds)
    return f"there are {'; '.join(there_are)}"


def _near(written: str) -> Iterator[str]:
    """The variable without a label that comes near to the whole text, also where its prefix is misspelt."""
    there_are = [f"{_PREFIX}{kind}_{field}".upper() for kind in KINDS for field in _fields(kind)]
    by_letters = {variable.replace("_", ""): variable for variable in there_are}
    letters = "".join(re.findall("[A-Z0-9]+", written.upper()))
    yield from (by_letters[near] for near in get_close_matches(letters, by_letters, 1, _NEAR_VARIABLE))


def near_ledger(variable: str) -> bool:
    """Whether a variable was probably meant to be REFUNDRY_LEDGER: REFUNDRY_LEDGR, REFUNDRY_LEDGER_URL."""
    first, _, _ = variable.removeprefix(_PREFIX).upper().strip("_").partition("_")
    names = [LEDGER.removeprefix(_PREFIX)]
    return variable.startswith(_PREFIX) and get_close_matches(first, names, 1, _NEAR_LEDGER) != []


def _meant(variable: str) -> Iterator[str]:
    """The variables that this one was probably meant to be, the likeliest first."""
    yield from _near(variable)
    if near_ledger(variable):
        yield LEDGER
    words = re.findall("[A-Z0-9]+", variable.removeprefix(_PREFIX).upper())
    for first in range(1, len(words)):
        for kind in get_close_matches("".join(words[:first]).lower(), KINDS, 1, _NEAR_PROVIDER):
            account = f"{_PREFIX}{kind.upper()}_"
            fields = [field.upper() for field in _fields(kind)]
            by_letters = {field.replace("_", ""): field for field in fields}
            for cutoff, end in product(_NEAR_LABELLED_FIELD, range(first + 1, len(words))):
                for near in get_close_matches("".join(words[end:]), by_letters, 1, cutoff):
                    yield f"{account}_{'_'.join(words[first:end])}__{by_letters[near]}"
            written = "_".join(words[first:])
            ends = [field for field in fields if field.startswith(written) or field.endswith(f"_{written}")]
            likeliest = ends if len(ends) == 1 else get_close_matches(written, fields, 1, _NEAR_FIELD)
            yield from (f"{account}{field}" for field in likeliest)
