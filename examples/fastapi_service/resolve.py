"""The job beside the service: it ends what is unknown where that is possible, and lists what needs a person.

Run it once a minute. The exit code is 1 where a person has to look, so that cron or Kubernetes tells one:

    export REFUNDRY_LEDGER=postgresql://user:password@host/database REFUNDRY_BLINK_API_KEY=…
    python resolve.py

The person looks the refund up at the provider, and then records what was seen:

    python -m refundry.ledger decide ACCOUNT REFERENCE executed --by "your name" --reason "what you saw"
"""

import sys

from refundry import LedgerEntry, OutcomeUnknown, Refund, RefundClient, RefundError, RefundInProgress, Resend


def settle(client: RefundClient, entry: LedgerEntry) -> Refund:
    """Ask what became of a reference; where the provider still de-duplicates it, send it again under the same key."""
    try:
        return client.resolve(entry.provider, entry.reference)
    except OutcomeUnknown as unknown:
        if unknown.resend is not Resend.SAME_REFERENCE or entry.payment_id is None or entry.amount is None:
            raise
        return client.refund(
            entry.provider, payment_id=entry.payment_id, amount=entry.amount, reference=entry.reference
        )


def main() -> int:
    """Look after each reference that is unknown or contradicted. Return 1 where one needs a person."""
    need_a_person = 0
    with RefundClient.from_env() as client:
        for entry in client.ledger.unresolved():
            name = f"{entry.provider} {entry.reference}"
            try:
                refund = settle(client, entry)
            except RefundInProgress:
                print(f"{name}: being sent now")
            except RefundError as error:  # still unknown, or the provider or the ledger could not be asked
                need_a_person += 1
                print(f"{name}: NEEDS A PERSON: {type(error).__name__}: {error}")
            else:
                if entry.contradiction:
                    need_a_person += 1
                    print(f"{name}: NEEDS A PERSON: {entry.contradiction}")
                else:
                    print(f"{name}: {refund.status}")
    return 1 if need_a_person else 0


if __name__ == "__main__":
    sys.exit(main())
