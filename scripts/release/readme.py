"""The README as it stands on a package index: hatchling runs this hook when it builds.

A link into the repository leads nowhere from an index. Where `pyproject.toml` names the address of a file of the
repository, the links lead there; until the owner has named one, their text stays and the link goes. A plugin of the
index's form exists (hatch-fancy-pypi-readme), but its replacement is fixed: it cannot depend on the address.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?!https?://|#)(?P<path>[^)\s]+)\)")


def for_an_index(readme: str, version: str, address: str) -> str:
    """Return the README with each link into the repository as a link to `address`, or as plain text without one.

    `address` is that of a file, with `{version}` and `{path}`.
    """
    if address:
        return _RELATIVE_LINK.sub(
            lambda link: f"[{link['text']}]({address.format(version=version, path=link['path'])})", readme
        )
    return _RELATIVE_LINK.sub(lambda link: link["text"], readme)


class ReadmeHook(MetadataHookInterface):
    """Sets `readme`, which `pyproject.toml` declares as dynamic."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Read README.md; the version has been found before this hook runs."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = for_an_index(readme, str(metadata["version"]), self.config["repository-file"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
