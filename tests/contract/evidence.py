"""The outcomes that a reply proves, by the providers' documents alone."""

from refundry import WireReply
from tests.providers import RECORDS
from tests.providers.evidence import UNKNOWN, body_of
from tests.providers.record import Call


def results(call: Call, reply: WireReply) -> frozenset[str]:
    """Return the outcomes that a client may give for this reply to this call; several where the documents allow them.

    The name of a refund's status means a Refund, any other name the exception of that name.
    """
    if not reply.complete:
        return UNKNOWN
    return RECORDS[call.provider].contract.evidence(call, reply, body_of(reply.body))
