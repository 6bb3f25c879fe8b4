"""source.toml says where a contract comes from; the hosts in it are a person's, and ingest leaves them as they are."""

import datetime
from pathlib import Path

import pytest

from scripts.contracts import sources
from scripts.contracts.contract import effective
from scripts.contracts.errors import ContractError
from scripts.contracts.pointers import members
from scripts.contracts.providers import PROVIDERS, SPECS

HASH = "0" * 64
COMPLETE = f"""\
# A person's words.
hosts = ["pay.example.com", "pay.example.com:8443"]
fetch = "https://docs.example.com/returns.md"

# Written by `nox -s ingest`. The hashes are of the page as published, of the OpenAPI block in it, and of the
# openapi.yaml that was written from it, or of the one whose evidence was checked against it.
address = "https://docs.example.com/returns"
retrieved = 2026-11-22
kind = "published"
page_sha256 = "{HASH}"
block_sha256 = "{HASH}"
contract_sha256 = "{HASH}"
"""


def written(folder: Path, text: str = COMPLETE) -> Path:
    (folder / "source.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_source_is_read_as_it_stands(tmp_path: Path) -> None:
    source = sources.read(written(tmp_path))
    assert source == sources.Source(
        hosts=("pay.example.com", "pay.example.com:8443"),
        fetch="https://docs.example.com/returns.md",
        address="https://docs.example.com/returns",
        retrieved=datetime.date(2026, 11, 22),
        kind="published",
        page_sha256=HASH,
        block_sha256=HASH,
        contract_sha256=HASH,
    )


def test_a_page_that_is_taken_by_hand_has_no_address_to_fetch(tmp_path: Path) -> None:
    text = COMPLETE.replace('"https://docs.example.com/returns.md"', '"by hand"')
    assert sources.read(written(tmp_path, text)).fetch is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('hosts = ["pay.example.com", "pay.example.com:8443"]\n', "", "1: hosts: it is missing; add it by hand"),
        ('["pay.example.com", ', '["https://pay.example.com", ', "2: hosts: 'https://pay.example.com' is no host; "),
        ('["pay.example.com", ', '["Pay.example.com", ', "2: hosts: 'Pay.example.com' is no host; "),
        ('["pay.example.com", ', '["*.example.com", ', "2: hosts: '*.example.com' is no host; "),
        ('["pay.example.com", "pay.example.com:8443"]', '"pay.example.com"', "2: hosts: it is no list; "),
        ("https://docs.example.com/returns.md", "http://docs.example.com/x", "3: fetch: 'http://docs.example.com/x' "),
        ("https://docs.example.com/returns.md", "by-hand", "3: fetch: 'by-hand' is no full https address; "),
        ('kind = "published"', 'kind = "copied"', "9: kind: 'copied' is no kind; write 'published' or 'transcribed'"),
        ("2026-11-22", '"2026-11-22"', "8: retrieved: it is no date; "),
        (f'block_sha256 = "{HASH}"', 'block_sha256 = "0"', "11: block_sha256: it is no sha256; "),
        ("# A person's words.", "host = 1", "1: host: unknown key; remove it or mend its spelling"),
        ('address = "https://docs.example.com/returns"\n', "", "1: address: it is missing; run `nox -s ingest`"),
        ("# A person's words.", "=", "1: not TOML: "),
    ],
)
def test_a_key_that_is_not_what_it_must_be_is_named_with_its_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in COMPLETE
    with pytest.raises(ContractError) as raised:
        sources.read(written(tmp_path, COMPLETE.replace(old, new)))
    assert str(raised.value).startswith(f"{tmp_path}/source.toml:{message}")


def test_a_provider_without_a_source_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no such file; run `nox -s ingest -- blink PAGE --address ADDRESS`"):
        sources.read(tmp_path / "blink")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://pay.example.com", True),
        ("https://PAY.example.com/v1", True),
        ("https://pay.example.com:443/v1", True),
        ("https://pay.example.com:8443", True),
        ("https://pay.example.com:9443", False),
        ("http://pay.example.com", False),
        ("https://pay.example.com@elsewhere.example", False),
        ("https://user@pay.example.com", False),
        ("https://pay.example.com.elsewhere.example", False),
        ("https://sub.pay.example.com", False),
        ("//pay.example.com", False),
        ("https://pay.example.com:port", False),
        ("https://{host}", False),
    ],
)
def test_an_address_is_allowed_where_its_host_is_listed(address: str, allowed: bool, tmp_path: Path) -> None:
    assert sources.read(written(tmp_path)).allows(address) is allowed


def test_ingest_replaces_its_own_keys_and_leaves_those_of_a_person(tmp_path: Path) -> None:
    source = sources.text(written(tmp_path), {"address": "https://docs.example.com/other", "block_sha256": None})
    assert source.startswith(COMPLETE.partition("address")[0])
    assert source.endswith('address = "https://docs.example.com/other"\n')
    assert "block_sha256" not in source


def test_a_new_source_names_no_host(tmp_path: Path) -> None:
    written(tmp_path, sources.text(tmp_path, {"address": "https://docs.example.com/other"}))
    assert sources.recorded(tmp_path) == {
        "hosts": [],
        "fetch": "by hand",
        "address": "https://docs.example.com/other",
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_hosts_of_a_committed_contract_are_those_of_its_servers(provider: str) -> None:
    source, contract = sources.read(SPECS / provider), effective(provider)
    servers = [server["url"] for server in contract["servers"]]
    assert all(map(source.allows, servers))
    assert len(source.hosts) == len(servers)
    tokens = [value for _, key, value in members(contract) if key in ("tokenUrl", "authorizationUrl", "refreshUrl")]
    assert all(map(source.allows, tokens))
