"""Opens the ledger that a URL names: a file of SQLite, or a database of PostgreSQL."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from refundry.errors import InvalidRefund
from refundry.ledger.database import DatabaseLedger

if TYPE_CHECKING:
    from refundry.clock import Clock

_LOG: Final = logging.getLogger("refundry")
_FORMS: Final = "sqlite:////var/lib/shop/refunds.db or postgresql://user:password@host/database"
# Their locks do not keep the processes of two machines apart: sqlite.org/howtocorrupt.html, 2.1.
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    [
        "9p",
        "afs",
        "afpfs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
        "virtiofs",
    ]
)


def opened(url: object, clock: Clock) -> DatabaseLedger:
    """The ledger of a URL. Nothing is connected yet. InvalidRefund, which shows no password, for an unfit one."""
    if not isinstance(url, str):
        raise InvalidRefund(f"ledger is a URL, such as {_FORMS}, not {type(url).__name__}", field="ledger")
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme == "sqlite":
        from refundry.ledger.sqlite import SqliteStore

        return DatabaseLedger(partial(SqliteStore, sqlite_path(url), clock), clock, is_quick=True)
    if scheme in ("postgresql", "postgres"):
        from refundry.ledger.postgres import PostgresStore, conninfo

        return DatabaseLedger(partial(PostgresStore, conninfo(url)), clock, is_quick=False)
    raise InvalidRefund(f"ledger is no URL of a ledger; there are {_FORMS}", field="ledger")


def sqlite_path(url: str) -> Path:
    """The file of a sqlite URL. InvalidRefund for one that cannot keep references for several processes."""
    path = url.removeprefix("sqlite://")
    if not path.startswith("/") or path in ("/", "/:memory:") or "?" in path or "#" in path:
        raise InvalidRefund(
            "the ledger is not a file of SQLite: write sqlite:/// and the path, such as "
            "sqlite:////var/lib/shop/refunds.db; a database in memory would end with the process",
            field="ledger",
        )
    given = Path(path[1:])
    file = given.absolute()
    if not given.is_absolute():
        _LOG.warning("the ledger is %s, by the present folder: give its whole path, or another start has another", file)
    if not file.parent.is_dir():
        raise InvalidRefund(f"the ledger {file} cannot be made: there is no folder {file.parent}", field="ledger")
    if file.is_dir():
        raise InvalidRefund(f"the ledger {file} is a folder; name a file in it", field="ledger")
    kind = _file_system_of(file.parent)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise InvalidRefund(
            f"the ledger {file} is on a file system of the network ({kind}), whose locks keep no two machines apart; "
            "use a disk of this machine, or postgresql://",
            field="ledger",
        )
    return file


def _file_system_of(folder: Path) -> str:
    """The kind of the file system of a folder, as Linux names it; "" elsewhere."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    real, found, kind = os.path.realpath(folder), "", ""
    for mount in mounts:  # man 5 proc_pid_mountinfo: the fifth field is where, the one after " - " is the kind
        before, _, after = mount.partition(" - ")
        at = before.split()[4].replace("\\040", " ")
        if len(at) >= len(found) and (real == at or real.startswith(at.rstrip("/") + "/")):
            found, kind = at, after.split()[0]
    return kind
