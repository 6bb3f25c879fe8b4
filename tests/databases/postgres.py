"""PostgreSQL, run from Debian's programs."""

import itertools
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

import psycopg
from psycopg import sql

from tests.databases.daemon import PASSWORD, SECONDS, USER, Daemon
from tests.databases.programs import program

PACKAGE: Final = "postgresql"
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "shared_buffers": "16MB",
    "max_wal_size": "128MB",
    "dynamic_shared_memory_type": "mmap",  # in its folder, so that a killed server leaves nothing outside it
    "jit": "off",
    "timezone": "UTC",
}


class PostgresServer(Daemon):
    """A PostgreSQL server, as a context manager. `url(database)` leads to one of its databases.

    `settings` go over its usual ones. Both they and `standby` may be changed while it is stopped. A standby is one
    without a primary: it stays in recovery, and may only be read.
    """

    ends_at: ClassVar[signal.Signals] = signal.SIGINT  # a fast shutdown: it waits for no client

    def __init__(
        self, settings: Mapping[str, str] | None = None, *, standby: bool = False, parent: Path | None = None
    ) -> None:
        super().__init__(parent)
        self.settings: dict[str, str] = dict(settings or {})
        self.standby = standby
        self._initdb = program("initdb", PACKAGE)
        self._postgres = program("postgres", PACKAGE)
        self._numbers = itertools.count(1)

    def prepare(self) -> None:
        """Make its data folder."""
        password = self.write("password", PASSWORD)
        self.run(
            *(self._initdb, "--pgdata=data", f"--username={USER}", f"--pwfile={password}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
        )

    def command(self) -> list[str]:
        """Return the command for its port."""
        settings = {**_SETTINGS, **self.settings, "port": str(self.port)}
        given = (("-c", f"{name}={value}") for name, value in settings.items())
        return [self._postgres, "-D", "data", *itertools.chain.from_iterable(given)]

    def start(self) -> None:
        """Start it, and return when it takes connections. Raises RuntimeError with its log where it never does."""
        if self.standby:
            self.write("data/standby.signal", "")
        else:
            (self.folder / "data" / "standby.signal").unlink(missing_ok=True)
        super().start()

    def close(self) -> None:
        """End the server, and remove what it has left."""
        self.stop()
        if memory := self.shared_memory():  # a crash has left it behind
            subprocess.run(
                [program("ipcrm", "util-linux"), "--shmem-id", str(memory)],
                timeout=SECONDS,
                check=False,
                capture_output=True,
            )
        super().close()

    def shared_memory(self) -> int | None:
        """Return the id of its System V shared memory; None where it has ended in order."""
        with suppress(FileNotFoundError, IndexError):
            lines = (self.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return int(lines[6].split()[1])  # by pidfile.h: the key and the id
        return None

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection in autocommit. Use it as a context manager."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=int(SECONDS))

    def create_database(self) -> str:
        """Make an empty database, and return its name."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, and end its connections."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
