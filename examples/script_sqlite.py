"""A script that refunds a file, with a ledger in SQLite: run it again, as often as you like, and nobody is paid twice.

    pip install refundry
    export REFUNDRY_BLINK_API_KEY=… REFUNDRY_BLINK_SECRET_KEY=…
    python script_sqlite.py refunds.csv --ledger /var/lib/shop/refunds.db

The file has the columns reference,provider,payment_id,amount,currency. Each refund has a reference of its own, that
stays the same in every run. The exit code is 0 where every refund was accepted, 1 where the table says what else to
do, and 2 where nothing could be started.
"""

import argparse
import csv
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from refundry import (
    AuthenticationFailed,
    InvalidRefund,
    Money,
    NotSent,
    OutcomeUnknown,
    ReferenceConflict,
    RefundClient,
    RefundError,
    RefundInProgress,
    RefundRejected,
    Resend,
    Retry,
    Timeout,
)

COLUMNS: Final = ("reference", "provider", "payment_id", "amount", "currency")
# The outcome, and what to do. RefundMismatch is an OutcomeUnknown, UnsupportedOperation an InvalidRefund.
TO_DO: Final[dict[type[RefundError], tuple[str, str]]] = {
    NotSent: ("not sent", "run again"),
    RefundInProgress: ("in progress", "run again later: another run sends it, or was killed"),
    AuthenticationFailed: ("not sent", "mend the keys, then run again"),
    RefundRejected: ("refused", "tell the customer, or mend the reason and run again"),
    InvalidRefund: ("not sent", "mend the row, then run again"),
    ReferenceConflict: ("not sent", "this reference was another refund: give the row one of its own"),
    OutcomeUnknown: ("UNKNOWN", "ask the provider; never refund it under another reference"),
}


def outcome(client: RefundClient, row: dict[str, str]) -> tuple[str, str]:
    """Refund one row. Return the outcome and what to do about it, nothing where it was accepted."""
    try:
        refund = client.refund(
            row["provider"],
            payment_id=row["payment_id"],
            amount=Money.of(row["amount"], row["currency"]),
            reference=row["reference"],
        )
    except RefundError as error:
        word, to_do = next(TO_DO[kind] for kind in type(error).__mro__ if kind in TO_DO)
        if error.resend is Resend.SAME_REFERENCE:
            to_do = "run again soon: the provider still recognises the reference"
        return word, f"{to_do} ({error})"
    return refund.status.value, "" if refund.recorded else "write it down: the ledger does not have it"


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of the file. Raises ValueError for one without these columns."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise ValueError(f"{path}: the first line names the columns {','.join(COLUMNS)}")
        return list(reader)


def main() -> int:
    """Refund each row, eight at a time, and print a table."""
    parser = argparse.ArgumentParser(description="Refund each row of a CSV file once.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--ledger", type=Path, required=True, help="a file on a disk of this machine")
    parser.add_argument("--seconds", type=float, default=60, help="how long one refund may take")
    options = parser.parse_args()
    found: Counter[str] = Counter()
    to_be_done = 0
    try:
        wanted = rows(options.file)
        client = RefundClient.from_env(
            ledger=f"sqlite:///{options.ledger.absolute()}",
            timeout=Timeout(total=options.seconds),
            retry=Retry(deadline=options.seconds),
        )
    except (OSError, ValueError, csv.Error, RefundError) as error:
        print(f"nothing was sent: {error}", file=sys.stderr)
        return 2
    with client, ThreadPoolExecutor(8) as threads:
        for row, (word, to_do) in zip(wanted, threads.map(lambda row: outcome(client, row), wanted), strict=True):
            found[word] += 1
            to_be_done += bool(to_do)
            print(f"{row['reference']:30} {row['amount']:>10} {row['currency']} {word:12} {to_do}", flush=True)
    print(", ".join(f"{count} {word}" for word, count in found.most_common()))
    return 1 if to_be_done else 0


if __name__ == "__main__":
    sys.exit(main())
