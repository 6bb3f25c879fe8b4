"""Which files a ledger may be, and how their URLs are written."""

import logging
import os
from pathlib import Path
from typing import Final

import pytest

from refundry import InvalidRefund
from refundry.ledger.opening import file_system_in
from tests.ledger.support import client_of, refunded, state

# As Linux writes them, from machines of several kinds.
MOUNTS: Final = r"""
22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
26 22 0:24 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,inode64
98 22 0:45 / /srv/shared rw,relatime shared:53 - nfs4 10.0.0.7:/export rw,vers=4.2,proto=tcp,sec=sys
99 98 259:3 / /srv/shared/local rw,relatime shared:54 - xfs /dev/nvme0n1p3 rw,attr2,inode64
120 22 0:52 / /mnt/with\040a\040blank rw,relatime - cifs //files/share rw,vers=3.1.1
121 22 0:53 / /mnt/back\134slash rw,relatime - fuse.sshfs shop@files:/ rw,user_id=0
130 22 0:60 / /mnt/over rw - nfs4 10.0.0.7:/export rw
131 22 259:4 / /mnt/over rw - ext4 /dev/nvme0n1p4 rw
571 540 0:98 / / rw,relatime master:227 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/d,workdir=/w
""".strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/refunds.db", "overlay"),
        ("/dev/shm/refunds.db", "tmpfs"),
        ("/srv/shared/refunds.db", "nfs4"),
        ("/srv/shared/local/refunds.db", "xfs"),
        ("/srv/shared-too/refunds.db", "overlay"),
        ("/mnt/with a blank/refunds.db", "cifs"),
        ("/mnt/back\\slash/refunds.db", "fuse.sshfs"),
        ("/mnt/over/refunds.db", "ext4"),
    ],
)
def test_the_file_system_of_a_path_is_the_one_that_is_mounted_nearest(path: str, kind: str) -> None:
    assert file_system_in(MOUNTS, path) == kind


def test_no_mounts_say_nothing() -> None:
    assert file_system_in("", "/var/lib/refunds.db") == ""


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "virtiofs"])
def test_a_file_system_of_the_network_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    monkeypatch.setattr("refundry.ledger.opening.file_system_in", lambda *_: kind)
    with pytest.raises(InvalidRefund, match=rf"file system of the network \({kind}\)") as raised:
        client_of(f"sqlite:///{tmp_path}/refunds.db")
    assert raised.value.field == "ledger"


def test_a_link_to_another_file_system_counts_as_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, str] = {}
    monkeypatch.setattr("refundry.ledger.opening.file_system_in", lambda _, path: asked.setdefault(path, "ext4"))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "refunds.db").symlink_to(folder / "kept.db")
    with client_of(f"sqlite:///{tmp_path}/refunds.db")[0]:
        assert [*asked] == [os.path.realpath(folder / "kept.db")]


def test_a_file_in_memory_is_advised_against(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("refundry.ledger.opening.file_system_in", lambda *_: "tmpfs")
    with caplog.at_level(logging.WARNING, "refundry"), client_of(f"sqlite:///{tmp_path}/refunds.db")[0]:
        assert f"{tmp_path}/refunds.db is in memory (tmpfs): a restart of the machine forgets" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///:memory:",
        "sqlite:///%3Amemory%3A",
        "sqlite:refunds.db",
        "sqlite://host/refunds.db",
        "sqlite:////tmp/refunds.db?mode=memory",
        "sqlite:////tmp/refunds.db#fragment",
        "sqlite:////tmp/refunds%00.db",
        "sqlite:////tmp/refunds.db\n",
        " sqlite:////tmp/refunds.db",
        "refunds.db",
        "",
        "mysql://user:hidden-word@host/database",
        "postgresql://user:hidden-word@host:not-a-port/database",
        "postgresql://user:hidden-word@host/database?no_such_parameter=1",
        "postgresql://user:hidden-word@host/database?connect_timeout=hidden-word",
        "postgresql://[user:hidden-word",
        7,
        b"sqlite:////tmp/refunds.db",
    ],
)
def test_an_unfit_url_is_refused_and_shows_no_password(url: str) -> None:
    with pytest.raises(InvalidRefund) as raised:
        client_of(url)
    assert raised.value.field == "ledger"
    error: BaseException | None = raised.value
    while error is not None:
        assert "hidden-word" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_a_folder_and_a_file_in_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRefund, match="is a folder; name a file in it"):
        client_of(f"sqlite:///{tmp_path}")
    with pytest.raises(InvalidRefund, match=f"there is no folder {tmp_path}/missing"):
        client_of(f"sqlite:///{tmp_path}/missing/refunds.db")


def test_a_relative_path_is_resolved_shown_and_advised_against(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING, "refundry"), client_of("sqlite:///refunds.db")[0] as client:
        monkeypatch.chdir("/")
        refunded(client)
    assert f"the ledger is {tmp_path}/refunds.db, by the present folder: give its whole path" in caplog.text
    assert (tmp_path / "refunds.db").stat().st_size > 0


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("with a blank.db", "with a blank.db"),
        ("with%20a%20blank.db", "with a blank.db"),
        ("what%3F%23.db", "what?#.db"),
        ("100%25.db", "100%.db"),
        ("100%.db", "100%.db"),
        ("Rückzahlung.db", "Rückzahlung.db"),
        ("R%C3%BCck.db", "Rück.db"),
        ("no-utf-8%FF.db", "no-utf-8\udcff.db"),
        ("it's;a.db", "it's;a.db"),
    ],
)
def test_a_percent_sign_and_two_digits_stand_for_a_byte(tmp_path: Path, written: str, name: str) -> None:
    url = f"sqlite:///{tmp_path}/{written}"
    with client_of(url)[0] as client:
        refunded(client)
    with client_of(url)[0] as client:
        assert state(client) == "accepted"
    assert name in os.listdir(tmp_path)  # noqa: PTH208 (pathlib shows the name in another form)
