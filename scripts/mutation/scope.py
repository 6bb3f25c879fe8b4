"""Which modules are mutated, and which tests have to notice."""

from __future__ import annotations

from typing import Final

from scripts.files import ROOT
from scripts.mutation.children import Project

MODULES: Final = (
    *("money", "outcome"),
    *("providers.blink", "providers.lab4pay", "providers.paybyrd", "providers.paybyrd_codes"),
    *("providers.credentials", "providers.fields", "providers.idempotency", "providers.registry"),
    *("providers.replies", "providers.signatures", "providers.translation"),
    *("ledger.rules", "ledger.entry", "ledger.changes", "ledger.memory", "ledger.database"),
)
"""The modules of refundry that decide about money, and what a ledger keeps of it."""

# They wait for real time, start other processes or servers, or hold the types: none of them is about one line.
_LEFT_OUT: Final = (
    *("postgres", "pgbouncer", "test_benchmarks", "test_benchmark_parts", "test_event_loops", "test_forks"),
    *("test_interruptions", "test_migrations", "test_type_hints", "test_writing_later", "700_bytes"),
)

PROJECT: Final = Project(
    root=ROOT,
    sources=ROOT / "facade",
    package="refundry",
    # Not tests/docs, which compares the tables with pages that are printed from them; not tests/stateful, whose walks
    # take seconds each.
    tests=("tests/facade", "tests/providers", "tests/ledger", "tests/desk"),
    left_out=" or ".join(_LEFT_OUT),
    folder=ROOT / ".mutation",
    libraries=("refundry_blink", "refundry_lab4pay", "refundry_paybyrd"),
)
