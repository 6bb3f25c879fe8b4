"""Lab4Pay, Paybyrd and Blink on your own machine, with the failures that matter. Nothing here moves money.

`Sandbox` holds the three providers. `SandboxTransport` serves them as an httpx transport, `SandboxServer` as an HTTP
server on loopback, and so does `python -m refundry.sandbox`. Needs the extra: pip install 'refundry[sandbox]'.
"""

from refundry.sandbox.callbacks import Receiver
from refundry.sandbox.contract import Request, Violation
from refundry.sandbox.faults import Delivery, Fault, Reply
from refundry.sandbox.lab4pay import INTEGRATOR_ID
from refundry.sandbox.machine import Callback, SandboxRefund
from refundry.sandbox.over_httpx import SandboxTransport
from refundry.sandbox.providers import CREDENTIALS, TOKEN_CREDENTIALS, WEBHOOK_SECRETS
from refundry.sandbox.server import SandboxServer
from refundry.sandbox.simulator import Sandbox

__all__ = [
    "CREDENTIALS",
    "INTEGRATOR_ID",
    "TOKEN_CREDENTIALS",
    "WEBHOOK_SECRETS",
    "Callback",
    "Delivery",
    "Fault",
    "Receiver",
    "Reply",
    "Request",
    "Sandbox",
    "SandboxRefund",
    "SandboxServer",
    "SandboxTransport",
    "Violation",
]
