"""flask inbox."""

from flask import Flask

from tests.api.test_inbox import DUE, tell
from tests.builders.access import fresh_client, signed_in
from tests.builders.book import build_loan
from tests.conftest import START


def test_renew_makes_devices_load_anew_and_does_nothing_unasked(app: Flask) -> None:
    loan = build_loan(now=START, due=DUE)
    tell(loan)
    client, headers = fresh_client(app), signed_in(loan.borrower_id)
    runner = app.test_cli_runner()

    def asked() -> int:
        return client.get("/v1/me/inbox/changes?since=1", headers=headers).status_code

    assert "--yes" in runner.invoke(args=["inbox", "renew"]).output
    assert asked() == 200
    assert "1 inboxes" in runner.invoke(args=["inbox", "renew", "--yes"]).output
    assert asked() == 409
