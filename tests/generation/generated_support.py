"""Shared by the tests of the generated packages: inline contracts, and packages generated from them."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from scripts.contracts.document import Document
from scripts.contracts.providers import package_name
from scripts.packages.generators import write_client, write_schemas

ROOT = Path(__file__).resolve().parents[2]


def contract(
    *,
    schemas: Mapping[str, Any] | None = None,
    replies: Mapping[str, Any] | None = None,
    operation: Mapping[str, Any] | None = None,
    **document: Any,
) -> dict[str, Any]:
    """Return a small contract: one operation `act` with the schemas Body and Reply.

    `schemas` are added to or replace those, `replies` maps a status to the schema of its body or None, `operation` and
    `document` replace members of the operation and of the document.
    """
    statuses = {"200": {"$ref": "#/components/schemas/Reply"}} if replies is None else replies
    return {
        "openapi": "3.0.3",
        "info": {"title": "Demo API", "version": "1"},
        "paths": {
            "/things/{thing_id}": {
                "post": {
                    "operationId": "act",
                    "tags": ["refunds"],
                    "parameters": [{"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}},
                    },
                    "responses": {
                        status: {
                            "description": "Reply",
                            **({} if schema is None else {"content": {"application/json": {"schema": schema}}}),
                        }
                        for status, schema in statuses.items()
                    },
                    **(operation or {}),
                }
            }
        },
        "components": {
            "schemas": {
                "Body": {"type": "object", "properties": {"amount": {"type": "number"}}},
                "Reply": {"type": "object", "properties": {"id": {"type": "string"}}},
                **(schemas or {}),
            }
        },
        **document,
    }


def documented(provider: str, **parts: Any) -> Document:
    """Return a contract made by `contract`, as `scripts.packages.generate.build` takes it."""
    return Document(contract(**parts), {"": f"specs/{provider}/openapi.yaml:1"})


@dataclass(frozen=True)
class Made:
    """A package that was generated from an inline contract, and can be imported."""

    name: str
    folder: Path

    def module(self, name: str) -> ModuleType:
        """Import a module of the package."""
        return importlib.import_module(f"{self.name}.{name}")

    @property
    def api(self) -> ModuleType:
        """The module of the operation `act`."""
        return self.module("api.refunds.act")

    def read(self, value: object, status: int = 200) -> Any:
        """Read a reply whose body is `value` as JSON."""
        return self.api.read_reply(status, json.dumps(value).encode())


def make(source: Mapping[str, Any], folder: Path) -> Made:
    """Generate a package from a contract with both tools, and make it importable for the rest of the test run.

    The same contract gives the same package: `folder` is only for the first one.
    """
    key = json.dumps(source, sort_keys=True)
    if key not in _made:
        _made[key] = _generate(source, folder)
    return _made[key]


_made: dict[str, Made] = {}


def _generate(source: Mapping[str, Any], folder: Path) -> Made:
    provider = f"demo{len(_made)}"
    scratch = folder / provider
    scratch.mkdir()
    write_client(provider, source, scratch)
    write_schemas(provider, source, scratch)
    package = scratch / package_name(provider)
    (scratch / "schemas.py").rename(package / "schemas.py")
    sys.path.insert(0, str(scratch))
    try:
        importlib.import_module(package.name)
    finally:
        sys.path.remove(str(scratch))
    return Made(package.name, package)


def run(*command: str, cwd: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run this interpreter with some arguments, and return its exit code and output."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
