#!/usr/bin/env bash
# usage: draft.sh PROVIDER HANDOVER
# Opens or refreshes the one draft for a provider from what update.sh handed over. Runs nothing of the patch, and checks
# none of it out: it becomes a commit in git's index, and only where it touches specs/, generated/, docs/ and changes/.
# Never pushes over the commit of a person: a draft that has one gets a comment. A change that breaks is marked as
# failed. A page that nobody saw for 30 days opens an issue.
# Exit codes: 0; 1 where the patch was refused, or nothing was handed over.
set -euo pipefail

readonly BOT_NAME='github-actions[bot]' BOT_EMAIL='41898282+github-actions[bot]@users.noreply.github.com'
readonly ALLOWED='^(specs|generated|docs|changes)/'
readonly DAYS=30 LARGEST_PATCH=20000000 LONGEST_REPORT=50000

main() {
    provider=$1 handover=$2 branch=update/$1 refused=''
    body=$(mktemp)
    trap 'rm -f "$body"' EXIT
    verdict=$(cat "$handover/verdict" 2>/dev/null || echo missing)
    case $verdict in
        unchanged) withdraw ;;
        not-seen) report_unseen ;;
        missing)
            report_unseen
            echo "::error::Nothing was handed over for $provider: the job that reads its page did not end."
            exit 1
            ;;
        fits | breaks) draft ;;
        *)
            verdict=refused
            draft
            ;;
    esac
    [[ -z $refused ]]
}

draft() {
    take_patch
    local tree commit old='' number report_hash pushed=''
    tree=$(git write-tree)
    number=$(open_draft)
    report_hash=$({ cat "$handover/report.md" 2>/dev/null || true; echo "$verdict $refused"; } | sha256sum | cut -c1-16)
    write_body "$report_hash"
    if git ls-remote --exit-code origin "refs/heads/$branch" >/dev/null; then
        git fetch --quiet origin "+refs/heads/$branch:refs/remotes/origin/$branch"
        old=$(git rev-parse "refs/remotes/origin/$branch")
    fi
    if [[ -n $old ]] && has_commits_of_persons "$old"; then
        echo "$branch has commits of a person: it stays as it is."
        if [[ -z $number ]]; then
            create_draft
        elif [[ $(gh pr view "$number" --json body,comments --jq '.body, .comments[].body') != *"$report_hash"* ]]; then
            gh pr comment "$number" --body-file "$body"
        fi
        return
    fi
    if [[ -n $old && $(git rev-parse "$old^{tree}") == "$tree" ]]; then
        commit=$old
    else
        commit=$(commit_tree "$tree")
        push --force-with-lease="refs/heads/$branch:$old" origin "$commit:refs/heads/$branch"
        pushed=yes
    fi
    if [[ -z $number ]]; then
        create_draft
    elif [[ -n $pushed || $(gh pr view "$number" --json body --jq .body) != *"$report_hash"* ]]; then
        gh pr edit "$number" --title "$(title)" --body-file "$body"
        gh pr ready "$number" --undo # what a person approved was another change
    else
        echo "The draft $number says all this already."
        return
    fi
    mark "$commit"
    gh workflow run ci.yml --ref "$branch"
}

# The patch as git's index; the index of HEAD, and `refused` says why, where it is not one for a draft.
take_patch() {
    git read-tree HEAD
    [[ -s $handover/patch ]] || return 0
    if (($(wc -c <"$handover/patch") > LARGEST_PATCH)); then
        refused="the patch is larger than $LARGEST_PATCH bytes"
    elif ! git apply --cached --whitespace=nowarn "$handover/patch" 2>/dev/null; then
        refused='the patch does not apply'
    else
        refused=$(forbidden)
    fi
    if [[ -n $refused ]]; then
        refused=$(tr -cd '[:print:]' <<<"$refused" | cut -c1-300)
        echo "::error::The patch for $provider is refused: $refused"
        verdict=refused
        git read-tree HEAD
    fi
}

# The first thing in the index that a draft may not change.
forbidden() {
    local change path mode
    while IFS= read -r -d '' change && IFS= read -r -d '' path; do
        mode=$(cut -d' ' -f2 <<<"$change")
        if [[ ! $path =~ $ALLOWED || $path == */.git* ]]; then
            echo "it touches $path"
        elif [[ $mode != 000000 && $mode != 100644 ]]; then
            echo "$path is no plain file"
        elif [[ $path == specs/*/source.toml ]] && [[ $(by_a_person HEAD "$path") != "$(by_a_person '' "$path")" ]]; then
            echo "it changes hosts or fetch in $path, which only a person does"
        else
            continue
        fi
        return
    done < <(git diff --cached --raw -z --no-renames HEAD)
}

# The keys of a source.toml that only a person writes, in the index ('') or in a commit.
by_a_person() {
    git show "$1:$2" 2>/dev/null | python3 -c '
import sys, tomllib
try:
    source = tomllib.loads(sys.stdin.buffer.read().decode())
except ValueError as error:
    sys.exit(print(f"unreadable: {error}"))
print([source.get(key) for key in ("hosts", "fetch")])
' || true
}

# True where that cannot be told, too.
has_commits_of_persons() {
    local emails
    emails=$(git log --format='%ae%n%ce' "HEAD..$1") || return 0
    [[ -n $(grep -vxF "$BOT_EMAIL" <<<"$emails") ]]
}

commit_tree() {
    GIT_AUTHOR_NAME=$BOT_NAME GIT_AUTHOR_EMAIL=$BOT_EMAIL GIT_COMMITTER_NAME=$BOT_NAME GIT_COMMITTER_EMAIL=$BOT_EMAIL \
        git commit-tree "$1" -p HEAD -m "$(title)"
}

push() { git -c credential.helper= -c credential.helper='!gh auth git-credential' push --quiet "$@"; }

# Its number, or nothing. A draft of a fork can have a branch of the same name.
open_draft() {
    gh pr list --head "$branch" --state open --json number,isCrossRepository \
        --jq 'map(select(.isCrossRepository | not)) | .[0].number // empty'
}

create_draft() {
    gh pr create --draft --base "$GITHUB_REF_NAME" --head "$branch" --title "$(title)" --body-file "$body"
}

title() {
    case $verdict in
        fits) echo "$provider: the page has changed" ;;
        breaks) echo "$provider: the page has changed, and it breaks" ;;
        refused) echo "$provider: the page has changed, and cannot be taken in" ;;
    esac
}

# What the draft says: the report, in which no name is mentioned and no issue is closed.
write_body() {
    {
        case $verdict in
            fits) echo 'Nothing that the package promises breaks. The tests run on this branch.' ;;
            breaks) echo '**This breaks.** The contract is as published; what could be made from it is here. Mend the rest on this branch.' ;;
            refused) echo '**The page could not be taken in.** This branch holds no change until a person has made one.' ;;
        esac
        if [[ -n $refused ]]; then printf '\nThe patch was refused: `%s`.\n' "${refused//\`/}"; fi
        printf '\nCONTRIBUTING.md, "A page has changed", says what to do. [The run](%s) has the log.\n\n' "$(run_url)"
        if [[ -s $handover/report.md ]]; then harmless "$handover/report.md"; else harmless "$handover/log"; fi
        printf '\n\n<!-- report %s -->\n' "$1"
    } >"$body"
}

harmless() {
    head -c "$LONGEST_REPORT" "$1" 2>/dev/null | iconv -c -f utf-8 -t utf-8 |
        sed -E 's/@/\&#64;/g; s/#([0-9])/\&#35;\1/g; s/<!--/\&lt;!--/g' || true
}

run_url() { echo "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"; }

mark() {
    local state=failure
    if [[ $verdict == fits ]]; then state=success; fi
    gh api --silent --method POST "repos/$GITHUB_REPOSITORY/statuses/$1" -f state="$state" \
        -f context="Contract of $provider" -f description="$(title)" -f target_url="$(run_url)"
}

# The page says what is taken in already: a draft for it has no use any more, unless a person works on it.
withdraw() {
    local number
    number=$(open_draft)
    [[ -n $number ]] || return 0
    git fetch --quiet origin "+refs/heads/$branch:refs/remotes/origin/$branch"
    if ! has_commits_of_persons "refs/remotes/origin/$branch"; then
        gh pr close "$number" --comment 'The page says again what has been taken in.'
    fi
}

# An issue where nobody saw the page for long: no run of this workflow, and no person, who says so by closing the issue.
report_unseen() {
    local title="$provider: its page was not seen for $DAYS days" taken run known closed last
    taken=$(sed -n 's/^retrieved = //p' "specs/$provider/source.toml")
    # One of a fork's change request could have the same name.
    run=$(gh api "repos/$GITHUB_REPOSITORY/actions/artifacts?name=seen-$provider&per_page=100" \
        --jq "[.artifacts[] | select(.workflow_run.head_branch == \"$GITHUB_REF_NAME\" and
            .workflow_run.head_repository_id == .workflow_run.repository_id) | .created_at] | max // empty")
    known=$(gh issue list --state all --limit 100 --search "\"$title\" in:title" --json title,state,closedAt \
        --jq ".[] | select(.title == \"$title\") | \"\(.state) \(.closedAt // \"\")\"")
    if grep -q '^OPEN' <<<"$known"; then return; fi
    closed=$(sed -n 's/^CLOSED //p' <<<"$known")
    last=$(for moment in $taken $run $closed; do date -u -d "$moment" +%s; done | sort -n | tail -1)
    if ((($(date -u +%s) - last) / 86400 < DAYS)); then
        echo "$provider: its page was last seen on $(date -u -d "@$last" +%F)."
        return
    fi
    {
        printf 'The page of %s was last seen on %s. ' "$provider" "$(date -u -d "@$last" +%F)"
        printf 'Save it as Markdown, and run `nox -s update -- %s PAGE`. [The run](%s) has the log.\n\n' "$provider" "$(run_url)"
        printf 'To close this says that somebody has seen the page.\n\n'
        harmless "$handover/log"
    } >"$body"
    gh issue create --title "$title" --body-file "$body"
}

main "$@"
