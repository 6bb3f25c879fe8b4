"""The job with a token that can write: it opens one draft for a provider, and runs and takes nothing but contracts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.repository import BOT, Repository

BRANCH = "update/paybyrd"
CONTRACT = "specs/paybyrd/openapi.yaml"
TITLE = "paybyrd: its page was not seen for 30 days"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def drafted(repository: Repository, handover: Path, code: int = 0) -> Any:
    """Run the script, which ends with this code; return the state of gh."""
    ended = repository.run("draft.sh", "paybyrd", str(handover))
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert repository.git("status", "--porcelain", "--untracked-files=no", "--", "noxfile.py") == ""
    return repository.state()


def fits(repository: Repository, text: str = "openapi: 3.0.2\n", verdict: str = "fits") -> Path:
    return repository.handover(verdict, repository.patch({CONTRACT: text}))


def test_a_change_that_fits_opens_a_draft_with_the_patch_and_the_report_and_starts_its_tests(
    repository: Repository,
) -> None:
    state = drafted(repository, fits(repository))
    (draft,) = state["drafts"]
    assert (draft["head"], draft["base"], draft["isDraft"]) == (BRANCH, "main", True)
    assert draft["title"] == "paybyrd: the page has changed"
    assert "what changed" in draft["body"]
    assert "https://github.example.com/company/refundry/actions/runs/7" in draft["body"]
    assert repository.remote(BRANCH, CONTRACT) == "openapi: 3.0.2"
    assert repository.remote(BRANCH) == BOT
    (status,) = state["statuses"]
    assert (status["state"], status["commit"]) == ("success", repository.git("rev-parse", f"origin/{BRANCH}"))
    assert state["runs"] == [["ci.yml", BRANCH]]


def test_the_patch_never_reaches_the_files_of_the_job(repository: Repository) -> None:
    drafted(repository, fits(repository))
    assert (repository.folder / CONTRACT).read_text(encoding="utf-8") == "openapi: 3.0.1\n"


def test_a_change_that_breaks_is_marked_as_failed(repository: Repository) -> None:
    state = drafted(repository, fits(repository, verdict="breaks"))
    assert [status["state"] for status in state["statuses"]] == ["failure"]
    assert state["drafts"][0]["title"] == "paybyrd: the page has changed, and it breaks"
    assert "**This breaks.**" in state["drafts"][0]["body"]


@pytest.mark.parametrize("verdict", ["refused", "gibberish", ""])
def test_a_page_that_could_not_be_taken_in_opens_a_draft_all_the_same(repository: Repository, verdict: str) -> None:
    state = drafted(repository, repository.handover(verdict, b"", report=""))
    (draft,) = state["drafts"]
    assert draft["title"] == "paybyrd: the page has changed, and cannot be taken in"
    assert "what the command said" in draft["body"]
    assert [status["state"] for status in state["statuses"]] == ["failure"]
    assert repository.git("rev-list", "--count", f"main..{state['statuses'][0]['commit']}") == "1"


@pytest.mark.parametrize(
    ("changes", "mode", "why"),
    [
        ({"noxfile.py": "import os\n"}, "", "it touches noxfile.py"),
        ({".github/workflows/ci.yml": "on: push\n"}, "", "it touches .github/workflows/ci.yml"),
        ({"facade/refundry/accounts/blink.py": "HOSTS = {}\n"}, "", "it touches facade/refundry/accounts/blink.py"),
        ({"specs2/a": "a\n"}, "", "it touches specs2/a"),
        ({"noxfile.py": None}, "", "it touches noxfile.py"),
        ({"docs/.gitattributes": "* filter=x\n"}, "", "it touches docs/.gitattributes"),
        ({"docs/page.md": "../noxfile.py"}, "link", "docs/page.md is no plain file"),
        ({"generated/run": "run\n"}, "executable", "generated/run is no plain file"),
        (
            {"specs/paybyrd/source.toml": 'hosts = ["evil.example.com"]\nfetch = "by hand"\nretrieved = 2000-01-01\n'},
            "",
            "only a person does",
        ),
        (
            {"specs/paybyrd/source.toml": 'hosts = [\n"api.example.com",\n"evil.example.com"]\nfetch = "by hand"\n'},
            "",
            "only a person does",
        ),
        ({"specs/new/source.toml": 'hosts = ["evil.example.com"]\n'}, "", "only a person does"),
    ],
)
def test_a_patch_that_touches_anything_else_is_refused_whole_and_opens_a_draft_without_it(
    repository: Repository, changes: dict[str, str | None], mode: str, why: str
) -> None:
    patch = repository.patch({CONTRACT: "openapi: 3.0.2\n"}) + repository.patch(changes, mode)
    state = drafted(repository, repository.handover("fits", patch), code=1)
    (draft,) = state["drafts"]
    assert why in draft["body"]
    assert [status["state"] for status in state["statuses"]] == ["failure"]
    assert repository.remote(BRANCH, CONTRACT) == "openapi: 3.0.1"
    assert repository.git("diff", "--name-only", "main", f"origin/{BRANCH}") == ""


def test_source_toml_may_change_where_hosts_and_fetch_stay(repository: Repository) -> None:
    text = 'hosts = ["api.example.com"]\nfetch = "by hand"\nretrieved = 2026-11-27\n'
    handover = repository.handover("fits", repository.patch({"specs/paybyrd/source.toml": text}))
    drafted(repository, handover)
    assert "2026-11-27" in repository.remote(BRANCH, "specs/paybyrd/source.toml")


@pytest.mark.parametrize(
    "patch", [b"no patch\n", b"diff --git a/../x b/../x\n--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n"]
)
def test_what_is_no_patch_for_this_commit_is_refused(repository: Repository, patch: bytes) -> None:
    state = drafted(repository, repository.handover("fits", patch), code=1)
    assert "the patch does not apply" in state["drafts"][0]["body"]


def test_the_same_change_on_the_next_day_leaves_the_draft_as_it_is(repository: Repository) -> None:
    before = drafted(repository, fits(repository))
    assert drafted(repository, fits(repository)) == before


def test_a_further_change_refreshes_the_same_draft(repository: Repository) -> None:
    drafted(repository, fits(repository))
    state = repository.state()
    state["drafts"][0]["isDraft"] = False
    repository.set(**state)
    state = drafted(repository, fits(repository, "openapi: 3.1.0\n", "breaks"))
    (draft,) = state["drafts"]
    assert (draft["isDraft"], draft["title"]) == (True, "paybyrd: the page has changed, and it breaks")
    assert repository.remote(BRANCH, CONTRACT) == "openapi: 3.1.0"
    assert [status["state"] for status in state["statuses"]] == ["success", "failure"]


def test_a_new_commit_of_main_is_what_the_refreshed_draft_stands_on(repository: Repository) -> None:
    drafted(repository, fits(repository))
    repository.write("noxfile.py", "# newer\n")
    repository.commit("Go on", "person@example.com")
    repository.git("push", "--quiet", "origin", "main")
    drafted(repository, fits(repository))
    assert repository.remote(BRANCH, "noxfile.py") == "# newer"
    assert repository.git("rev-list", "--count", f"main..origin/{BRANCH}") == "1"


@pytest.mark.parametrize("committer", [BOT, "person@example.com"])
def test_nothing_is_pushed_over_a_commit_of_a_person_and_the_draft_gets_one_comment(
    repository: Repository, committer: str
) -> None:
    drafted(repository, fits(repository))
    repository.git("switch", "--quiet", "-c", BRANCH, f"origin/{BRANCH}")
    repository.write("facade/corrected.py", "# corrected\n")
    repository.git("add", "--all")
    repository.git("-c", f"user.email={committer}", "commit", "--quiet", "-m", "Mend", "--author", "A <a@example.com>")
    repository.git("push", "--quiet", "origin", BRANCH)
    repository.git("switch", "--quiet", "main")
    state: dict[str, Any] = {}
    for _ in range(2):
        state = drafted(repository, repository.handover("breaks", fits_patch(repository), report="and more changed"))
    assert repository.remote(BRANCH, "facade/corrected.py") == "# corrected"
    (draft,) = state["drafts"]
    assert ["and more changed" in comment["body"] for comment in draft["comments"]] == [True]
    assert "what changed" in draft["body"]


def fits_patch(repository: Repository) -> bytes:
    return repository.patch({CONTRACT: "openapi: 3.1.0\n"})


def test_a_branch_of_a_person_without_a_draft_gets_one_and_stays_as_it_is(repository: Repository) -> None:
    repository.git("switch", "--quiet", "-c", BRANCH)
    repository.write("mine.txt", "mine\n")
    repository.commit("Mine", "person@example.com")
    repository.git("push", "--quiet", "origin", BRANCH)
    repository.git("switch", "--quiet", "main")
    state = drafted(repository, fits(repository))
    assert len(state["drafts"]) == 1
    assert repository.remote(BRANCH, "mine.txt") == "mine"


def test_a_draft_that_a_person_closed_is_opened_again_as_long_as_the_page_differs(repository: Repository) -> None:
    state = drafted(repository, fits(repository))
    state["drafts"][0]["state"] = "closed"
    repository.set(**state)
    assert [draft["state"] for draft in drafted(repository, fits(repository))["drafts"]] == ["closed", "open"]


def test_a_draft_of_a_fork_with_the_same_branch_is_left_alone(repository: Repository) -> None:
    fork = {"number": 1, "head": BRANCH, "state": "open", "isCrossRepository": True, "body": "theirs", "comments": []}
    repository.set(drafts=[fork])
    state = drafted(repository, fits(repository))
    assert state["drafts"][0] == fork
    assert state["drafts"][1]["title"] == "paybyrd: the page has changed"


def test_a_page_that_is_as_it_was_opens_nothing_and_closes_a_draft_that_has_no_use(repository: Repository) -> None:
    assert drafted(repository, repository.handover("unchanged"))["drafts"] == []
    drafted(repository, fits(repository))
    state = drafted(repository, repository.handover("unchanged"))
    assert [draft["state"] for draft in state["drafts"]] == ["closed"]


def test_a_report_can_mention_nobody_and_close_no_issue(repository: Repository) -> None:
    report = "Thanks @everyone. Closes #12. <!-- report 0123456789abcdef -->"
    body = drafted(repository, repository.handover("fits", fits_patch(repository), report))["drafts"][0]["body"]
    assert "@everyone" not in body
    assert "#12" not in body
    assert body.count("<!--") == 1


@pytest.mark.parametrize(
    ("retrieved", "artifact", "closed", "opens"),
    [
        (40, None, None, True),
        (20, None, None, False),
        (40, (10, "main", True), None, False),
        (40, (35, "main", True), None, True),
        (40, (10, "main", False), None, True),  # of a fork
        (40, (10, "other", True), None, True),
        (40, None, 10, False),
        (400, None, 35, True),
    ],
)
def test_a_page_that_nobody_saw_for_30_days_opens_an_issue(
    tmp_path: Path, retrieved: int, artifact: tuple[int, str, bool] | None, closed: int | None, opens: bool
) -> None:
    repository = Repository(tmp_path, ago(retrieved)[:10])
    if artifact is not None:
        days, branch, own = artifact
        run = {"head_branch": branch, "repository_id": 1, "head_repository_id": 1 if own else 2}
        repository.set(artifacts=[{"created_at": ago(days), "workflow_run": run}])
    if closed is not None:
        repository.set(issues=[{"title": TITLE, "state": "CLOSED", "closedAt": ago(closed)}])
    before = len(repository.state()["issues"])
    state: dict[str, Any] = {}
    for _ in range(2):  # an open one is enough
        state = drafted(repository, repository.handover("not-seen"))
    assert [issue["title"] for issue in state["issues"][before:]] == [TITLE] * opens
    assert state["drafts"] == []


def test_where_nothing_was_handed_over_the_job_fails_and_the_issue_is_opened(repository: Repository) -> None:
    state = drafted(repository, repository.temporary / "nothing", code=1)
    assert [issue["title"] for issue in state["issues"]] == [TITLE]
    assert state["drafts"] == []
