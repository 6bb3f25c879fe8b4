"""pgbouncer in front of a PostgreSQL server, run from Debian's programs."""

from collections.abc import Mapping

from tests.databases.daemon import PASSWORD, USER, Daemon
from tests.databases.postgres import PostgresServer
from tests.databases.programs import program


class PgBouncer(Daemon):
    """pgbouncer in transaction mode, as a context manager: a connection to the server is held for one transaction.

    `pool_size` is how many connections to one database it opens. `settings` go over its usual ones. It knows
    the server's own user, and those of `users`, from name to password.
    """

    def __init__(
        self,
        server: PostgresServer,
        pool_size: int = 4,
        settings: Mapping[str, str] | None = None,
        *,
        users: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.settings: dict[str, str] = {
            "pool_mode": "transaction",
            "default_pool_size": str(pool_size),
            "max_client_conn": "500",
            "server_login_retry": "1",  # seconds, after the server was away
            **(settings or {}),
        }
        self._server = server
        self._users = {USER: PASSWORD, **(users or {})}
        self._program = program("pgbouncer", "pgbouncer")

    def prepare(self) -> None:
        """Write its list of users."""
        self.write("users", "".join(f'"{user}" "{password}"\n' for user, password in self._users.items()))

    def command(self) -> list[str]:
        """Write its configuration, and return the command."""
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(self.folder / "users"),
            **self.settings,
        }
        lines = ["[databases]", f"* = host=127.0.0.1 port={self._server.port}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        return [self._program, str(self.write("pgbouncer.ini", "\n".join(lines) + "\n"))]
