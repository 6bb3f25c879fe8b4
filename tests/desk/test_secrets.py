"""A ledger's URL: its variable, the one that was meant, and its password, which shows nowhere."""

import logging
import subprocess
import sys
import traceback
from typing import Final

import pytest

from refundry import InvalidRefund, LedgerFailed, RefundClient, Secret
from refundry.ledger.__main__ import main
from tests.desk.support import lose

PASSWORD: Final = "canary-password-7"
KEYS: Final = {"REFUNDRY_PAYBYRD_API_KEY": "canary-key-7"}
# Nothing listens at port 1; the others are URLs that no ledger has.
URLS: Final = [
    f"postgresql://shop:{PASSWORD}@127.0.0.1:1/refunds",
    f"postgresql://shop:{PASSWORD}@127.0.0.1:no-port/refunds",
    f"postgresql://shop:{PASSWORD}@[::1/refunds",
    f"postgresql://shop:{PASSWORD}@127.0.0.1/refunds?nonsense=1",
    f"mysql://shop:{PASSWORD}@127.0.0.1/refunds",
    f"sqlite://shop:{PASSWORD}@127.0.0.1/refunds",
    PASSWORD,
]


def everything(error: BaseException) -> str:
    """Return all that a log or a reporter can show of an error, except for the frame of the test that holds the URL."""
    own = error.__traceback__
    assert own is not None
    error = error.with_traceback(own.tb_next)
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return f"{error!r} {error} {vars(error)} {''.join(lines)}"


@pytest.mark.parametrize("url", URLS)
def test_no_error_about_the_variable_shows_the_password(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises((InvalidRefund, LedgerFailed)) as failed:
        RefundClient.from_env({**KEYS, "REFUNDRY_LEDGER": url})
    assert "canary" not in everything(failed.value) + caplog.text


@pytest.mark.parametrize("url", URLS)
def test_no_error_about_the_argument_shows_the_password(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises((InvalidRefund, LedgerFailed)) as failed:
        RefundClient([], ledger=url)
    assert PASSWORD not in everything(failed.value) + caplog.text


@pytest.mark.parametrize("url", URLS)
def test_no_command_shows_the_password(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUNDRY_LEDGER", url)
    for arguments in (["list"], ["check"], ["list", url]):
        assert main(arguments) == 2
    told = capsys.readouterr()
    assert PASSWORD not in told.out + told.err
    assert told.err.count("error: ") == 3


def test_an_unfit_variable_shows_no_other_credential() -> None:
    with pytest.raises(InvalidRefund) as refused:
        RefundClient.from_env({**KEYS, "REFUNDRY_LEDGER": f"postgresql://{PASSWORD}@h/d", "REFUNDRY_NONSENSE": "1"})
    assert "canary" not in everything(refused.value)


@pytest.mark.parametrize(
    "variable", ["REFUNDRY_LEDGR", "REFUNDRY_LEDGER_URL", "REFUNDRY_LEDGERS", "REFUNDRY__LEDGER", "REFUNDRY_LEGDER"]
)
def test_a_misspelt_variable_is_refused_and_the_right_one_named(
    variable: str, file_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidRefund, match=r"did you mean REFUNDRY_LEDGER\?") as refused:
        RefundClient.from_env({**KEYS, variable: file_url})
    assert refused.value.field == variable
    monkeypatch.setenv(variable, file_url)
    assert main(["list"]) == 2
    assert f"{variable} is set: did you mean REFUNDRY_LEDGER?" in capsys.readouterr().err


def test_the_variable_gives_the_client_its_ledger(file_url: str) -> None:
    lose(file_url, "r-1")
    with RefundClient.from_env({**KEYS, "REFUNDRY_LEDGER": file_url}) as one:
        assert [entry.reference for entry in one.ledger.unresolved()] == ["r-1"]
    with RefundClient.from_env({**KEYS, "REFUNDRY_LEDGER": file_url}, ledger=None) as one:
        assert one.ledger.unresolved() == []


def test_a_ledger_may_be_given_as_a_secret(file_url: str) -> None:
    lose(file_url, "r-1")
    with RefundClient.from_env(KEYS, ledger=Secret(file_url)) as one:
        assert [entry.reference for entry in one.ledger.unresolved()] == ["r-1"]


def test_an_empty_variable_is_refused() -> None:
    with pytest.raises(InvalidRefund, match="REFUNDRY_LEDGER is empty"):
        RefundClient.from_env({**KEYS, "REFUNDRY_LEDGER": " "})


IN_ANOTHER_PROCESS: Final = """
import logging, os, sys
from refundry import RefundClient
from tests.facade.support import Scripted, accepted, account
from tests.desk.support import refund

logging.basicConfig(stream=sys.stdout, format="%(message)s")
options = {} if sys.argv[1] == "nothing" else {"ledger": None if sys.argv[1] == "None" else sys.argv[1]}
client = RefundClient([account("paybyrd", transport=Scripted(accepted("paybyrd")))], **options)
refund(client, "in-the-parent")
child = os.fork()
if not child:
    for number in range(3):
        refund(client, f"in-the-child-{number}")
    sys.stdout.flush()
    os._exit(0)
_, status = os.waitpid(child, 0)
print("the child ended with", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize(("ledger", "warnings"), [("nothing", 1), ("None", 0), ("a database", 0)])
def test_a_client_that_forks_without_a_ledger_warns_once_and_says_what_to_do(
    ledger: str, warnings: int, file_url: str
) -> None:
    given = file_url if ledger == "a database" else ledger
    ran = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, given], capture_output=True, text=True, timeout=60, check=True
    )
    assert "the child ended with 0" in ran.stdout
    assert ran.stdout.count("was made in another process, and has no ledger") == warnings
    assert ran.stdout.count("Give it ledger='sqlite:///...' or ledger='postgresql://...', or ledger=None") == warnings
