#!/usr/bin/env bash
# usage: publish.sh DIST SUMS
# Publishes the wheel and the sdist in DIST to PACKAGE_INDEX_URL, where they are still what SHA256SUMS says, and that
# file has the hash SUMS. The same bytes a second time are no error; other bytes under the same version are:
# PACKAGE_INDEX_SIMPLE_URL is where pip would find them. Runs uv alone, installed by the hash in requirements/dev.txt.
set -euo pipefail

main() {
    local dist=$1 sums=$2
    : "${PACKAGE_INDEX_URL:?set the variable PACKAGE_INDEX_URL of the environment release: where uv publishes}"
    : "${PACKAGE_INDEX_SIMPLE_URL:?set the variable PACKAGE_INDEX_SIMPLE_URL of the environment release: where pip looks}"
    (cd "$dist" && sha256sum --check --strict <<<"$sums  SHA256SUMS" && sha256sum --check --strict SHA256SUMS)
    if [[ -z ${UV_PUBLISH_TOKEN:-} ]]; then unset UV_PUBLISH_TOKEN; fi # an empty one would be sent
    tools=$(mktemp -d) # not local: the trap removes it
    trap 'rm -rf "$tools"' EXIT
    python3 -m venv "$tools/venv"
    awk '/^[^ #]/ {of_uv = /^uv==/} of_uv' requirements/dev.txt >"$tools/uv.txt"
    "$tools/venv/bin/python" -m pip install --quiet --require-hashes --no-deps -r "$tools/uv.txt"
    "$tools/venv/bin/uv" publish --trusted-publishing automatic --publish-url "$PACKAGE_INDEX_URL" \
        --check-url "$PACKAGE_INDEX_SIMPLE_URL" "$dist"/*.whl "$dist"/*.tar.gz
}

main "$@"
