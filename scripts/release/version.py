"""The one place of the version: `__version__` in the facade, which the build and the User-Agent read."""

import re
from pathlib import Path

from scripts.files import ROOT
from scripts.release.steps import parts

FILE = "facade/refundry/__init__.py"
_LINE = re.compile(r'^__version__ = "(?P<version>[^"]*)"$', re.MULTILINE)


def current_version(root: Path = ROOT) -> str:
    """Return the version. Raises ValueError where the file has none, or one that is no three numbers."""
    found = _LINE.search((root / FILE).read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f'{FILE}: no line `__version__ = "..."`; restore it')
    parts(found["version"])
    return found["version"]


def with_version(source: str, version: str) -> str:
    """Return the text of the file with another version."""
    return _LINE.sub(f'__version__ = "{version}"', source)
