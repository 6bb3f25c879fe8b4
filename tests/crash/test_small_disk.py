"""A ledger of SQLite on a file system that becomes full."""

import json
from typing import Any

from tests.crash.support import Shop
from tests.databases.disk import SmallDisk

SCRIPT = """
import json, os, pathlib, sqlite3, sys
from tests.crash.support import client, refund

folder, base_url = sys.argv[1:]
path, filler = pathlib.Path(folder, "refunds.db"), pathlib.Path(folder, "filler")
told = {}


def fill():
    with open(filler, "ab", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def outcome(refunding, reference):
    found = refund(refunding, reference)
    told[reference] = [type(found).__name__, found.recorded, str(getattr(found, "__cause__", ""))]


if os.environ.get("FILL_WHILE_SENDING"):
    # The provider's process cannot see this file system, so the transport of this one fills it.
    from refundry.transport.sync import HttpTransport

    send = HttpTransport.send

    def sending(self, request, timeout):
        answer = send(self, request, timeout)
        if request.target.endswith("/refunds") and "during" in request.body.decode():
            fill()
        return answer

    HttpTransport.send = sending

with client(base_url, f"sqlite:///{path}") as refunding:
    for number in range(20):
        outcome(refunding, f"before-{number}")
    if os.environ.get("FILL_WHILE_SENDING"):
        for number in range(100):  # until a page was free for the reservation, and none is for the outcome
            filler.unlink(missing_ok=True)
            outcome(refunding, f"during-{number}")
            if told[f"during-{number}"][:2] == ["Refund", False]:
                break
        told["number"] = number
    else:
        fill()
        number = 0
        # What is left of the last page may take a few more; then nothing is sent.
        while number < 2000 and told.get(f"full-{number - 1}", [""])[0] != "NotSent":
            outcome(refunding, f"full-{number}")
            number += 1
        for last in range(number, number + 5):
            outcome(refunding, f"full-{last}")
    with sqlite3.connect(path) as beside:
        told["check while full"] = beside.execute("PRAGMA integrity_check").fetchone()[0]
    filler.unlink()
    outcome(refunding, "after")
    states = {}
    for reference in told:
        entry = refunding.ledger.find("blink", reference)
        states[reference] = None if entry is None else entry.state
with sqlite3.connect(path) as beside:
    told["check"] = beside.execute("PRAGMA integrity_check").fetchone()[0]
print(json.dumps([told, states]))
"""


def ran(small_disk: SmallDisk, shop_url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    done = small_disk.run(SCRIPT, shop_url)
    assert done.returncode == 0, done.stderr
    told, states = json.loads(done.stdout)
    assert (told.pop("check while full"), told.pop("check")) == ("ok", "ok")
    return told, states


def test_on_a_full_disk_nothing_is_sent_and_what_was_recorded_stays(
    small_disk: SmallDisk, shop: Shop, shop_url: str
) -> None:
    told, states = ran(small_disk, shop_url)
    executed = shop.executed()
    refused = [reference for reference, (kind, *_) in told.items() if kind == "NotSent"]
    assert len(refused) >= 5
    for reference in refused:
        assert "disk is full" in told[reference][2]
        assert (executed[reference], states[reference]) in [(0, None), (0, "free")]
    for reference in set(told) - set(refused):
        assert told[reference][0] == "Refund"
        assert executed[reference] == 1
        assert states[reference] == "accepted" or not told[reference][1]
    assert told["after"] == ["Refund", True, ""]


def test_an_outcome_that_a_full_disk_does_not_take_is_given_all_the_same(
    small_disk: SmallDisk, shop: Shop, shop_url: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("FILL_WHILE_SENDING", "yes")
    told, states = ran(small_disk, shop_url)
    reference = f"during-{told.pop('number')}"
    assert told[reference] == ["Refund", False, ""]
    assert shop.executed()[reference] == 1
    assert max(shop.executed().values()) == 1
    # The process has the outcome still, and writes it down once there is room.
    assert states[reference] == "accepted"
    assert told["after"] == ["Refund", True, ""]
