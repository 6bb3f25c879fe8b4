"""The readers of a contract: a page with an OpenAPI block, and a YAML or JSON document.

An input is a byte for the reader, and the page or the document.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from typing import Final

from scripts.contracts import ingest
from scripts.contracts.document import dump, parse
from scripts.contracts.errors import ContractError
from scripts.fuzz.target import Broken, Target

_INFO: Final = 'openapi: 3.1.0\ninfo: {title: Returns, version: "1"}\n'
# Each has little in it: a reader of YAML in pure Python takes a tenth of a millisecond a word.
_CONTRACTS: Final = (
    _INFO + "paths: {}\n",
    _INFO + "servers: [{url: https://pay.example.com, description: Production}]\n",
    _INFO + "paths:\n  /a/{b}:\n    post:\n      summary: prose\n      responses: {'200': {description: prose}}\n",
    _INFO + "paths: {/a: {get: {parameters: [{name: b, in: query, schema: {type: string}, description: c}]}}}\n",
    _INFO + "components: {schemas: {A: {type: object, properties: {description: {}}, example: {a: 1.50}}}}\n",
    _INFO + "components: {schemas: {A: {allOf: [{$ref: '#/components/schemas/B'}], title: c}, B: {enum: [1, null]}}}\n",
    _INFO + "components: {securitySchemes: {key: {type: apiKey, in: header, name: x-api-key}}}\n",
)


def read(data: bytes) -> Hashable:
    """Read the page or the document of the input; return what is made of it."""
    text = data[1:]
    try:
        if data[:1] and data[0] % 2:
            document = parse(ingest.page_text(text, "document"), "document")
            written = dump(document.data, "Header.")
            if json.dumps(parse(written, "written").data) != json.dumps(document.data):
                raise Broken(f"{text!r} is written as {written!r}, which says something else")
            return written
        page = ingest.published(text, "page.md")
    except ContractError as refused:
        if not str(refused).startswith(("document:", "page.md:")):
            raise Broken(f"the refusal {str(refused)!r} of {text!r} names no line") from refused
        return str(refused)
    again = ingest.without_prose(parse(page.contract, "written").data)
    if dump(again, ingest.HEADER) != page.contract:
        raise Broken(f"{text!r} is taken in as {page.contract!r}, and that as something else")
    return (page.contract, page.block_sha256)


def seeds() -> Iterator[bytes]:
    """Yield a contract as YAML and as JSON, in pages and alone."""
    for text in _CONTRACTS:
        yield b"\1" + text.encode()
        yield b"\0" + text.encode()
        yield b"\0" + json.dumps(parse(text, "contract").data, indent=1).encode()
    yield b"\0# Returns\n\nWords.\n\n```yaml POST /returns\n" + _CONTRACTS[0].encode() + b"```\n"
    yield b"\0# Returns\r\n\r\n   ~~~~\r\n" + _CONTRACTS[1].replace("\n", "\r\n").encode() + b"   ~~~~\r\n"
    yield b"\0<!doctype html><html></html>"
    yield b"\1a: [1, 2.5, -0, 1e5, null, ~, 0x1f, 0o7, true, 'x', \"\\u00e9\", |-\n  text]\n"
    yield b"\1" + b"[" * 400 + b"]" * 400
    yield b"\1? [a]\n: &b {c: *b, <<: *b}\n--- !!str x\n"


_WORDS: Final = """
    ``` ~~~ --- ... & * << ? | > |- >+ !!str !!binary %YAML %TAG " ' \\u \\U \\ud83d \\udca9 {} [] : - # ,
    openapi info paths components schemas parameters responses content schema example examples enum type properties
    items allOf oneOf anyOf not $ref #/components/schemas/ additionalProperties discriminator mapping callbacks links
    headers requestBody security servers variables tags webhooks x-logo description summary title nullable default
    pattern format required operationId 200 4XX application/json trace get post \ufeff \u2067
"""


def words() -> set[bytes]:
    """Return what YAML and OpenAPI are made of."""
    return {one.encode() for one in _WORDS.split()}


TARGET: Final = Target(read, seeds, words, longest=1000)
