"""Pages that publish a contract, and what taking one in writes."""

import datetime
from pathlib import Path
from typing import Any

from scripts.contracts import ingest
from scripts.contracts.document import parse

ADDRESS = "https://docs.example.com/returns"
INTRODUCTION = "# Give money back\n\nSome words about it.\n\n```bash\ncurl https://pay.example.com\n```\n\n"
TODAY = datetime.date(2026, 11, 22)


def page_of(block: str, info: str = "yaml POST /returns/{id}", fence: str = "````", indent: str = "") -> str:
    lines = [f"{fence}{info}", *block.splitlines(), fence]
    return INTRODUCTION + "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)


def taken(tmp_path: Path, page: str | bytes, *options: str, provider: str = "paybyrd") -> int:
    saved = tmp_path / "page.md"
    saved.write_bytes(page.encode() if isinstance(page, str) else page)
    return ingest.main([provider, str(saved), "--specs", str(tmp_path / "specs"), *options])


def ingested(tmp_path: Path, page: str | bytes, *options: str) -> tuple[bytes, bytes]:
    assert taken(tmp_path, page, "--address", ADDRESS, "--retrieved", TODAY.isoformat(), *options) == 0
    folder = tmp_path / "specs" / "paybyrd"
    return (folder / "openapi.yaml").read_bytes(), (folder / "source.toml").read_bytes()


def contract_of(written: bytes) -> Any:
    return parse(written.decode(), "openapi.yaml").data
