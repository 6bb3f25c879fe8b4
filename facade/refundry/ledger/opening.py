"""Opens the ledger that a URL names: a file of SQLite, or a database of PostgreSQL."""

from __future__ import annotations

import logging
import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes, urlsplit

from refundry.errors import InvalidRefund
from refundry.ledger.database import DatabaseLedger

if TYPE_CHECKING:
    from refundry.clock import Clock

_LOG: Final = logging.getLogger("refundry")
_FORMS: Final = "sqlite:////var/lib/shop/refunds.db or postgresql://user:password@host/database"
# Their locks do not keep the processes of two machines apart: sqlite.org/howtocorrupt.html, 2.1.
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    [
        *("9p", "afs", "auristorfs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"),
        *("fuse.blobfuse", "fuse.blobfuse2", "fuse.ceph", "fuse.ceph-fuse", "fuse.davfs2", "fuse.gcsfuse"),
        *("fuse.glusterfs", "fuse.goofys", "fuse.juicefs", "fuse.mount-s3", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
        *("fuse.vmhgfs-fuse",),
    ]
)
_IN_MEMORY: Final = frozenset(["ramfs", "tmpfs"])


def opened(url: object, clock: Clock) -> DatabaseLedger:
    """The ledger of a URL. Nothing is connected yet. InvalidRefund, which shows no password, for an unfit one."""
    if not isinstance(url, str):
        raise InvalidRefund(f"ledger is a URL, such as {_FORMS}, not {type(url).__name__}", field="ledger")
    if url != url.strip() or not url.isprintable():
        raise InvalidRefund("ledger has a line break, a blank at an end, or another such character", field="ledger")
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme == "sqlite":
        from refundry.ledger.sqlite import SqliteFile, SqliteStore

        return DatabaseLedger(partial(SqliteStore, SqliteFile(sqlite_path(url)), clock), clock, is_quick=True)
    if scheme in ("postgresql", "postgres"):
        from refundry.ledger.postgres import PostgresStore, conninfo

        return DatabaseLedger(partial(PostgresStore, conninfo(url)), clock, is_quick=False)
    raise InvalidRefund(f"ledger is no URL of a ledger; there are {_FORMS}", field="ledger")


def sqlite_path(url: str) -> Path:
    """The file of a sqlite URL. InvalidRefund for one that cannot keep references for several processes.

    As in every URL, a percent sign and two digits stand for a byte: %23 for #, %25 for the sign itself.
    """
    path = url.removeprefix("sqlite://")
    name = os.fsdecode(unquote_to_bytes(path[1:]))
    if not path.startswith("/") or name in ("", "/", ":memory:") or "?" in path or "#" in path or "\0" in name:
        raise InvalidRefund(
            "the ledger is not a file of SQLite: write sqlite:/// and the path, such as "
            "sqlite:////var/lib/shop/refunds.db, with %3F for ? and %23 for #; a database in memory would end with the "
            "process",
            field="ledger",
        )
    given = Path(name)
    file = given.absolute()
    if not given.is_absolute():
        _LOG.warning("the ledger is %s, by the present folder: give its whole path, or another start has another", file)
    if not _is_folder(file.parent):
        raise InvalidRefund(f"the ledger {file} cannot be made: there is no folder {file.parent}", field="ledger")
    if _is_folder(file):
        raise InvalidRefund(f"the ledger {file} is a folder; name a file in it", field="ledger")
    kind = _file_system_of(file)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise InvalidRefund(
            f"the ledger {file} is on a file system of the network ({kind}), whose locks keep no two machines apart; "
            "use a disk of this machine, or postgresql://",
            field="ledger",
        )
    if kind in _IN_MEMORY:
        _LOG.warning("the ledger %s is in memory (%s): a restart of the machine forgets every refund", file, kind)
    return file


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a folder above it is closed to this user
        return False


def _file_system_of(file: Path) -> str:
    """The kind of the file system of a file, as Linux names it; "" elsewhere."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    return file_system_in(mounts, os.path.realpath(file))


def file_system_in(mounts: str, path: str) -> str:
    """The kind of the file system that has a path, by the text of mountinfo; "" where none has.

    The fifth field says where it is mounted, the one after " - " is its kind: proc_pid_mountinfo(5). Of two at one
    place, the later one lies over the other.
    """
    found, kind = "", ""
    for mount in mounts.splitlines():
        before, _, after = mount.partition(" - ")
        at = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), before.split()[4])
        if len(at) >= len(found) and (path == at or path.startswith(at.rstrip("/") + "/")):
            found, kind = at, after.split()[0]
    return kind
