"""A small invented contract, and helpers for the tests of specs/ and of its scripts."""

from pathlib import Path

from scripts.contracts.document import Document, parse

CONTRACT = """\
openapi: 3.0.3
info:
  title: Invented API
  version: '1'
servers:
  - url: https://pay.example.com
paths:
  /returns/{id}:
    post:
      operationId: give-back
      tags:
        - Returns
      parameters:
        - name: id
          in: path
          required: true
          schema:
            type: string
      requestBody:
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/Return'
      responses:
        '200':
          description: OK
        '404':
          description: Not Found
components:
  schemas:
    Return:
      type: object
      required:
        - cents
        - note
      properties:
        cents:
          type: integer
        note:
          type: string
"""


def document(text: str = CONTRACT, name: str = "openapi.yaml") -> Document:
    """Return a contract, the invented one unless another is given."""
    return parse(text, name)


def changed(old: str, new: str, text: str = CONTRACT) -> Document:
    """Return the contract with `old`, which must occur in it, replaced by `new`."""
    assert old in text
    return document(text.replace(old, new))


def specs_with(folder: Path, overlay: str, contract: str = CONTRACT, provider: str = "paybyrd") -> Path:
    """Write a specs folder that holds one provider's contract and overlay; return the folder."""
    home = folder / "specs"
    (home / provider).mkdir(parents=True)
    (home / provider / "openapi.yaml").write_text(contract, encoding="utf-8")
    (home / provider / "overlay.yaml").write_text(overlay, encoding="utf-8")
    return home
