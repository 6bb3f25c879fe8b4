"""A management command that makes the refunds of a table, and can be killed and run again at any time.

    pip install refundry django
    export REFUNDRY_LEDGER=sqlite:////var/lib/shop/refunds.db   # or postgresql://…, for several machines
    export REFUNDRY_BLINK_API_KEY=… REFUNDRY_BLINK_SECRET_KEY=…
    python manage.py migrate --run-syncdb
    python manage.py refund

A process that is killed between the refund and the row that says so leaves the row "open". The next run calls again
under the same reference, and gets the refund that was made. So no row needs a lock, and two runs may overlap.
"""

import os
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from refundry import (
    Money,
    OutcomeUnknown,
    RefundClient,
    RefundError,
    RefundRejected,
    Retry,
    Timeout,
)

from ...models import IntendedRefund

SECONDS: Final = float(os.environ.get("REFUND_SECONDS", "60"))
"""How long one refund may take. A run that is killed holds a reference for twice as long and five seconds."""


# A refund that has failed after it was accepted is final here: whoever wants it again sets its row to "open".
FINAL: Final = ("succeeded", "failed", "refused")


class Command(BaseCommand):
    """`python manage.py refund`."""

    help = "Make each refund that is open, and look after the pending and unknown ones. Fails where one is left."

    def handle(self, *_: Any, **__: Any) -> None:
        """Go through the rows, one after the other."""
        left = 0
        with RefundClient.from_env(timeout=Timeout(total=SECONDS), retry=Retry(deadline=SECONDS)) as client:
            for row in IntendedRefund.objects.exclude(state__in=FINAL).order_by("id"):
                before = row.state
                row.state, row.outcome = outcome(client, row)
                row.save(update_fields=["state", "outcome"])
                left += row.state in ("open", "unknown")
                self.stdout.write(f"{row.reference}: {before} -> {row.state}")
        if left:
            raise CommandError(f"{left} refunds are open or unknown; their rows say why. Run it again")


def outcome(client: RefundClient, row: IntendedRefund) -> tuple[str, dict[str, Any]]:
    """Bring one refund further. Return its state and what to store of the outcome."""
    try:
        if row.state == "pending":
            done = client.resolve(row.provider, row.reference)  # only asks
        else:  # an unknown one too: the ledger sends it only where the provider still recognises the reference
            done = client.refund(
                row.provider,
                payment_id=row.payment_id,
                amount=Money.of(row.amount, row.currency),
                reference=row.reference,
            )
    except OutcomeUnknown as unknown:
        return "unknown", unknown.to_dict()  # its "resend" is "never": a person has to look at the provider
    except RefundRejected as refused:
        return "refused", refused.to_dict()
    except RefundError as error:
        # NotSent, AuthenticationFailed, InvalidRefund, ReferenceConflict: nothing was executed by this call.
        # RefundInProgress: another run sends it, or was killed. LookupFailed, LedgerFailed: a pending one stays so.
        return row.state, error.to_dict()
    return done.status.value, done.to_dict()
