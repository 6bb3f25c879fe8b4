"""`nox -s new-provider`: a provider's document becomes a contract, a package, and skeletons with marked decisions."""

from __future__ import annotations

import argparse
import json
import keyword
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from scripts.contracts import ingest, proposal, slices, workspace
from scripts.contracts.document import Document, load, parse
from scripts.contracts.errors import ContractError, exit_code, local
from scripts.contracts.fetch import NotSeen, fetch
from scripts.contracts.openapi import operations
from scripts.contracts.providers import PROVIDERS, carried_contract, package_name
from scripts.contracts.sources import BY_HAND
from scripts.files import ROOT
from scripts.new_provider import places, skeletons
from scripts.new_provider.decisions import MARK, open_decisions, own_files
from scripts.new_provider.subject import Subject

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SECONDS = 600


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command on the project at `root`; return its exit code."""
    given = _parser().parse_args(arguments)
    return exit_code(lambda: _run(given, root), "nothing was written")


def _run(given: argparse.Namespace, root: Path) -> int:
    if given.page is None:
        return _list(given.name, root)
    _refuse_name(given.name, root)
    page, place = _page(given.page)
    address = given.address or (place if "://" in place else None)
    if address is None:
        raise ContractError("--address: it is missing; give the https address of the page for people")
    with workspace.locked(root):
        workspace.finish(root)
        with workspace.copied(root) as copy:
            copy.refuse_other_code()
            _say("reading the document")
            _write_contract(given, copy.root, page, place, address)
            _say("generating the package")
            _step(copy, "-m", "scripts.packages.generate", "--provider", given.name)
            contract = json.loads((copy.root / carried_contract(given.name)).read_bytes())
            subject = Subject(given.name, contract, copy.root / "generated" / package_name(given.name))
            own = skeletons.files(subject)
            changed = {**own, **places.edited(copy.root, given.name, subject.class_name), **_news(subject)}
            for path, text in changed.items():
                (copy.root / path).parent.mkdir(parents=True, exist_ok=True)
                (copy.root / path).write_text(text, encoding="utf-8")
            python = [path for path in changed if path.endswith(".py")]
            _step(copy, "-m", "ruff", "check", "--fix", "--quiet", *python, codes=(0, 1))
            _step(copy, "-m", "ruff", "format", "--quiet", *python)
            workspace.move_in(root, copy.before, copy.changes())
    return _list(given.name, root)


def _refuse_name(name: str, root: Path) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ContractError(f"{name}: it is no name of a provider; write it like `acme` or `acme_v3`")
    taken = [path for path in own_files(name) if (root / path).exists()]
    if taken:
        known = "it is a provider already" if name in PROVIDERS else f"{taken[0]} is there already"
        raise ContractError(f"{name}: {known}; choose another name, such as {name}_v2")


def _page(place: str) -> tuple[bytes, str]:
    if "://" not in place:
        return ingest.read_page(Path(place)), place
    try:
        return fetch(place), place
    except NotSeen as error:
        raise ContractError(str(error)) from error


def _write_contract(given: argparse.Namespace, root: Path, page: bytes, place: str, address: str) -> None:
    """Write the provider's folder in specs/, with an overlay that makes its contract usable."""
    folder = root / "specs" / given.name
    folder.mkdir(parents=True)
    block, line = ingest.extract(ingest.page_text(page, place), place)
    document = parse(block, place, line)
    servers = [str(one.get("url", "")) for one in document.data.get("servers") or () if isinstance(one, dict)]
    server = given.server
    if server is None and not any(_host(url) for url in servers):
        raise ContractError(f"{place}:{line}: servers: none has an https address; give one with --server")
    hosts = sorted({_host(url) for url in ([server] if server else servers)} - {""})
    fetched = place if "://" in place else BY_HAND
    (folder / "source.toml").write_text(skeletons.source(hosts, fetched, given.operations), encoding="utf-8")
    (folder / "contradictions.toml").write_text(_CONTRADICTIONS.format(name=given.name), encoding="utf-8")
    written = ingest.contents(folder, page, place, transcribed=False, address=address, say=_say)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    used = load(folder / (slices.FILE if given.operations else slices.WHOLE))
    text = skeletons.overlay(given.name, slices.WHOLE, used.data, _named(used), server)
    (folder / "overlay.yaml").write_text(text, encoding="utf-8")


_CONTRADICTIONS = "# Where the examples of {name}'s contract break it, each with our decision.\n"


_VERBS = {"post": "create", "put": "replace", "patch": "change"}


def _named(used: Document) -> dict[proposal.Operation, str]:
    """Return the chosen operations, each with the name of its function."""
    found = [
        proposal.Operation(at, method, path, value.get("operationId"))
        for at, method, path, value in operations(used.data)
    ]
    names = {one: one.name if one.operation_id else _name_of(one) for one in found}
    twice = {name for name, count in Counter(names.values()).items() if count > 1}
    return {one: one.name if name in twice else name for one, name in names.items()}


def _name_of(operation: proposal.Operation) -> str:
    """A name for the function of an operation that the document does not name: create_refund, get_refund."""
    named = [part for part in operation.path.split("/") if part and "{" not in part]
    words = re.findall("[a-z0-9]+", re.sub("([a-z])([A-Z])", r"\1_\2", named[-1]).lower()) if named else []
    return "_".join([_VERBS.get(operation.method, operation.method), *words]).removesuffix("s")


def _host(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc if parts.scheme == "https" and "{" not in parts.netloc else ""


def _news(subject: Subject) -> Mapping[str, str]:
    text = f"Refunds by a `{subject.class_name}` account, and the generated package `{package_name(subject.name)}`.\n"
    return {f"changes/{subject.name}/first.adds.md": text}


def _step(copy: workspace.Copy, *arguments: str, codes: tuple[int, ...] = (0,)) -> None:
    done = copy.run(*arguments, seconds=_SECONDS)
    if done.returncode not in codes:
        lines = [line for line in local(done.stdout, copy.root).splitlines() if line.strip()]
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise ContractError("\n".join(errors or lines[-5:] or [f"{arguments[1]} ended with {done.returncode}"]))


def _list(name: str, root: Path) -> int:
    """Print what is still to be decided; return 1 where something is."""
    if not any((root / path).exists() for path in own_files(name)):
        raise ContractError(f"{name}: there is no such provider; give its page, or one of {', '.join(PROVIDERS)}")
    due = open_decisions(name, root)
    for decision in due:
        print(decision)
    if due:
        print(f"{len(due)} decisions are due: take each, and remove its {MARK} docs/adding-a-provider.md says how")
    else:
        print(f"{name}: every decision is taken; next: nox -s docs, then nox -s tests -- tests/providers -k {name}")
    return 1 if due else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.new_provider",
        description="Add a provider: its contract from its document, its generated package, its registration, and "
        "skeletons of what a person writes, where each decision is marked. With NAME alone, list what is still to be "
        "decided about a provider.",
        epilog="Exit codes: 0 nothing is to be decided; 1 decisions are due; 2 wrong usage, or the document is "
        "refused, and nothing was written.",
    )
    parser.add_argument("name", metavar="NAME", help="as in the first argument of refund(): acme, or acme_v3")
    parser.add_argument(
        "page", nargs="?", metavar="PAGE_OR_OPENAPI", help="a Markdown page, OpenAPI as YAML or JSON, or its address"
    )
    parser.add_argument(
        "operations", nargs="*", metavar="OPERATION", help="'POST /path' or an operationId (default: all)"
    )
    parser.add_argument("--address", metavar="URL", help="of the page for people (default: that of the page)")
    parser.add_argument("--server", metavar="URL", help="where the document names no server")
    return parser


if __name__ == "__main__":
    sys.exit(main())
