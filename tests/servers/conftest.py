"""The certificate of the servers, which the clients trust, and a report of the servers that are missing here."""

import os
import ssl
from pathlib import Path

import pytest
import trustme

from tests.servers.running import HAS_NODE, Setting


def pytest_report_header() -> list[str]:
    """Print which servers are left out."""
    return [] if HAS_NODE else ["servers: Node is not installed, and its http and https are LEFT OUT"]


@pytest.fixture(autouse=True)
def _environment_of_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return an authority that only a test with `trusting` trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the authority in a file, for the process of a client."""
    path = tmp_path_factory.mktemp("trusted") / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts the authority."""
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return made


@pytest.fixture
def setting(tmp_path: Path, authority: trustme.CA) -> Setting:
    """The setup of a server."""
    return _setting(tmp_path, authority)


@pytest.fixture
def impatient(tmp_path: Path, authority: trustme.CA) -> Setting:
    """The setup of a server that closes an idle connection soon."""
    return _setting(tmp_path, authority, keep_alive=2)


@pytest.fixture(scope="module")
def module_setting(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Setting:
    """The setup of a server for all tests of a file."""
    return _setting(tmp_path_factory.mktemp("server"), authority)


def _setting(folder: Path, authority: trustme.CA, keep_alive: int = 5) -> Setting:
    certificate = folder / "server.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    return Setting(folder, certificate, keep_alive)
