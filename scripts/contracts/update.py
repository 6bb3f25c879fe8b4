"""Takes a provider's changed page in: `python -m scripts.contracts.update [PROVIDER [PAGE|ADDRESS]]`.

Reads the page, says what changed and what that can break, tries it in a copy of the project (package, contradictions,
tables of docs/, contract tests, news fragment), and moves the result into the project at the end. A run that is killed
leaves the project as it was, or finishes its move at the next run: see `workspace`.
"""

import argparse
import enum
import functools
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.contracts import evidence, fetch, ingest, slices, sources, workspace
from scripts.contracts.changes import Effect, Report, as_data, render_markdown
from scripts.contracts.errors import ContractError, exit_code, local, one_line
from scripts.contracts.proposal import REMEDIES, Proposal, contract_hash_before, propose, refusal
from scripts.contracts.providers import PROVIDERS
from scripts.files import ROOT, replace_together
from scripts.release import fragments
from scripts.release.steps import step_of
from scripts.release.version import current_version

CONTRACT_TESTS = (
    "tests/contract",
    "tests/providers",
    "tests/generation/test_contract.py",
    "tests/generation/test_contradictions.py",
)
# What a change of a contract may write. Tests and tools leave other files behind, and those stay in the copy.
_WRITES = ("specs/", "generated/", "docs/", "changes/")
_MUST_DO: Mapping[Effect, str] = {
    Effect.CREDENTIALS: "Check where your service sends requests and credentials before you upgrade.",
    Effect.BREAKS_REQUEST: "Check each request that your service sends to these operations before you upgrade.",
    Effect.BREAKS_REPLY: "Check how your service reads these replies before you upgrade.",
    Effect.BREAKS_NAME: "Change each import and each use of these names when you upgrade.",
    Effect.ADDS: "Nothing has to change.",
    Effect.NOTHING: "Nothing has to change.",
}
_MOST_SENTENCES = 20
_LONGEST_RED = 400


class Code(enum.IntEnum):
    """The exit codes. Of several providers, the first of this list: 2, 1, 3, 0."""

    FITS = 0
    BREAKS = 1
    REFUSED = 2
    NOT_SEEN = 3


_GRAVEST = (Code.REFUSED, Code.BREAKS, Code.NOT_SEEN, Code.FITS)


@dataclass(frozen=True)
class Ending:
    """How the update of one provider ended: its code, what to say, and the command that comes next."""

    code: Code
    verdict: str
    says: tuple[str, ...]
    next: str
    report: Report | None = None
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What the command line says, and the project that it is about."""

    root: Path
    check: bool = False
    partial: bool = False
    read: bool = False
    other_page: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    ask: Callable[[str], str] | None = None


def update(provider: str, place: str | None, options: Options, say: Callable[[str], None]) -> Ending:
    """Take in one provider's page, from `place` or from `fetch` of its source.toml, and return how that ended.

    Raises nothing but what the machine itself raises: a page or a contract that is refused is an ending.
    """
    try:
        page, name = _page(provider, place, options, say)
        return _update(provider, page, name, options, say)
    except (fetch.NotSeen, ingest.WrongPage) as error:
        again = f"nox -s update -- {provider} PAGE"
        return Ending(Code.NOT_SEEN, "not seen", (local(error, options.root),), again)
    except ContractError as error:
        says = tuple(local(error, options.root).split("\n"))
        return Ending(Code.REFUSED, "refused", says, f"mend what is named, then {_again(provider, place)}")


def _page(provider: str, place: str | None, options: Options, say: Callable[[str], None]) -> tuple[bytes, str]:
    if place is not None and "://" not in place:
        return ingest.read_page(Path(place)), place
    address = place or sources.read(options.root / "specs" / provider).fetch
    if address is None:
        where = f"specs/{provider}/{sources.FILE}"
        raise fetch.NotSeen(f"{where}: the page is taken by hand; save it in a browser, and give the file")
    say(f"fetching {address} (at most {fetch.SECONDS:g} s)")
    return fetch.fetch(address), address


def _update(provider: str, page: bytes, name: str, options: Options, say: Callable[[str], None]) -> Ending:
    again = _again(provider, name)
    make = functools.partial(
        propose, options.root, provider, page, name, accept=options.read, other_page=options.other_page, say=say
    )
    proposal = make()
    if proposal.new_operations:
        proposal = make(names=_names(proposal, options))
    elif options.names:
        raise ContractError(f"--name: {', '.join(options.names)}: the page has no new operation; leave the option out")
    report = proposal.report
    if report is None and proposal.reading is not None:
        return _unread(provider, proposal.reading, again)
    if report is None and not proposal.files:
        said = "the page has not changed" if proposal.same_page else "prose alone has changed"
        return Ending(Code.FITS, "unchanged", (f"{said}: nothing is written",), "nothing to do")
    if report is not None:
        say(f"the contract has changed\n\n{render_markdown(report, _step(report, options.root))}")
    says = [proposal.outside] if proposal.outside else []
    says += [f"unused: {pointer}: nothing refers to this example" for pointer in proposal.unused]
    says += [
        f"new operation {each}: called {each.name}; --name '{each}=NAME' gives it another name"
        for each in proposal.new_operations
        if str(each) not in options.names
    ]
    says += [
        f"new and not described: {pointer}; say in specs/{provider}/overlay.yaml what it means"
        for pointer in proposal.undescribed
    ]
    if options.check:
        breaks = proposal.contradictions or (report is not None and (report.unfit or report.effect.breaks))
        code = Code.BREAKS if breaks else Code.FITS
        then = _mend(provider, again) if report is not None and report.unfit else again
        return Ending(code, "reported", (*proposal.contradictions, *says, "--check: nothing is written"), then, report)
    kept = _keep(options.root, provider, page, name)
    return _take_in(provider, proposal, tuple(says), options, say, _again(provider, kept))


def _take_in(
    provider: str,
    proposal: Proposal,
    says: tuple[str, ...],
    options: Options,
    say: Callable[[str], None],
    again: str,
) -> Ending:
    report = proposal.report
    if report is not None and report.unfit and not options.partial:
        text = f"{_actions(report)}: nothing is written"
        return Ending(Code.BREAKS, "reported", (*proposal.contradictions, *says, text), _mend(provider, again), report)
    with workspace.copied(options.root) as copy:
        copy.refuse_other_code()
        for path, text in proposal.files.items():
            (copy.root / path.relative_to(options.root)).write_text(text, encoding="utf-8")
        if report is None or not report.unfit:
            refused = refusal(proposal) or _generate(provider, copy, say)
        else:
            refused = _actions(report)
        if refused and not options.partial:
            then = f"mend what is named, then {again}"
            lines = local(refused, options.root).split("\n")
            said = (*proposal.contradictions, *says, *lines, "nothing is written")
            return Ending(Code.REFUSED, "refused", said, then, report)
        checks = proposal.contradictions if refused else _derived(provider, copy, say)
        if report is not None:
            _fragment(provider, report, copy.root, options.root)
        result = {path: text for path, text in copy.changes().items() if path.startswith(_WRITES)}
        red = () if refused or report is None else _test(provider, copy, options.root, say)
        workspace.move_in(options.root, copy.before, result)
    wrote = f"wrote {len(result)} files: {', '.join(sorted({path.split('/')[0] + '/' for path in result})) or 'none'}"
    said = (
        *says,
        *([*refused.split("\n"), "written as published, and not generated"] if refused else []),
        *checks,
        wrote,
    )
    failed = bool(refused or red or checks)
    breaks = failed or (report is not None and report.effect.breaks)
    ending = Code.BREAKS if breaks else Code.FITS
    return Ending(ending, "taken in", said, _then(provider, again, refused, red, checks), report, red)


def _generate(provider: str, copy: workspace.Copy, say: Callable[[str], None]) -> str:
    """Generate the package in the copy; return why it was refused, the empty text where it was not."""
    with _timed("generating the package", say):
        done = copy.run("-m", "scripts.packages.generate", "--provider", provider, seconds=300)
    return "" if done.returncode == 0 else _last(done.stdout, copy.root)


def _derived(provider: str, copy: workspace.Copy, say: Callable[[str], None]) -> tuple[str, ...]:
    """Compare the examples with the package, and print the tables of docs/; return what does not fit."""
    faults: list[str] = []
    with _timed("comparing the examples with the package", say):
        done = copy.run("-m", "scripts.contracts.contradictions", provider, seconds=300)
    if done.returncode:
        found = re.findall(r"^\w+: ((UNLISTED|STALE): .*?):(?: .*)?$", done.stdout, re.MULTILINE)
        faults += [f"{line}; {REMEDIES[state].format(provider=provider)}" for line, state in found]
        faults += [] if found else [f"contradictions: {_last(done.stdout, copy.root)}"]
    with _timed("printing the tables of docs/", say):
        done = copy.run("-m", "scripts.documentation.tables", seconds=300)
    if done.returncode:
        faults.append(f"tables of docs/: {_last(done.stdout, copy.root)}")
    return tuple(faults)


def _fragment(provider: str, report: Report, copy: Path, root: Path) -> None:
    hashes = (contract_hash_before(root, provider), _sha256(copy / "specs" / provider / slices.WHOLE))
    if hashes[0] == hashes[1]:
        if report.effect is Effect.NOTHING:
            return
        # The overlay or the choice of operations has changed: the hash is of these, so that such a change has a
        # fragment of its own.
        hashes = (None, _sha256(*(copy / "specs" / provider / name for name in ("overlay.yaml", slices.FILE))))
    sentences = [f"- {change.sentence}" for change in report.changes if change.effect is not Effect.NOTHING]
    more = [f"- {len(sentences) - _MOST_SENTENCES} more."] if len(sentences) > _MOST_SENTENCES else []
    head = f"The contract of {provider} has changed. {_MUST_DO[report.effect]}"
    fragments.write(provider, report.effect, hashes, "\n".join([head, "", *sentences[:_MOST_SENTENCES], *more]), copy)


def _sha256(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths if path.is_file())).hexdigest()


def _test(provider: str, copy: workspace.Copy, root: Path, say: Callable[[str], None]) -> tuple[str, ...]:
    """Run the contract tests of one provider in the copy; return the failed ones, or why none ran."""
    tests = [path for path in CONTRACT_TESTS if (copy.root / path).exists()]
    with _timed(f"running the contract tests of {provider}, which takes minutes", say):
        done = copy.run(
            *("-m", "pytest", "-q", "-rfE", "--tb=short", "-p", "no:cacheprovider", "-k", provider, *tests),
            seconds=1800,
        )
    if done.returncode == 0:
        return ()
    log = root / workspace.FOLDER / f"{provider}-tests.log"
    log.write_text(done.stdout, encoding="utf-8")
    failed = [line[:_LONGEST_RED] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return (*(failed or [f"pytest ended with {done.returncode}"]), f"the whole output: {log.relative_to(root)}")


def _unread(provider: str, reading: evidence.Reading, again: str) -> Ending:
    new = ", ".join(map(str, reading.new))
    says = [*reading.changed, *([f"lines of the page that are new and that nothing rests on: {new}"] if new else [])]
    says.append("nothing is written: a person has to read these sentences")
    then = f"mend specs/{provider}/openapi.yaml where it follows, then {again} --read"
    return Ending(Code.BREAKS, "reported", tuple(says), then)


def _names(proposal: Proposal, options: Options) -> dict[str, str]:
    """Return the name of each new operation: as given, as answered on a terminal, or the provider's own."""
    new = {str(each): each for each in proposal.new_operations}
    if unknown := sorted(options.names.keys() - new.keys()):
        raise ContractError(f"--name: {unknown[0]} is not new; the new operations are {', '.join(new)}")
    names = dict(options.names)
    for call, operation in new.items():
        if call not in names and options.ask is not None and not options.check:
            names[call] = options.ask(f"name of the function for {call} [{operation.name}]: ").strip() or operation.name
    return names


def _keep(root: Path, provider: str, page: bytes, name: str) -> str:
    """Keep a page that was fetched, so that the next command can read the same; return where it is."""
    if "://" not in name:
        return name
    kept = root / workspace.FOLDER / f"{provider}.md"
    kept.write_bytes(page)
    return kept.relative_to(root).as_posix()


def _actions(report: Report) -> str:
    count = len(report.unfit)
    return f"{count} actions of the overlay do not fit" if count > 1 else "an action of the overlay does not fit"


def _mend(provider: str, again: str) -> str:
    return f"mend the actions named above in specs/{provider}/overlay.yaml, then {again}"


def _then(provider: str, again: str, refused: str, red: Sequence[str], checks: Sequence[str]) -> str:
    if refused:
        return f"mend what is named, then {again}"
    if red or checks:
        tests = f"nox -s tests -- {' '.join(CONTRACT_TESTS)} -k {provider}"
        return f"mend what is red, then {tests}; where you change the overlay, {again} first"
    return "git diff, then commit; nox -s release -- auto makes the version"


def _again(provider: str, place: str | None) -> str:
    return f"nox -s update -- {provider}{f' {place}' if place else ''}"


def _step(report: Report, root: Path) -> str:
    return step_of(report.effect, current_version(root)).name.lower()


def _last(output: str, copy: Path) -> str:
    """Return the errors in the output of a command, or else its last line."""
    lines = [line for line in local(output, copy).splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return "\n".join(errors or lines[-1:] or ["it said nothing"])


@contextmanager
def _timed(step: str, say: Callable[[str], None]) -> Iterator[None]:
    """Say that a long step begins, and how long it took."""
    say(f"{step} ...")
    started = time.monotonic()
    yield
    say(f"{step}: {time.monotonic() - started:.1f} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.contracts.update",
        description=(
            "Take in what a provider has published: say what changed and what that can break, regenerate and test in a "
            "copy of the project, and write the result with a news fragment. Without PROVIDER, each one by itself."
        ),
        epilog=(
            "Exit codes: 0 nothing changed but prose, or taken in and nothing breaks; 1 taken in or reported, and it "
            "breaks, or tests are red; 2 wrong usage, or the page or its contract is refused; 3 the page was not seen. "
            "Of several providers the first of 2, 1, 3, 0."
        ),
    )
    parser.add_argument("provider", nargs="?", choices=PROVIDERS, metavar="PROVIDER", help=", ".join(PROVIDERS))
    parser.add_argument(
        "place",
        nargs="?",
        metavar="PAGE|ADDRESS",
        help="the saved page or its https address; default: `fetch` in source.toml",
    )
    parser.add_argument("--check", action="store_true", help="only say what changed; write nothing, run no test")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the report as Markdown to FILE.md and as JSON to FILE.json"
    )
    parser.add_argument(
        "--name",
        action="append",
        type=_name,
        default=[],
        metavar="'METHOD /path=name'",
        help="the function of a new operation; asked for on a terminal; default: the provider's own name",
    )
    parser.add_argument(
        "--read",
        action="store_true",
        help="you have read the new and the changed sentences of a page without OpenAPI, and openapi.yaml is right",
    )
    parser.add_argument(
        "--other-page",
        action="store_true",
        help="take a page with none of the contract's operations: they were replaced",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="write the contract as published also where the overlay does not fit it or no package can be made",
    )
    return parser


def _name(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*([A-Za-z]+)\s+(/\S*?)\s*=\s*(\w+)\s*", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}: write it as 'POST /api/v2/cancel/{{id}}=cancel_transaction'")
    return f"{found[1].upper()} {found[2]}", found[3]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command on the project at `root`; return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.provider is None and (given.name or given.read or given.other_page):
        parser.error("--name, --read and --other-page are about one provider: name it")
    return exit_code(lambda: _run(given, root), "nothing was written")


def _run(given: argparse.Namespace, root: Path) -> int:
    options = Options(
        root,
        given.check,
        given.partial,
        given.read,
        given.other_page,
        dict(given.name),
        _asked if sys.stdin.isatty() and sys.stdout.isatty() else None,
    )
    with workspace.locked(root):
        if workspace.unfinished(root) and given.check:
            problem = "an update was cut short while it wrote"
            raise ContractError(f"{workspace.FOLDER}/: {problem}; run `nox -s update` without --check: it finishes it")
        if moved := workspace.finish(root):
            print(f"finished the update that was cut short: {moved} files", flush=True)
        endings = {
            each: _one(each, given.place, options) for each in ([given.provider] if given.provider else PROVIDERS)
        }
    if given.report:
        _write_report(given.report, endings, root)
    return next(code for code in _GRAVEST if code in {ending.code for ending in endings.values()})


def _asked(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        return ""


def _one(provider: str, place: str | None, options: Options) -> Ending:
    def say(text: str) -> None:
        print(f"{provider}: {text}", flush=True)

    ending = update(provider, place, options, say)
    for line in (*ending.says, *ending.tests):
        say(line)
    effect = f", {ending.report.effect.value}" if ending.report else ""
    say(f"{ending.verdict}{effect}; next: {ending.next}")
    return ending


def _write_report(path: Path, endings: Mapping[str, Ending], root: Path) -> None:
    stem = path.with_suffix("") if path.suffix in (".md", ".json") else path
    markdown = "\n".join(_markdown(provider, ending, root) for provider, ending in endings.items())
    data = {provider: _data(ending, root) for provider, ending in endings.items()}
    replace_together(
        {
            stem.with_suffix(".md"): markdown,
            stem.with_suffix(".json"): json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        }
    )


def _markdown(provider: str, ending: Ending, root: Path) -> str:
    head = f"# {provider}\n" if ending.report is None else render_markdown(ending.report, _step(ending.report, root))
    lines = [head, f"**{ending.verdict}**", "", *(f"- {one_line(line)}" for line in ending.says)]
    if ending.tests:
        lines += ["", "## Red tests", "", *(f"- {line}" for line in ending.tests)]
    return "\n".join([*lines, "", f"Next: {ending.next}", ""])


def _data(ending: Ending, root: Path) -> dict[str, Any]:
    return {
        "verdict": ending.verdict,
        "exit_code": int(ending.code),
        "says": list(ending.says),
        "red_tests": list(ending.tests),
        "next": ending.next,
        "report": as_data(ending.report, _step(ending.report, root)) if ending.report else None,
    }


if __name__ == "__main__":
    sys.exit(main())
