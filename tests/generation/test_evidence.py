"""The sentences that a transcribed contract rests on are found again by their hashes, and a changed one is named."""

import re

import pytest

from scripts.contracts import evidence, sources
from scripts.contracts.document import Document, parse
from scripts.contracts.providers import SPECS

PAGE = """\
---
updated: 2026-01-01
---
# Returns

POST /returns

- `cents` (integer): How much to give back.
- `note` (string): Why it is given back.
"""
CONTRACT = """\
openapi: 3.1.0
info: {title: Returns, version: '1', x-evidence: docs.example.com/about (A)}
paths: {}
components:
  schemas:
    Return:
      x-evidence: 'page line 6: /returns'
      properties:
        cents: {type: integer, x-evidence: 'page line 8: cents'}
        note: {type: string, x-evidence: ['page line 9: note', docs.example.com/notes (C)]}
"""
KNOWN = {evidence.sentence_hash("# Returns")}


def contract(text: str = CONTRACT) -> Document:
    return parse(text, "openapi.yaml")


HASHED = evidence.read(contract(), PAGE, KNOWN).moved(CONTRACT)


def read(page: str, text: str = HASHED, *, accept: bool = False) -> evidence.Reading:
    return evidence.read(contract(text), page, KNOWN, accept)


def test_each_evidence_gets_the_hash_of_its_sentence_and_never_the_sentence() -> None:
    assert re.findall(r"page line (\d+) \([0-9a-f]{8}\): (\S+?)'", HASHED) == [
        ("6", "/returns"),
        ("8", "cents"),
        ("9", "note"),
    ]
    assert "How much" not in HASHED
    assert evidence.problems(contract(HASHED)) == []


def test_the_page_that_was_read_has_nothing_new() -> None:
    reading = read(PAGE)
    assert reading.moved(HASHED) == HASHED
    assert (reading.changed, reading.new, reading.found) == ([], [], 3)


def test_sentences_that_moved_are_found_and_their_numbers_follow() -> None:
    above = PAGE.replace("POST /returns", "\n\n\nPOST /returns").replace("- `cents`", "\n- `cents`")
    reading = read(above)
    assert (reading.changed, reading.new) == ([], [])
    assert re.findall(r"page line (\d+) ", reading.moved(HASHED)) == ["9", "12", "13"]


def test_two_sentences_that_change_places_are_distinguished() -> None:
    lines = PAGE.splitlines()
    reading = read("\n".join([*lines[:7], lines[8], lines[7]]))
    assert re.findall(r"page line (\d+) \S+ (\S+?)'", reading.moved(HASHED)) == [
        ("6", "/returns"),
        ("9", "cents"),
        ("8", "note"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("updated: 2026-01-01", "updated: 2026-06-30"),
        ("POST /returns", "POST  /returns "),
        ("POST /returns", "POST <option value='90bcba0d'>/returns</option>"),
        ("# Returns", "# Returns\n\n---"),
    ],
)
def test_what_says_nothing_new_is_no_change(old: str, new: str) -> None:
    reading = read(PAGE.replace(old, new))
    assert (reading.changed, reading.new) == ([], [])


def test_a_sample_token_is_no_part_of_a_sentence() -> None:
    assert evidence.sentence_hash("Example Bearer abc") == evidence.sentence_hash("Example Bearer REDACTED")


def test_a_sentence_that_changed_is_named_with_its_node_and_with_the_line_that_has_its_field() -> None:
    reading = read(PAGE.replace("How much to give back", "How much to give back, in minor units"))
    (line,) = reading.changed
    assert line.startswith(
        "openapi.yaml:9: /components/schemas/Return/properties/cents: the sentence of line 8 has changed"
    )
    assert "'cents' stands in line 8 now: mend the contract where it follows, and write `page line 8: cents`" in line
    assert reading.new == [8]


def test_a_sentence_that_is_gone_is_named() -> None:
    reading = read(PAGE.replace("- `cents` (integer): How much to give back.\n", ""))
    assert "the sentence of line 8 has changed or is gone; no line has 'cents' now" in reading.changed[0]
    assert reading.new == []


def test_a_new_line_that_nothing_claims_is_named() -> None:
    assert read(PAGE + "- `reason` (string, required): A code.\n").new == [10]


def test_a_person_can_say_that_the_new_and_the_changed_sentences_are_read() -> None:
    page = PAGE.replace("to give back", "to give back now") + "Further words.\n"
    reading = read(page, accept=True)
    assert (reading.changed, reading.new) == ([], [])
    again = evidence.read(contract(reading.moved(HASHED)), page, set(reading.unclaimed.values()))
    assert (again.changed, again.new) == ([], [])


def test_a_changed_sentence_that_two_new_lines_may_have_replaced_is_not_guessed() -> None:
    page = PAGE.replace("- `cents` (integer): How much to give back.", "- `cents`: One.\n- `cents`: Two.")
    assert "'cents' stands in line 8, 9 now" in read(page, accept=True).changed[0]


def test_evidence_that_a_person_writes_without_a_hash_is_held_to_its_line_and_gets_its_hash() -> None:
    page = PAGE.replace("- `cents` (integer): How much to give back.", "- `cents`: In minor units.")
    corrected = re.sub(r"page line 8 \S+ cents", "page line 8: cents", HASHED)
    reading = read(page, corrected)
    assert (reading.changed, reading.new) == ([], [])
    assert f"page line 8 ({evidence.sentence_hash('- `cents`: In minor units.')}): cents" in reading.moved(corrected)
    wrong = corrected.replace("page line 8: cents", "page line 9: cents")
    assert "line 9 of the page has no 'cents'; mend the number" in read(page, wrong).changed[0]


def test_the_committed_transcribed_contract_names_a_hash_for_each_sentence() -> None:
    text = (SPECS / "blink" / "openapi.yaml").read_text(encoding="utf-8")
    named = re.findall(r"page line \d+.*", text)
    assert len(named) > 20
    assert all(re.match(r"page line \d+ \([0-9a-f]{8}\): ", each) for each in named)
    assert sources.read(SPECS / "blink").other_lines
