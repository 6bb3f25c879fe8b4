#!/usr/bin/env bash
# usage: update.sh PROVIDER HANDOVER
# Reads the provider's page, regenerates and tests. HANDOVER, a folder outside the checkout, then holds what draft.sh
# takes over:
#   verdict    unchanged, fits, breaks, refused or not-seen
#   patch      every change of the checkout
#   report.md  what changed; log: what the command said
# Exit codes: 0; 1 where the change breaks or is refused. Says `seen=true` to the workflow where there was a page.
set -euo pipefail

main() {
    local provider=$1 handover=$2 code=0 verdict seen=true
    rm -rf "$handover" && mkdir -p "$handover"
    nox -s update --install-only
    .nox/update/bin/python -m scripts.contracts.update "$provider" --partial --report "$handover/report.md" \
        >"$handover/log" 2>&1 </dev/null || code=$?
    cat "$handover/log"
    git add --all
    git diff --cached --binary --no-renames HEAD >"$handover/patch"
    git reset --quiet
    case $code in
        0) if [[ -s $handover/patch ]]; then verdict=fits; else verdict=unchanged; fi ;;
        1) if [[ -s $handover/report.md ]]; then verdict=breaks; else verdict=refused; fi ;; # or it crashed
        3) verdict=not-seen seen=false ;;
        *) verdict=refused ;; # the page, or the command itself: a person has to look
    esac
    printf '%s\n' "$verdict" >"$handover/verdict"
    printf '%s: %s\n' "$provider" "$verdict"
    printf 'seen=%s\n' "$seen" >>"${GITHUB_OUTPUT:-/dev/null}"
    [[ $verdict != breaks && $verdict != refused ]]
}

main "$@"
