"""For the tests of a service: the providers with a ledger, and a guard against real refunds.

pytest needs neither: its fixture `refund_sandbox` is a RefundSandbox, and its plugin is the guard. Needs the extra:
pip install 'refundry[testing]'.
"""

from refundry.testing.hosts import no_real_refunds
from refundry.testing.refund_sandbox import RefundSandbox

__all__ = ["RefundSandbox", "no_real_refunds"]
