#!/usr/bin/env bash
# usage: contracts.sh BASE HANDOVER
# Generates the packages from specs/, and compares their contracts with those of BASE, a commit. HANDOVER, a folder
# outside the checkout, then holds `patch`, what generating changed, and report.md and report.json, what the contracts
# changed since BASE.
# Exit codes: 0; 1 where the packages were not generated from these contracts, or where a change breaks and ACCEPTED,
# which a person's label sets, is not true.
set -euo pipefail

main() {
    local base=$1 handover=$2 breaks=0 code=0
    rm -rf "$handover" && mkdir -p "$handover"
    nox -s generate --install-only
    .nox/generate/bin/python -m scripts.packages.generate
    .nox/generate/bin/python -m scripts.documentation.tables
    git add --all
    git diff --cached --binary --no-renames HEAD >"$handover/patch"
    git reset --quiet
    .nox/generate/bin/python -m scripts.review "$base" --report "$handover/report.md" || breaks=$?
    if [[ -s $handover/patch ]]; then
        echo "::error::generated/, specs/lock.toml or docs/ is not what specs/ makes: apply the patch, or run nox -s generate"
        code=1
    fi
    if ((breaks > 1)); then
        code=1
    elif ((breaks)) && [[ ${ACCEPTED:-false} != true ]]; then
        echo '::error::The change breaks (see the report). A person accepts it with the label "breaking change accepted".'
        code=1
    fi
    exit "$code"
}

main "$@"
