"""The scopes that are walked: what may happen in each, and how often."""

from __future__ import annotations

from typing import Final

from scripts.model.walk import Scope

TWO_WORKERS: Final = (
    Scope("no de-duplication, a person", "blink", refunds=3, words=1, leases=2),
    Scope("no de-duplication, a person who is wrong", "blink", words=1, wrong=True, leases=2),
    Scope("no de-duplication, faults of the ledger", "blink", faults=1, words=1),
    Scope("no de-duplication, one process", "blink", threads=True, break_offs=1, words=1),
    Scope("no de-duplication, a database of its own", "blink", split=True, own_database=True, words=1),
    Scope("no de-duplication, a clock set back", "blink", set_backs=1, own_database=True, words=1),
    Scope("no de-duplication, a machine sleeps before the first byte", "blink", sleeps_before_byte=True, words=1),
    Scope("no de-duplication, callbacks and questions", "blink", callbacks=1, resolves=1, pending=True, crashes=0),
    Scope("a window, calls that retry", "paybyrd", attempts=2, crashes=0),
    Scope("a window that ends", "paybyrd", leases=2, windows=1, crashes=0),
    Scope("a window, questions", "paybyrd", resolves=1, pending=True, crashes=0),
    Scope("a window, a database of its own", "paybyrd", split=True, own_database=True, crashes=0),
)
"""In the tests: a minute on one core."""

AT_LENGTH: Final = (
    Scope("no de-duplication, a person and crashes", "blink", refunds=4, words=2, leases=3, crashes=2),
    Scope("no de-duplication, all at once", "blink", faults=1, break_offs=1, callbacks=1, words=1, pending=True),
    Scope(
        "no de-duplication, a database of its own, faults", "blink", split=True, own_database=True, faults=1, words=1
    ),
    Scope("a window that ends, crashes", "paybyrd", refunds=3, leases=2, windows=1),
    Scope("a window, refunds that fail later, crashes", "paybyrd", callbacks=2, resolves=1, pending=True),
)
"""Beyond them, in the session: most with a bound."""

THREE_WORKERS: Final = (
    Scope("three workers, a window", "paybyrd", workers=3, refunds=3, crashes=0),
    Scope("three workers, no de-duplication", "blink", workers=3, refunds=3, words=1),
    Scope(
        "three workers, a database of its own", "blink", workers=3, refunds=3, words=1, split=True, own_database=True
    ),
    Scope("three workers, a window that ends", "paybyrd", workers=3, refunds=3, leases=2, windows=1, crashes=0),
)
