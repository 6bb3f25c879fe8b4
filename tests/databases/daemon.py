"""A server in a process of its own: started, stopped, killed, frozen, and started again. Linux only."""

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final, Self

import psycopg

from tests.servers.running import free_port

SECONDS: Final = 30.0
"""The longest that a server may take to start or to end."""
USER: Final = "refundry"
PASSWORD: Final = "of-a-test"
"""Made up: of a server on loopback that lives as long as the tests."""
_ATTEMPTS: Final = 3
_SHOWN: Final = 4000
_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 2**30
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
# PostgreSQL and pgbouncer refuse to run as root: what root starts runs as this user and group.
_USER, _GROUP = ("nobody", "nogroup") if os.geteuid() == 0 else (None, None)
_GROUPS: Final[list[str] | None] = [] if os.geteuid() == 0 else None


class Daemon(ABC):
    """A server on loopback, in a folder of its own. Use it as a context manager: it runs until the block ends.

    Its port stays the same when it is started again. Its folder is made in `parent`, which its user has to reach; by
    default it is in memory, where there is room: a new database is some hundreds of files. Memory outlasts a killed
    process as a disk does. What measures speed gives a folder on a disk.
    """

    ends_at: ClassVar[signal.Signals] = signal.SIGTERM
    """The signal at which it ends at once, in order."""

    def __init__(self, parent: Path | None = None) -> None:
        self.parent = parent or _in_memory()
        self.port = 0
        self.folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Write what the server needs into its folder. Called once, before the first start."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command for its port."""

    def __enter__(self) -> Self:
        # No folder of pytest's: those are closed to other users.
        self.folder = Path(tempfile.mkdtemp(prefix="refundry-", dir=self.parent))
        try:
            self._give_away(self.folder)
            self.prepare()
            self._start_on_a_free_port()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server, and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    def _start_on_a_free_port(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = free_port()
            try:
                return self.start()
            except RuntimeError as error:  # another process may have taken the port meanwhile
                if attempt == _ATTEMPTS or "already in use" not in str(error):
                    raise
        return None

    @property
    def pid(self) -> int:
        """The id of the process that listens. Raises RuntimeError where it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("the server does not run: it has ended, and was not started again")
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file of its log, over all of its starts."""
        return self.folder / "log"

    def url(self, database: str = "postgres", user: str = USER, password: str = PASSWORD) -> str:
        """Return the URL of a database, for psycopg and for a ledger."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and return when it takes connections. Raises RuntimeError with its log where it never does."""
        if self._process is not None:
            raise RuntimeError("the server runs already")
        with self.log.open("ab") as output:
            # In the process group of the tests: what ends that group by force ends the server too.
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=_USER,
                group=_GROUP,
                extra_groups=_GROUPS,
            )
        until = time.monotonic() + SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"{self.command()[0]} did not start: {self._tail()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order; kill it where that takes too long. Does nothing where it does not run."""
        if self._process is None:
            return
        self._process.send_signal(self.ends_at)
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill it and its children at once, as a crash does, and return when the last of them is gone."""
        family = self._frozen_family()
        with ExitStack() as stack:
            handles = []
            for pid in family:
                with suppress(ProcessLookupError):
                    handles.append(os.pidfd_open(pid))
                    stack.callback(os.close, handles[-1])
                    signal.pidfd_send_signal(handles[-1], signal.SIGKILL)
            until = time.monotonic() + SECONDS
            for handle in handles:
                if not select.select([handle], [], [], max(until - time.monotonic(), 0))[0]:
                    raise RuntimeError(f"a killed process is still there after {SECONDS:.0f} s: {family}")
        if self._process is not None:
            self._process.wait(SECONDS)
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of it within the block: connections stay open, and nothing answers."""
        family = self._frozen_family()
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def answers(self) -> bool:
        """Return whether it takes a connection and logs its user in."""
        try:
            with psycopg.connect(self.url(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def run(self, *command: str) -> None:
        """Run a program in its folder as its user. Raises RuntimeError with the output where it fails."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            user=_USER,
            group=_GROUP,
            extra_groups=_GROUPS,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")

    def write(self, name: str, text: str) -> Path:
        """Write a file of its folder, which its user alone may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        self._give_away(path)
        return path

    def _frozen_family(self) -> list[int]:
        """Stop the process that listens, so that it starts no other one, and return its id with its children's."""
        parent = self.pid
        os.kill(parent, signal.SIGSTOP)
        until = time.monotonic() + SECONDS
        while _state_and_parent(parent)[0] not in "TZ":
            if time.monotonic() > until:
                raise RuntimeError(f"process {parent} does not stop: {self._tail()}")
            time.sleep(0.001)
        others = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return [parent, *(pid for pid in others if _state_and_parent(pid)[1] == parent)]

    def _tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-_SHOWN:]

    def _give_away(self, path: Path) -> None:
        if _USER and _GROUP:
            shutil.chown(path, _USER, _GROUP)


def _in_memory() -> Path | None:
    """Return the folder of a file system in memory; None where there is none with room."""
    usable = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    return _MEMORY if usable else None


def _state_and_parent(pid: int) -> tuple[str, int]:
    """Return the state of a process and the id of its parent, by proc_pid_stat(5); ("Z", 0) where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "Z", 0
    state, parent, *_ = text.rpartition(")")[2].split()
    return state, int(parent)
