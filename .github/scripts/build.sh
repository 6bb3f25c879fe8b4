#!/usr/bin/env bash
# usage: build.sh TAG DIST
# Builds a release once, in DIST: the wheel, the sdist, the bill of materials that the wheel carries, and SHA256SUMS.
# The tag has to be that of the version, and of a commit of main. Says `sums=HASH` of SHA256SUMS to the workflow.
set -euo pipefail

main() {
    local tag=$1 dist=$2 version
    version=$(sed -n 's/^__version__.* = "\(.*\)"$/\1/p' facade/refundry/__init__.py)
    if [[ $tag != "v$version" ]]; then
        echo "::error::The tag is $tag, and the version is $version: tag v$version"
        exit 1
    fi
    if ! git merge-base --is-ancestor HEAD refs/remotes/origin/main; then
        echo "::error::The tag is on a commit that main does not have"
        exit 1
    fi
    nox -s release -- --check
    rm -rf "$dist"
    .nox/release/bin/python -m build --no-isolation --outdir "$dist" .
    cd "$dist"
    python3 - ./*.whl <<'PYTHON'
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
for name in wheel.namelist():
    if ".dist-info/sboms/" in name:
        open(name.rpartition("/")[2], "wb").write(wheel.read(name))
PYTHON
    sha256sum -- * >SHA256SUMS
    cat SHA256SUMS
    printf 'sums=%s\n' "$(sha256sum SHA256SUMS | cut -d' ' -f1)" >>"${GITHUB_OUTPUT:-/dev/null}"
}

main "$@"
