"""A worker: takes references, refunds each, and logs what it was told. It is killed at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import uvloop

from refundry import AsyncRefundClient, Refund, RefundClient, RefundError
from scripts.crash.plan import CallLine, Kind, Setting, Told, Wish

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND


class Log:
    """A file with a line before each call and one after it. What was written stays when the process is killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, _NEW, 0o600)

    def began(self, wish: Wish) -> float:
        """Note that a call begins."""
        now = time.time()
        self._write({"reference": wish.reference, "began": now})
        return now

    def ended(self, wish: Wish, began: float, told: Told) -> None:
        """Note what a call has told."""
        self._write({"reference": wish.reference, "began": began, "ended": time.time(), "told": told._asdict()})

    def _write(self, values: dict[str, Any]) -> None:
        os.write(self._file, f"{json.dumps(values)}\n".encode())


def read_log(path: Path) -> list[CallLine]:
    """The calls of a log. A last line that was cut off is none."""
    calls: dict[tuple[str, float], CallLine] = {}
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        values = json.loads(line)
        call = calls.setdefault((values["reference"], values["began"]), CallLine(values["reference"], values["began"]))
        if "told" in values:
            call.ended, call.told = values["ended"], Told(**values["told"])
    return [*calls.values()]


def work(setting: Setting, kind: Kind, base_url: str, log: Path, connection: Connection) -> None:
    """Refund what the connection names until it names None. Sends back each wish with what was told."""
    client = setting.client(setting.ledger, base_url, kind)
    connection.send(None)  # it is ready
    if isinstance(client, AsyncRefundClient):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if kind is Kind.UVLOOP else None) as runner:
            runner.run(_work_in_loop(client, Log(log), connection))
    else:
        with client:
            _work_in_threads(client, kind, Log(log), connection)


def _work_in_threads(client: RefundClient, kind: Kind, log: Log, connection: Connection) -> None:
    receiving, sending = threading.Lock(), threading.Lock()

    def loop() -> None:
        while True:
            with receiving:
                wish = None if ended.is_set() else _next(connection)
                if wish is None:
                    ended.set()
                    return
            began = log.began(wish)
            told = _told_by(client, wish)
            log.ended(wish, began, told)
            with sending:
                connection.send((wish, told))

    ended = threading.Event()
    threads = [threading.Thread(target=loop) for _ in range(kind.at_once - 1)]
    for thread in threads:
        thread.start()
    loop()
    for thread in threads:
        thread.join()


async def _work_in_loop(client: AsyncRefundClient, log: Log, connection: Connection) -> None:
    async def one(wish: Wish) -> None:
        began = log.began(wish)
        try:
            told = _told(await client.refund(**_arguments(wish)))
        except RefundError as error:
            told = _told(error)
        log.ended(wish, began, told)
        connection.send((wish, told))

    def receive() -> None:
        wish = _next(connection)
        if wish is None:
            loop.remove_reader(connection.fileno())
            ended.set()
        else:
            tasks.add(task := loop.create_task(one(wish)))
            task.add_done_callback(tasks.discard)

    loop, ended, tasks = asyncio.get_running_loop(), asyncio.Event(), set[asyncio.Task[None]]()
    async with client:
        loop.add_reader(connection.fileno(), receive)
        await ended.wait()
        await asyncio.gather(*tasks)


def _next(connection: Connection) -> Wish | None:
    """The next refund; None where there is none, or nobody to name one."""
    try:
        wish: Wish | None = connection.recv()
    except EOFError:
        return None
    return wish


def _arguments(wish: Wish) -> dict[str, Any]:
    return {
        "provider": wish.provider,
        "payment_id": wish.payment_id,
        "amount": wish.amount,
        "reference": wish.reference,
    }


def _told_by(client: RefundClient, wish: Wish) -> Told:
    try:
        return _told(client.refund(**_arguments(wish)))
    except RefundError as error:
        return _told(error)


def _told(outcome: Refund | RefundError) -> Told:
    if isinstance(outcome, Refund):
        return Told(outcome.status.name, None, outcome.replayed, outcome.recorded)
    return Told(type(outcome).__name__, outcome.resend.name, False, outcome.recorded, str(outcome))
