"""The small disk is full after its size, and only what runs on it can see it."""

import pytest

from tests.databases import disk
from tests.databases.disk import SmallDisk

FILL = """
import errno, os, pathlib, sys
import refundry
written = 0
with open(pathlib.Path(sys.argv[1], "file"), "wb", buffering=0) as file:
    try:
        while True:
            written += file.write(bytes(1024))
    except OSError as error:
        print(written, errno.errorcode[error.errno], os.geteuid(), sys.argv[2])
"""


def test_a_full_disk_is_full(small_disk: SmallDisk) -> None:
    done = small_disk.run(FILL, "argument")
    assert done.returncode == 0, done.stderr
    written, reason, _, argument = done.stdout.split()
    assert (int(written), reason, argument) == (small_disk.size, "ENOSPC", "argument")
    assert [*small_disk.folder.iterdir()] == []


def test_a_script_on_a_small_disk_is_bounded_in_time(small_disk: SmallDisk) -> None:
    assert small_disk.run("import time; time.sleep(60)", seconds=0.5).returncode != 0


def test_where_nothing_mounts_it_each_way_that_was_tried_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    disk._way.cache_clear()
    monkeypatch.setattr(disk, "WAYS", (disk.Way(("no-such-program",)), disk.Way(("false",))))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"run the tests as root\. Tried: no-such-program: .*; false: exit"):
        disk._way()
