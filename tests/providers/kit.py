"""The kit: the pieces that every provider needs, and one sentence for each that is missing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from refundry import Account
from refundry.accounts import KINDS
from refundry.providers.registry import TRANSLATIONS
from refundry.sandbox import Sandbox
from scripts.new_provider.decisions import open_decisions
from tests.providers import RECORDS
from tests.providers.record import ProviderRecord

SPECS = Path(__file__).resolve().parents[2] / "specs"


@dataclass(frozen=True)
class Kit:
    """Every place that lists the providers. A provider has one entry in each."""

    kinds: Mapping[str, type[Account]]
    """The classes of the accounts, by the provider's name."""
    translations: Mapping[type[Account], str]
    records: Mapping[str, ProviderRecord]
    contracts: Callable[[str], bool]
    """Whether a contract of the provider exists."""
    packages: Callable[[str], bool]
    """Whether a generated package of the provider exists."""
    machines: frozenset[str]
    """The providers of the sandbox."""
    decisions: Callable[[str], Sequence[str]] = lambda _: ()
    """What is still to be decided about a provider: a place and a sentence each."""


def shipped() -> Kit:
    """Return the kit of the package."""
    return Kit(
        kinds=KINDS,
        translations=TRANSLATIONS,
        records=RECORDS,
        contracts=lambda provider: (SPECS / provider / "openapi.yaml").exists(),
        packages=has_package,
        machines=frozenset(Sandbox().state()["providers"]),
        decisions=lambda provider: [*map(str, open_decisions(provider))],
    )


def has_package(provider: str) -> bool:
    """Return whether the generated package of a provider can be imported, with its contract."""
    spec = find_spec(f"refundry_{provider}")
    return spec is not None and spec.origin is not None and Path(spec.origin).with_name("contract.json").exists()


def gaps(kit: Kit) -> list[str]:
    """Return one sentence for each missing piece of a provider. It says what to write, and where."""
    return [gap for provider in providers(kit) for gap in _gaps_of(kit, provider)]


def providers(kit: Kit) -> list[str]:
    """Return the name of every provider in any place; for an account class without a name, the class's own name."""
    named = {cls: provider for provider, cls in kit.kinds.items()}
    by_record = {record.account_class: provider for provider, record in kit.records.items()}
    registered = [named.get(cls) or by_record.get(cls) or cls.__name__.lower() for cls in kit.translations]
    return list(dict.fromkeys([*kit.kinds, *registered, *kit.records, *sorted(kit.machines)]))


def _gaps_of(kit: Kit, provider: str) -> Iterator[str]:
    if not kit.contracts(provider):
        yield f"{provider} has no contract: write specs/{provider}/openapi.yaml and specs/{provider}/overlay.yaml"
    if not kit.packages(provider):
        yield f"{provider} has no generated package: make refundry_{provider} from its contract with nox -s generate"
    if provider not in kit.kinds:
        yield (
            f"{provider} has no account: write its class in refundry/accounts/{provider}.py, and list it in KINDS in "
            "refundry/accounts/__init__.py"
        )
    if provider not in kit.machines:
        yield (
            f"{provider} has no sandbox: write its machine in refundry/sandbox/{provider}.py, and list it in PROVIDERS "
            "in refundry/sandbox/providers.py"
        )
    record = kit.records.get(provider)
    if due := kit.decisions(provider):
        yield from due  # until then it has no record
    elif record is None:
        yield (
            f"{provider} has no record: write RECORD in tests/providers/{provider}.py, and list it in RECORDS in "
            "tests/providers/__init__.py"
        )
    else:
        yield from _empty_parts(record)
    yield from _translation_gaps(kit, provider)


def _translation_gaps(kit: Kit, provider: str) -> Iterator[str]:
    record = kit.records.get(provider)
    cls = kit.kinds.get(provider) or (record.account_class if record else None)
    places = [place for one, place in kit.translations.items() if one is cls or one.__name__.lower() == provider]
    if not places:
        yield (
            f"{provider} has no translation: write it in refundry/providers/{provider}.py, and list it in TRANSLATIONS "
            "in refundry/providers/registry.py"
        )
    for place in places:
        module, name = place.split(":")
        if kit.packages(provider) and not (find_spec(module) and hasattr(import_module(module), name)):
            yield f"{provider} has no translation at {place}: write the class there, or fix TRANSLATIONS"


def _empty_parts(record: ProviderRecord) -> Iterator[str]:
    """The parts of a record that a suite cannot do without."""
    parts: Mapping[str, object] = {
        "refusals": record.refusals,
        "states.words": record.states.words,
        "states.unlisted": record.states.unlisted,
        "contract.calls": record.contract.calls,
        "contract.payment_ids": record.contract.payment_ids,
        "contract.by_status": record.contract.by_status,
        "sandbox.operations": record.sandbox.operations,
    }
    for part, value in parts.items():
        if not value:
            yield f"{record.name} has an empty {part}: fill it in tests/providers/{record.name}.py"
    for name in sorted(record.reports - record.differing.keys()):
        yield f"{record.name} reports the {name}: add a reply with another one to differing in its record"
