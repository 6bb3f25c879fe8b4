"""A repository of git with a remote, and the programs that a workflow finds on its path, for the scripts to run in."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / ".github/scripts"
BOT = "41898282+github-actions[bot]@users.noreply.github.com"
SOURCE = 'hosts = ["api.example.com"]\nfetch = "by hand"\nretrieved = {day}\n'


class Repository:
    """A checkout of `main` with a bare remote, and a stand-in for gh."""

    def __init__(self, folder: Path, retrieved: str = "2000-01-01") -> None:
        self.folder = folder / "checkout"
        self.programs = folder / "programs"
        self.gh = folder / "gh.json"
        self.temporary = folder / "temporary"
        for new in (self.folder, self.programs, self.temporary):
            new.mkdir(parents=True)
        self.program("gh", f'exec {sys.executable} {ROOT / "tests/workflows/gh.py"} "$@"')
        self.gh.write_text(json.dumps({"drafts": [], "issues": [], "artifacts": [], "statuses": [], "runs": []}))
        self.git("init", "--quiet", "--initial-branch", "main")
        self.write("specs/paybyrd/source.toml", SOURCE.format(day=retrieved))
        self.write("specs/paybyrd/openapi.yaml", "openapi: 3.0.1\n")
        self.write("noxfile.py", "")
        self.commit("Begin", "person@example.com")
        subprocess.run(["git", "init", "--quiet", "--bare", str(folder / "remote")], check=True)
        self.git("remote", "add", "origin", str(folder / "remote"))
        self.git("push", "--quiet", "--set-upstream", "origin", "main")

    def program(self, name: str, commands: str) -> None:
        """Put a program of bash on the path."""
        path = self.programs / name
        path.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{commands}\n", encoding="utf-8")
        path.chmod(0o755)

    def git(self, *arguments: str) -> str:
        """Run git in the checkout; return what it prints."""
        command = ["git", "-c", "user.name=Person", "-c", "user.email=person@example.com", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(), check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file of the checkout."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def commit(self, message: str, email: str) -> None:
        """Commit everything, as this author."""
        self.git("add", "--all")
        identity = ["-c", f"user.email={email}", "-c", "user.name=Somebody"]
        self.git(*identity, "commit", "--quiet", "--allow-empty", "--message", message)

    def patch(self, changes: Mapping[str, str | None], mode: str = "") -> bytes:
        """The patch that writes these files (None: removes) in the checkout, which stays as it is."""
        for path, text in changes.items():
            if text is None:
                (self.folder / path).unlink()
            else:
                self.write(path, text)
                if mode == "link":
                    (self.folder / path).unlink()
                    (self.folder / path).symlink_to(text)
                elif mode == "executable":
                    (self.folder / path).chmod(0o755)
        self.git("add", "--all")
        command = ["git", "diff", "--cached", "--binary", "--no-renames", "HEAD"]
        patch = subprocess.run(command, cwd=self.folder, check=True, capture_output=True).stdout
        self.git("reset", "--quiet", "--hard")
        return patch

    def handover(self, verdict: str, patch: bytes = b"", report: str = "what changed") -> Path:
        """A folder as update.sh leaves it."""
        folder = self.temporary / "handover"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "verdict").write_text(f"{verdict}\n", encoding="utf-8")
        (folder / "patch").write_bytes(patch)
        (folder / "report.md").write_text(report, encoding="utf-8")
        (folder / "log").write_text("what the command said\n", encoding="utf-8")
        return folder

    def environment(self) -> dict[str, str]:
        """What a runner sets, and nothing of this machine's configuration of git."""
        return {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.temporary),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GH_STATE": str(self.gh),
            "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": "company/refundry",
            "GITHUB_RUN_ID": "7",
            "GITHUB_SERVER_URL": "https://github.example.com",
            "GITHUB_OUTPUT": str(self.temporary / "output"),
        }

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the workflows' scripts in the checkout."""
        return subprocess.run(
            ["bash", str(SCRIPTS / script), *arguments],
            cwd=self.folder,
            env={**self.environment(), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def state(self) -> Any:
        """What gh received: drafts, issues, statuses and runs."""
        return json.loads(self.gh.read_text(encoding="utf-8"))

    def set(self, **state: Any) -> None:
        """Change what gh knows."""
        self.gh.write_text(json.dumps({**self.state(), **state}), encoding="utf-8")

    def remote(self, revision: str, path: str = "") -> str:
        """A file of a branch of the remote; without a path, the author's address of its last commit."""
        self.git("fetch", "--quiet", "origin")
        if path:
            return self.git("show", f"origin/{revision}:{path}")
        return self.git("log", "-1", "--format=%ae", f"origin/{revision}")

    def branches(self) -> list[str]:
        """The branches of the remote."""
        return [line.rpartition("refs/heads/")[2] for line in self.git("ls-remote", "--heads", "origin").splitlines()]
