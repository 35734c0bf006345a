"""What leaves while contact data change: the code to the new address, the notice to the old one, and nothing else."""

from datetime import timedelta

import pytest
from flask import Flask

from app import clock
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import vault
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.unit_of_work import unit_of_work
from app.services.contact_change_codes import PURPOSE, prove_by_code, send_code
from app.services.contact_changes import propose_change
from app.services.desk_payments import DeskStaff
from app.services.sign_in import otp_code
from tests.builders.book import build_loan
from tests.conftest import START
from tests.fakes.channels import FakeChannel

OLD = {"phone": "+447700900001", "email": "li@example.test"}
NEW = {"phone": "+447700900002", "email": "new@example.test"}


@pytest.mark.parametrize(("kind", "channel"), [("phone", "sms"), ("email", "email")])
def test_the_code_goes_to_the_new_address_and_the_notice_to_the_old(sqlite_book: Flask, kind: str, channel: str) -> None:
    loan = build_loan(now=START, due=[START.date() + timedelta(days=60)], name="Li Wei", **OLD)
    staff = DeskStaff("staff:Ann", "agent", loan.lender_id)
    fake = FakeChannel(name=channel)
    engine = Engine(Dispatcher({channel: fake}, owner="tester"))
    with unit_of_work() as work:
        change_id = propose_change(work, loan.borrower_id, kind, NEW[kind], staff=staff, now=START)
        send_code(work, change_id, staff=staff, now=START)
        challenge_id = work.session.get_one(ContactChangeRow, change_id).challenge_id or ""
    code = otp_code(vault(), challenge_id, 0, purpose=PURPOSE)

    engine.dispatch_security()
    (sent,) = fake.sent
    assert (sent.target.address, sent.target.address_kind, sent.kind) == (NEW[kind], kind, "contact_code")
    assert code in sent.body

    prove_by_code(change_id, code, staff=staff, now=START)
    engine.dispatch_security()
    notice = fake.sent[-1]
    assert (notice.target.address, notice.kind, len(fake.sent)) == (OLD[kind], "contact_change_notice", 2)
    assert NEW[kind] not in f"{notice.title}{notice.body}"
    assert NEW[kind][-4:] not in notice.body


def test_the_change_takes_effect_by_the_engine_s_own_clock(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=[START.date() + timedelta(days=60)], name="Li Wei", **OLD)
    staff = DeskStaff("staff:Ann", "agent", loan.lender_id)
    engine = Engine(Dispatcher({"sms": FakeChannel(name="sms")}, owner="tester"))
    with unit_of_work() as work:
        change_id = propose_change(work, loan.borrower_id, "phone", NEW["phone"], staff=staff, now=START)
        send_code(work, change_id, staff=staff, now=START)
        challenge_id = work.session.get_one(ContactChangeRow, change_id).challenge_id or ""
    prove_by_code(change_id, otp_code(vault(), challenge_id, 0, purpose=PURPOSE), staff=staff, now=START)

    clock.use(lambda: START + timedelta(hours=72))
    engine.sweep_all()

    with unit_of_work() as work:
        assert work.session.get_one(ContactChangeRow, change_id).state == "done"
