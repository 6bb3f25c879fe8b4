"""specs/<provider>/source.toml: where a contract comes from, and which hosts it may name.

| key | meaning | written by |
|---|---|---|
| `hosts` | the only hosts that the effective contract may name: servers, token addresses, absolute links | a person |
| `fetch` | where `nox -s update` reads the page: Markdown or raw OpenAPI; "by hand" where it cannot | a person |
| `operations` | the operations that are used, each as "POST /path" or by operationId; left out: all | a person |
| `address` | the page for people | ingest, from `--address` |
| `retrieved` | the day the page was taken | ingest |
| `kind` | "published": the page holds OpenAPI; "transcribed": openapi.yaml is written by hand, with evidence | ingest |
| `page_sha256` | hash of the page as published | ingest |
| `block_sha256` | hash of the OpenAPI block in the page; none where `kind` is "transcribed" | ingest |
| `contract_sha256` | hash of openapi.yaml | ingest |
| `used_sha256` | hash of used.yaml, which has the chosen operations; none where `operations` is left out | ingest |
| `other_lines` | short hashes of the lines of a transcribed page that no evidence names | ingest |

A client sends its credentials to a server that the contract names. So a page that changes a server changes nothing by
itself: the new host is refused until a person has added it to `hosts`.
"""

import datetime
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from scripts.contracts.errors import ContractError, one_line

BY_HAND = "by hand"
"""The value of `fetch` for a page that a site gives to browsers alone, or to those who are signed in."""

FILE = "source.toml"
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:[1-9][0-9]{0,4})?")
ADDRESS = re.compile(r"https://[^\s/@]+/\S+")
"""A full https address of a page."""
SHA256 = re.compile(r"[0-9a-f]{64}")
"""A sha256 as source.toml has it."""
_KINDS = ("published", "transcribed")
_BY_A_PERSON = f"""\
# Written by a person. Credentials go to no other host than these; `fetch` is where the page is read.
hosts = []
fetch = {json.dumps(BY_HAND)}

"""
_INGESTED = """\
# Written by `nox -s ingest`. The hashes are of the page as published, of the OpenAPI block in it, and of the
# openapi.yaml that was written from it, or of the one whose evidence was checked against it.
"""


@dataclass(frozen=True)
class Source:
    """The content of one source.toml. `fetch` is None where the page is taken by hand."""

    hosts: tuple[str, ...]
    fetch: str | None
    address: str
    retrieved: datetime.date
    kind: Literal["published", "transcribed"]
    page_sha256: str
    block_sha256: str | None
    contract_sha256: str
    other_lines: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()

    def allows(self, address: str) -> bool:
        """Whether an absolute address is https, has no user in it, and names one of the hosts.

        A host with a port other than 443 is listed with it: `api.example:8443`.
        """
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            return False
        host = f"{parts.hostname}:{port}" if port not in (None, 443) else f"{parts.hostname}"
        return parts.scheme == "https" and "@" not in parts.netloc and host in self.hosts


def read(folder: Path) -> Source:
    """Return what `folder`/source.toml says.

    Raises ContractError, with file, line and key, when the file or a key is missing, unknown or not what it must be.
    """
    path = folder / FILE
    text, raw = _raw(path)
    if raw is None:
        raise ContractError(f"{path}:1: no such file; run `nox -s ingest -- {folder.name} PAGE --address ADDRESS`")
    return _source(raw, _Places(path, text))


def known_hosts(folder: Path) -> frozenset[str]:
    """Return every host that `folder`/source.toml names: of the servers and of the pages. None where it has no file."""
    raw = recorded(folder)
    pages = (urlsplit(str(raw.get(key, ""))).netloc for key in ("address", "fetch"))
    return frozenset(host for host in (*map(str, raw.get("hosts", ())), *pages) if host)


def recorded(folder: Path) -> dict[str, Any]:
    """Return the keys of `folder`/source.toml unchecked, none when there is no file.

    Raises ContractError when it is no TOML.
    """
    return _raw(folder / FILE)[1] or {}


def operations(folder: Path) -> dict[str, str]:
    """Return each entry of `operations` with its place, as "file:line"; none where all operations are used.

    Raises ContractError when it is no list of texts.
    """
    path = folder / FILE
    content, raw = _raw(path)
    listed = _operations(raw or {}, _Places(path, content))
    lines = content.split("\n")
    first = next((number for number, line in enumerate(lines, 1) if re.match(r"operations\s*=", line)), 1)
    quoted = {
        each: next((n for n, line in enumerate(lines, 1) if n >= first and each in line), first) for each in listed
    }
    return {each: f"{path}:{line}" for each, line in quoted.items()}


def text(folder: Path, taken: Mapping[str, str | datetime.date | Sequence[str] | None]) -> str:
    """Return the text of `folder`/source.toml with the keys of ingest replaced by those that are not None.

    What a person wrote, which stands above them, stays as it is, comments too. A file that is not there yet begins
    with no host. Raises ContractError where the remark is gone that parts the two.
    """
    path = folder / FILE
    old, raw = _raw(path)
    by_a_person, marker, _ = old.partition(_INGESTED)
    if not marker and (mixed := sorted((raw or {}).keys() & taken.keys())):
        remark = _INGESTED.partition(".")[0]
        raise _Places(path, old).error(mixed[0], f"the remark `{remark}...` above it is gone", "restore the file")
    if not marker and raw:
        by_a_person = f"{old.rstrip()}\n\n"
    lines = (f"{key} = {_toml(value)}\n" for key, value in taken.items() if value)
    return (by_a_person or _BY_A_PERSON) + _INGESTED + "".join(lines)


def _toml(value: str | datetime.date | Sequence[str]) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else json.dumps(value)


@dataclass(frozen=True)
class _Places:
    """Names the line of a key in the text of a file."""

    path: Path
    text: str

    def error(self, key: str, problem: str, remedy: str) -> ContractError:
        line = next((n for n, line in enumerate(self.text.split("\n"), 1) if re.match(rf"{key}\s*=", line)), 1)
        return ContractError(f"{self.path}:{line}: {key}: {problem}; {remedy}")


def _raw(path: Path) -> tuple[str, dict[str, Any] | None]:
    try:
        content = path.read_text(encoding="utf-8")
        return content, tomllib.loads(content)
    except FileNotFoundError:
        return "", None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}:1: not TOML: {one_line(error)}; restore the file") from error


_HASHES = ("page_sha256", "block_sha256", "contract_sha256", "used_sha256")
INGESTED = ("address", "retrieved", "kind", *_HASHES, "other_lines")
"""The keys that ingest writes, in their order."""
_REQUIRED = ("hosts", "fetch", "address", "retrieved", "kind", "page_sha256", "contract_sha256")
_OPTIONAL = ("block_sha256", "operations", "other_lines", "used_sha256")


def _source(raw: Mapping[str, Any], places: _Places) -> Source:
    for key in _REQUIRED:
        if key not in raw:
            remedy = "add it by hand" if key in ("hosts", "fetch") else "run `nox -s ingest` on the page"
            raise places.error(key, "it is missing", remedy)
    if unknown := sorted(raw.keys() - {*_REQUIRED, *_OPTIONAL}):
        raise places.error(unknown[0], "unknown key", "remove it or mend its spelling")
    kind = raw["kind"]
    if kind not in _KINDS:
        raise places.error("kind", f"{kind!r} is no kind", f"write {' or '.join(map(repr, _KINDS))}")
    if type(raw["retrieved"]) is not datetime.date:
        raise places.error("retrieved", "it is no date", "write it as 2026-11-22")
    for key in _HASHES:
        if key in raw and not (isinstance(raw[key], str) and SHA256.fullmatch(raw[key])):
            raise places.error(key, "it is no sha256", "run `nox -s ingest` on the page")
    others = raw.get("other_lines", [])
    if not (isinstance(others, list) and all(isinstance(each, str) for each in others)):
        raise places.error("other_lines", "it is no list of texts", "run `nox -s ingest` on the page")
    return Source(
        hosts=_hosts(raw["hosts"], places),
        fetch=_fetch(raw["fetch"], places),
        address=_full_address("address", raw["address"], places),
        retrieved=raw["retrieved"],
        kind=kind,
        page_sha256=raw["page_sha256"],
        block_sha256=raw.get("block_sha256"),
        contract_sha256=raw["contract_sha256"],
        other_lines=tuple(others),
        operations=tuple(_operations(raw, places)),
    )


def _operations(raw: Mapping[str, Any], places: _Places) -> list[str]:
    listed = raw.get("operations", [])
    if not (isinstance(listed, list) and all(isinstance(each, str) and each.strip() for each in listed)):
        raise places.error("operations", "it is no list of texts", 'write `operations = ["POST /v1/refunds"]`')
    if "operations" in raw and not listed:
        raise places.error("operations", "it chooses none", "list one or more, or leave the key out to use all")
    if twice := [each for each in listed if listed.count(each) > 1]:
        raise places.error("operations", f"{twice[0]!r} is listed twice", "keep one")
    return listed


def _hosts(value: object, places: _Places) -> tuple[str, ...]:
    if not (isinstance(value, Sequence) and not isinstance(value, str)):
        raise places.error("hosts", "it is no list", 'write `hosts = ["api.provider.com"]`')
    for host in value:
        if not (isinstance(host, str) and _HOST.fullmatch(host)):
            remedy = "write the host alone, in lower case, without scheme and path"
            raise places.error("hosts", f"{host!r} is no host", remedy)
    return tuple(value)


def _fetch(value: object, places: _Places) -> str | None:
    return None if value == BY_HAND else _full_address("fetch", value, places, f", or {BY_HAND!r}")


def _full_address(key: str, value: object, places: _Places, otherwise: str = "") -> str:
    if not (isinstance(value, str) and ADDRESS.fullmatch(value)):
        raise places.error(key, f"{value!r} is no full https address", f"write https://host/path{otherwise}")
    return value
