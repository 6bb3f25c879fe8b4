#!/usr/bin/env bash
# usage: build.sh TAG DIST
# Builds a release once, in DIST: the wheel, the sdist, the bill of materials that the wheel carries, and SHA256SUMS.
# The tag has to be that of the version, on a commit of main, and all that belongs to a release has to agree. Says
# `sums=HASH` of SHA256SUMS to the workflow.
set -euo pipefail

main() {
    local tag=$1 dist=$2
    if ! git merge-base --is-ancestor HEAD refs/remotes/origin/main; then
        echo "::error::The tag is on a commit that main does not have: merge it, and tag the commit of main"
        exit 1
    fi
    nox -s release --install-only
    rm -rf "$dist"
    .nox/release/bin/python -m build --no-isolation --outdir "$dist" .
    .nox/release/bin/python -m scripts.release --check --tag "$tag" --dist "$dist"
    cp surface/*.cdx.json "$dist" # the same that the wheel carries, which has just been checked
    cd "$dist"
    sha256sum -- * >SHA256SUMS
    cat SHA256SUMS
    printf 'sums=%s\n' "$(sha256sum SHA256SUMS | cut -d' ' -f1)" >>"${GITHUB_OUTPUT:-/dev/null}"
}

main "$@"
