"""The release's scripts: what is built once, and how it is published to an index, which is on loopback here."""

import gzip
import hashlib
import io
import os
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflows.repository import ROOT, SCRIPTS, Repository

NAME = "refundry_example-0.4.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\nName: refundry-example\nVersion: 0.4.0\nClassifier: Private :: Do Not Upload\n"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@pytest.fixture
def index(packages: Path) -> Iterator[str]:
    """An index that takes everything once, and lists what it has with its sums."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", str(port)]
    command += ["-P", ".", "-a", ".", "--disable-fallback", str(packages)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A checkout whose tools are those of this machine, so that nothing is fetched."""
    made = Repository(tmp_path)
    made.write("requirements/dev.txt", (ROOT / "requirements/dev.txt").read_text(encoding="utf-8"))
    uv = Path(sys.executable).with_name("uv")
    made.program(
        "python3",
        f"""
if [[ ${{2:-}} == venv ]]; then
    mkdir -p "$3/bin"
    ln -s "$0" "$3/bin/python"
    ln -s {uv} "$3/bin/uv"
elif [[ $* == *--require-hashes* ]]; then
    cp "${{!#}}" {made.temporary}/installed
else
    exec {sys.executable} "$@"
fi""",
    )
    return made


def built(repository: Repository, content: str = "value = 1\n") -> str:
    """Build a wheel and an sdist with their sums; return the hash of the sums."""
    dist = repository.folder / "dist"
    dist.mkdir(exist_ok=True)
    information = "refundry_example-0.4.0.dist-info"
    with zipfile.ZipFile(dist / NAME, "w") as wheel:
        for name, text in {
            "refundry_example.py": content,
            f"{information}/METADATA": METADATA,
            f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{information}/RECORD": "",
        }.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
    with (
        gzip.GzipFile(dist / "refundry_example-0.4.0.tar.gz", "wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, text in {"PKG-INFO": METADATA, "refundry_example.py": content}.items():
            member = tarfile.TarInfo(f"refundry_example-0.4.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (dist / "refundry.cdx.json").write_text("{}", encoding="utf-8")
    files = sorted(path for path in dist.iterdir() if path.name != "SHA256SUMS")
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (dist / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return hashlib.sha256(sums.encode()).hexdigest()


def publish(repository: Repository, index: str, sums: str) -> subprocess.CompletedProcess[str]:
    return repository.run(
        "publish.sh",
        "dist",
        sums,
        PACKAGE_INDEX_URL=f"{index}/",
        PACKAGE_INDEX_SIMPLE_URL=f"{index}/simple/",
        UV_PUBLISH_TOKEN="test-token",
        UV_NO_CONFIG="1",
    )


def listed(packages: Path) -> set[str]:
    return {path.name for path in packages.iterdir()}


def test_the_wheel_and_the_sdist_are_published_and_nothing_beside_them(
    repository: Repository, index: str, packages: Path
) -> None:
    ended = publish(repository, index, built(repository))
    assert ended.returncode == 0, ended.stderr
    assert listed(packages) == {NAME, "refundry_example-0.4.0.tar.gz"}
    assert (packages / NAME).read_bytes() == (repository.folder / "dist" / NAME).read_bytes()


def test_the_same_bytes_a_second_time_are_no_error_and_other_bytes_are(
    repository: Repository, index: str, packages: Path
) -> None:
    sums = built(repository)
    assert publish(repository, index, sums).returncode == 0
    before = (packages / NAME).read_bytes()
    again = publish(repository, index, sums)
    assert again.returncode == 0, again.stderr
    other = publish(repository, index, built(repository, "value = 2\n"))
    assert other.returncode != 0
    assert NAME in other.stderr + other.stdout
    assert (packages / NAME).read_bytes() == before


def test_what_changed_after_it_was_built_is_not_published(repository: Repository, index: str, packages: Path) -> None:
    sums = built(repository)
    wheel = repository.folder / "dist" / NAME
    wheel.write_bytes(wheel.read_bytes() + b"x")
    assert publish(repository, index, sums).returncode != 0
    built(repository, "value = 3\n")  # with sums that fit, and are not those of the build
    assert publish(repository, index, sums).returncode != 0
    assert listed(packages) == set()


def test_without_the_address_of_an_index_it_says_what_to_set(repository: Repository) -> None:
    ended = repository.run("publish.sh", "dist", built(repository), PACKAGE_INDEX_URL="")
    assert ended.returncode != 0
    assert "set the variable PACKAGE_INDEX_URL" in ended.stderr


def test_uv_is_installed_by_the_hashes_of_the_lock_and_alone(repository: Repository, index: str) -> None:
    publish(repository, index, built(repository))
    installed = (repository.temporary / "installed").read_text(encoding="utf-8").splitlines()
    assert [line.partition("==")[0] for line in installed if "==" in line] == ["uv"]
    assert all(line.strip().startswith("--hash=sha256:") for line in installed[1:])
    assert len(installed) > 1


@pytest.fixture
def tools(tmp_path: Path) -> Repository:
    """A checkout with a nox that makes the environment of a session, whose Python records what it is asked to do."""
    made = Repository(tmp_path)
    made.write("surface/refundry.cdx.json", "{}")
    made.commit("Add the bill of materials", "person@example.com")
    made.git("push", "--quiet", "origin", "main")
    made.program(
        "nox",
        """
mkdir -p .nox/release/bin
cat >.nox/release/bin/python <<'PYTHON'
#!/usr/bin/env bash
echo "$*" >>"$HOME/asked"
if [[ $2 == build ]]; then mkdir -p "$5"; echo wheel >"$5/a.whl"; echo sdist >"$5/a.tar.gz"; fi
if [[ $* == *v0.4.1* ]]; then echo 'error: the tag is v0.4.1, and the version 0.4.0' >&2; exit 1; fi
PYTHON
chmod +x .nox/release/bin/python""",
    )
    return made


def test_a_release_is_built_once_checked_and_summed_up(tools: Repository) -> None:
    ended = tools.run("build.sh", "v0.4.0", "dist")
    assert ended.returncode == 0, ended.stderr
    asked = (tools.temporary / "asked").read_text(encoding="utf-8").splitlines()
    assert asked == [
        "-m build --no-isolation --outdir dist .",
        "-m scripts.release --check --tag v0.4.0 --dist dist",
    ]
    dist = tools.folder / "dist"
    names = {"a.whl", "a.tar.gz", "refundry.cdx.json", "SHA256SUMS"}
    assert {path.name for path in dist.iterdir()} == names
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, check=True, capture_output=True)
    said = (tools.temporary / "output").read_text(encoding="utf-8")
    assert said == f"sums={hashlib.sha256((dist / 'SHA256SUMS').read_bytes()).hexdigest()}\n"


def test_a_release_that_does_not_agree_is_not_handed_on(tools: Repository) -> None:
    ended = tools.run("build.sh", "v0.4.1", "dist")
    assert ended.returncode == 1
    assert "the tag is v0.4.1" in ended.stderr
    assert not (tools.folder / "dist/SHA256SUMS").exists()


def test_a_commit_that_main_does_not_have_is_no_release(tools: Repository) -> None:
    tools.write("more.txt", "more\n")
    tools.commit("More", "person@example.com")
    ended = tools.run("build.sh", "v0.4.0", "dist")
    assert ended.returncode == 1
    assert "main does not have" in ended.stdout
    assert not (tools.temporary / "asked").exists()


def test_every_script_says_how_it_is_called_and_ends_on_the_first_failure() -> None:
    scripts = sorted(SCRIPTS.glob("*.sh"))
    assert scripts
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert f"# usage: {script.name} " in text
        assert "set -euo pipefail" in text
        assert os.access(script, os.X_OK)
