"""Which account each name of a ledger stands for, over clients, processes and a change of name."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from refundry import Account, Blink, InvalidRefund, OutcomeUnknown, Paybyrd, RefundClient, RefundStatus
from refundry.ledger.__main__ import main
from tests.desk.support import LOST, client, lose, refund, run_sql, sent
from tests.facade.support import Answer


def paybyrd(name: str = "shop", **options: str) -> Paybyrd:
    """Return an account."""
    return Paybyrd(api_key="test-key", name=name, **options)  # type: ignore[arg-type]  # mypy cannot see which texts


def rename(url: str, old: str, new: str) -> int:
    """Rename an account by the command."""
    return main(["rename", old, new, "--by", "the person on call", "--yes", url])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Blink(access_token="test-key", name="shop"), "'shop' is blink (production) here, and paybyrd (production) in"),
        (paybyrd(environment="sandbox"), "'shop' is paybyrd (sandbox) here, and paybyrd (production) in the ledger"),
        (
            paybyrd(base_url="http://127.0.0.1:8787"),
            "'shop' is paybyrd (production) on this machine here, and paybyrd (production) in the ledger",
        ),
    ],
    ids=["provider", "environment", "loopback"],
)
def test_a_client_that_means_another_account_is_refused_when_it_is_made(url: str, other: Account, words: str) -> None:
    RefundClient([paybyrd()], ledger=url).close()
    with pytest.raises(InvalidRefund) as refused:
        RefundClient([Blink(access_token="test-key", name="new"), other], ledger=url)
    assert words in str(refused.value)
    assert (refused.value.field, refused.value.provider) == ("name", "shop")
    assert run_sql(url, "SELECT name, provider FROM refundry.accounts") == [("shop", "paybyrd")]


def test_clients_with_the_same_accounts_or_fewer_or_other_names_share_a_ledger(url: str) -> None:
    blink = Blink(access_token="test-key")
    several: list[list[Account]] = [[paybyrd(), blink], [blink, paybyrd()], [paybyrd()], [blink], [paybyrd("second")]]
    for accounts in several:
        RefundClient(accounts, ledger=url).close()
    assert run_sql(url, "SELECT name FROM refundry.accounts ORDER BY name") == [("blink",), ("second",), ("shop",)]


def test_an_account_of_a_derived_class_is_the_same_account(url: str) -> None:
    class Shop(Paybyrd):
        """An account that somebody has given a class of its own."""

    RefundClient([Shop(api_key="test-key", name="shop")], ledger=url).close()
    RefundClient([paybyrd()], ledger=url).close()


RACE = """
import sys
from refundry import Blink, InvalidRefund, Paybyrd, RefundClient
url, which = sys.argv[1:]
mine = Blink(access_token="test-key", name="shop") if which == "blink" else Paybyrd(api_key="test-key", name="shop")
print("ready", flush=True)
sys.stdin.readline()
try:
    RefundClient([mine], ledger=url).close()
    print("made")
except InvalidRefund as refused:
    print(refused)
"""


def test_of_two_processes_that_mean_two_accounts_by_a_name_at_once_one_is_refused(url: str) -> None:
    RefundClient([paybyrd("first")], ledger=url).close()
    for _ in range(3):
        run_sql(url, "DELETE FROM refundry.accounts")
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", RACE, url, which], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for which in ("blink", "paybyrd")
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        with ThreadPoolExecutor() as threads:
            ended = [*threads.map(lambda process: process.communicate("\n", timeout=60)[0].strip(), processes)]
        assert ended.count("made") == 1, ended
        assert sum("in the ledger: give this account another name=" in text for text in ended) == 1, ended


def test_a_renamed_account_keeps_its_references_under_the_new_name_alone(url: str) -> None:
    with client(url, name="old") as one:
        refund(one, "r-1", provider="old")
    assert rename(url, "old", "new") == 0
    with client(url, name="new") as one:
        assert refund(one, "r-1", provider="new").replayed
        assert sent(one, "new") == 0
        line = one.ledger.history("new", "r-1")[-1]
        assert (line.event, line.by) == ("its account is renamed", "the person on call")
        assert line.facts == {"from": "old", "to": "new"}
        assert (line.state, line.attempt) == ("accepted", 1)
        assert one.ledger.history("new", "r-2") == []


def test_a_client_with_the_old_name_is_refused_and_told_the_new_one(url: str) -> None:
    lose(url, "r-1", name="old")
    assert rename(url, "old", "new") == 0
    with pytest.raises(
        InvalidRefund, match="'old' is an old name of 'new' in the ledger: give this account name='new'"
    ):
        client(url, name="old")


def test_a_rename_can_be_repeated_and_taken_back(url: str) -> None:
    lose(url, "r-1", name="old")
    assert [rename(url, "old", "new"), rename(url, "old", "new"), rename(url, "new", "old")] == [0, 0, 0]
    with client(url, name="old") as one:
        assert [entry.reference for entry in one.ledger.unresolved("old")] == ["r-1"]
    with pytest.raises(InvalidRefund, match="'new' is an old name of 'old'"):
        client(url, name="new")


def test_accounts_become_one_where_no_reference_collides(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(url, "r-1", name="old")
    lose(url, "r-2", name="new")
    assert rename(url, "old", "new") == 0
    lose(url, "r-1", name="other")
    assert rename(url, "other", "new") == 1
    assert "'other' and 'new' both have a reference 'r-1'" in capsys.readouterr().err
    assert run_sql(url, "SELECT account, reference FROM refundry.refunds ORDER BY account, reference") == [
        ("new", "r-1"),
        ("new", "r-2"),
        ("other", "r-1"),
    ]


def test_a_name_of_another_kind_of_account_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(url, "r-1", name="old")
    lose(url, "r-2", provider="blink")
    assert rename(url, "old", "blink") == 1
    assert "two accounts" in capsys.readouterr().err
    assert rename(url, "nobody", "new") == 1
    assert "the ledger has no account 'nobody'; it has blink, old" in capsys.readouterr().err
    assert rename(url, "old", "a/b") == 2


def test_no_account_is_renamed_while_a_call_holds_one_of_its_references(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = []

    def meanwhile(_: object) -> Answer:
        codes.append(rename(url, "old", "new"))
        return LOST

    with client(url, meanwhile, name="old") as one, pytest.raises(OutcomeUnknown):
        refund(one, "r-1", provider="old")
    assert codes == [1]
    assert "a call is sending 'r-1' at 'old' now; stop the clients of this account" in capsys.readouterr().err


def test_no_account_is_renamed_whose_archived_references_could_be_sent_again(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with client(url, name="old") as one:
        refund(one, "r-1", provider="old")
    assert main(["archive", "--before", "2999-01-01", "--to", str(tmp_path / "old.jsonl"), "--yes", url]) == 0
    assert rename(url, "old", "new") == 1
    assert "under another name they could be sent again" in capsys.readouterr().err
    with client(url, name="old") as one:
        assert refund(one, "r-1", provider="old").status is RefundStatus.SUCCEEDED
        assert sent(one, "old") == 0
