"""Changing contact data: proved anew, the old address told, cooled off, stopped by a word, and held against the core."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import BorrowerValues, PutResult
from app.domain.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OtpExpiredError,
    OtpInvalidError,
    OtpLockedError,
    RateLimitedError,
    StepUpRequiredError,
    ValidationError,
)
from app.engine.follow_ups import follow_up_due
from app.persistence.db import session, vault
from app.persistence.models.access import OtpChallengeRow, SessionRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.borrowers import BorrowerRow, SignInPhoneRow
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import unit_of_work
from app.services.borrowers import put_borrower
from app.services.contact_change_codes import PURPOSE, prove_by_code, send_code
from app.services.contact_changes import (
    cancel_change,
    confirm_by_supervisor,
    confirm_own,
    hear_objection,
    list_changes,
    object_to,
    propose_change,
)
from app.services.desk_payments import DeskStaff
from app.services.sessions import open_session
from app.services.sign_in import Caller, otp_code, sign_in
from tests.builders.book import Built, build_loan
from tests.builders.parallel import meet
from tests.conftest import START

OLD, NEW = "+447700900001", "+447700900002"
COOLED = START + timedelta(hours=72)


class Proven:
    """Who proved a second factor so long ago."""

    session_id = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"

    def __init__(self, minutes: int | None = 1) -> None:
        self.proof_age = None if minutes is None else timedelta(minutes=minutes)


def a_loan(**changes: Any) -> Built:
    given = {"phone": OLD, "email": "li@example.test", "address_lines": ("1 Old Street",), "name": "Li Wei", **changes}
    return build_loan(now=START, due=[START.date() + timedelta(days=5)], **given)


def ann(loan: Built, role: str = "agent") -> DeskStaff:
    return DeskStaff("staff:Ann", role, loan.lender_id)


def bob(loan: Built, role: str = "supervisor") -> DeskStaff:
    return DeskStaff("staff:Bob", role, loan.lender_id)


def propose(loan: Built, kind: str = "phone", value: str = NEW, *, staff: DeskStaff | None = None) -> str:
    with unit_of_work() as work:
        return propose_change(work, loan.borrower_id, kind, value, staff=staff or ann(loan), now=START)


def code_of(change_id: str) -> str:
    row = row_of(change_id)
    assert row.challenge_id is not None
    return otp_code(vault(), row.challenge_id, 0, purpose=PURPOSE)


def send(loan: Built, change_id: str, *, now: datetime = START) -> str:
    with unit_of_work() as work:
        send_code(work, change_id, staff=ann(loan), now=now)
    return code_of(change_id)


def a_cooling_change(loan: Built, kind: str = "phone", value: str = NEW) -> str:
    change_id = propose(loan, kind, value)
    if kind == "address":
        with unit_of_work() as work:
            confirm_by_supervisor(work, change_id, grounds="seen", staff=bob(loan), proven=Proven(), now=START)
    else:
        prove_by_code(change_id, send(loan, change_id), staff=ann(loan), now=START)
    return change_id


def row_of(change_id: str) -> ContactChangeRow:
    session().rollback()
    return session().get_one(ContactChangeRow, change_id, populate_existing=True)


def contact(loan: Built, kind: str = "phone") -> str | None:
    session().rollback()
    row = session().get_one(BorrowerRow, loan.borrower_id, populate_existing=True)
    return vault().open(getattr(row, f"{kind}_sealed"), place=f"borrowers.{kind}:{row.id}")


def every(model: type, **where: Any) -> Sequence[Any]:
    session().rollback()
    return session().scalars(select(model).filter_by(**where)).all()


def states(loan: Built) -> dict[str, str]:
    return {row.channel: row.state for row in every(EndpointRow, borrower_id=loan.borrower_id)}


def feed(loan: Built, *, now: datetime = START, **changes: Any) -> PutResult:
    given = {"phone": OLD, "email": "li@example.test", "address_lines": ("1 Old Street",), "name": "Li Wei", **changes}
    with unit_of_work() as work:
        return put_borrower(work, BorrowerValues(loan.borrower_no, **given), now=now, origin="ingest")


# -- proposing


def test_proposing_changes_nothing_yet_and_the_borrower_is_told(app: Flask) -> None:
    loan = a_loan()

    change_id = propose(loan, value="+44 7700 900002")

    assert (row_of(change_id).state, contact(loan)) == ("proposed", OLD)
    assert [row.template for row in every(NoticeRow, borrower_id=loan.borrower_id)] == ["contact_change_wanted"]
    audit = [row.facts for row in every(AuditRow, action="contact_change.proposed")]
    assert audit == [{"contact_change_id": change_id, "kind": "phone"}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", "0123"),
        ("phone", OLD),
        ("email", "nobody"),
        ("address", " \n "),
        ("name", "Li"),
        ("email", "LI@example.test"),
    ],
)
def test_what_cannot_be_and_what_is_known_already_are_refused(sqlite_book: Flask, kind: str, value: str) -> None:
    loan = a_loan()
    with pytest.raises(ValidationError):
        propose(loan, kind, value)


def test_one_of_a_kind_is_under_way_at_a_time(sqlite_book: Flask) -> None:
    loan = a_loan()
    propose(loan)
    with pytest.raises(ConflictError):
        propose(loan, value="+447700900003")
    propose(loan, "email", "new@example.test")


def test_a_phone_that_somebody_else_signs_in_with_is_refused(sqlite_book: Flask) -> None:
    a_loan(phone=NEW)
    with pytest.raises(ConflictError):
        propose(a_loan())


# -- proving


def test_a_code_goes_to_the_new_phone_and_proves_it(app: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)

    code = send(loan, change_id)

    (challenge,) = every(OtpChallengeRow)
    assert vault().open(challenge.phone_sealed, place=f"otp_challenges.phone:{challenge.id}") == NEW
    (message,) = every(MessageRow, template="contact_code")
    assert (message.channel, message.lane, message.text_sealed) == ("sms", "security", None)
    prove_by_code(change_id, code, staff=ann(loan), now=START + timedelta(minutes=9))
    row = row_of(change_id)
    assert (row.state, row.proof, contact(loan)) == ("cooling_off", "code", OLD)


def test_a_code_of_a_change_signs_nobody_in_and_a_code_of_a_sign_in_proves_nothing(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)
    code = send(loan, change_id)
    challenge_id = row_of(change_id).challenge_id or ""

    with pytest.raises(OtpInvalidError):
        sign_in(challenge_id, code, Caller("desk", "10.0.0.0/24"), now=START)
    with pytest.raises(OtpInvalidError):
        prove_by_code(change_id, otp_code(vault(), challenge_id, 0), staff=ann(loan), now=START)


def test_five_wrong_tries_lock_the_code_and_they_stay_counted(app: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)
    code = send(loan, change_id)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"

    for _ in range(5):
        with pytest.raises(OtpInvalidError):
            prove_by_code(change_id, wrong, staff=ann(loan), now=START)
    with pytest.raises(OtpLockedError):
        prove_by_code(change_id, code, staff=ann(loan), now=START)
    assert row_of(change_id).state == "proposed"


def test_a_code_runs_out_and_a_new_one_takes_its_place(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)
    first = send(loan, change_id)

    with pytest.raises(OtpExpiredError):
        prove_by_code(change_id, first, staff=ann(loan), now=START + timedelta(minutes=10))
    with pytest.raises(RateLimitedError):
        send(loan, change_id, now=START + timedelta(seconds=5))
    second = send(loan, change_id, now=START + timedelta(minutes=11))
    with pytest.raises(OtpInvalidError):
        prove_by_code(change_id, first, staff=ann(loan), now=START + timedelta(minutes=11))
    prove_by_code(change_id, second, staff=ann(loan), now=START + timedelta(minutes=11))


def test_so_many_codes_are_sent_for_one_change(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)
    for hour in range(5):
        send(loan, change_id, now=START + timedelta(hours=hour))
    with pytest.raises(ConflictError):
        send(loan, change_id, now=START + timedelta(hours=6))


def test_an_address_takes_no_code(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan, "address", "2 New Street\nYork")
    with pytest.raises(ValidationError):
        send(loan, change_id)


def test_a_supervisor_confirms_on_documents_with_a_fresh_proof_and_not_their_own(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)

    def confirm(staff: DeskStaff, proven: Proven) -> None:
        with unit_of_work() as work:
            confirm_by_supervisor(work, change_id, grounds="passport seen", staff=staff, proven=proven, now=START)

    with pytest.raises(ForbiddenError):
        confirm(bob(loan, "agent"), Proven())
    with pytest.raises(StepUpRequiredError):
        confirm(bob(loan), Proven(11))
    with pytest.raises(StepUpRequiredError):
        confirm(bob(loan), Proven(None))
    with pytest.raises(ForbiddenError):
        confirm(ann(loan, "supervisor"), Proven())
    confirm(bob(loan), Proven())

    assert (row_of(change_id).state, row_of(change_id).proof) == ("cooling_off", "supervisor")
    assert list_changes(session(), vault(), loan.borrower_id)[0].grounds == "passport seen"


def test_the_borrower_confirms_in_the_app_with_a_fresh_code(sqlite_book: Flask) -> None:
    loan, other = a_loan(), a_loan(phone="+447700900009")
    change_id = propose(loan)
    with unit_of_work() as work:
        signed_in = open_session(work, loan.borrower_id, "phone-1", None, now=START)

    def confirm(borrower_id: str, at: datetime) -> None:
        with unit_of_work() as work:
            confirm_own(work, borrower_id, change_id, session_id=signed_in.session_id, now=at)

    with pytest.raises(StepUpRequiredError):
        confirm(loan.borrower_id, START + timedelta(minutes=10))
    with pytest.raises(NotFoundError):
        confirm(other.borrower_id, START)
    confirm(loan.borrower_id, START)

    assert (row_of(change_id).state, row_of(change_id).proof) == ("cooling_off", "app")


# -- cooling off


def test_the_old_address_is_told_and_takes_no_reminder_meanwhile(app: Flask) -> None:
    loan = a_loan()
    a_cooling_change(loan)

    (notice,) = every(MessageRow, template="contact_change_notice")
    assert (notice.channel, notice.message_class, notice.state) == ("sms", "security", "queued")
    assert notice.not_after < COOLED  # so that it never reaches the new one
    text = vault().open(notice.text_sealed, place=f"messages.text:{notice.id}") or ""
    assert NEW[-4:] not in text
    assert states(loan) == {"sms": "unverified", "voice": "unverified"}
    told = [row.template for row in every(NoticeRow, borrower_id=loan.borrower_id)]
    assert "contact_change_coming" in told


def test_after_it_the_new_one_is_in_force_and_every_session_is_over(app: Flask) -> None:
    loan = a_loan()
    change_id = a_cooling_change(loan)
    with unit_of_work() as work:
        open_session(work, loan.borrower_id, "phone-1", None, now=START)

    follow_up_due(now=COOLED - timedelta(seconds=1))
    assert contact(loan) == OLD
    follow_up_due(now=COOLED)

    assert (contact(loan), row_of(change_id).state) == (NEW, "done")
    assert contact(loan, "email") == "li@example.test"
    digests = {each.digest for each in vault().search_hashes("phone", NEW)}
    assert {row.digest for row in every(SignInPhoneRow)} <= digests
    assert [row.revoke_reason for row in every(SessionRow)] == ["phone_changed"]
    assert set(states(loan).values()) == {"replaced"}
    assert "contact_change.done.v1" in {row.type for row in every(WebhookEventRow)}


def test_an_e_mail_and_an_address_change_without_ending_sessions(sqlite_book: Flask) -> None:
    loan = a_loan()
    a_cooling_change(loan, "email", "new@example.test")
    a_cooling_change(loan, "address", "2 New Street\nYork")
    with unit_of_work() as work:
        open_session(work, loan.borrower_id, "phone-1", None, now=START)

    follow_up_due(now=START + timedelta(hours=24))

    assert contact(loan, "email") == "new@example.test"
    assert contact(loan, "address") == '["2 New Street", "York"]'
    assert [row.revoked_at for row in every(SessionRow)] == [None]


@pytest.mark.parametrize("how", ["app", "reply"])
def test_whoever_has_the_old_one_stops_it_and_compliance_is_called(app: Flask, how: str) -> None:
    loan = a_loan()
    change_id = a_cooling_change(loan)

    with unit_of_work() as work:
        if how == "app":
            object_to(work, loan.borrower_id, change_id, by=f"borrower:{loan.borrower_id}", now=START)
        else:
            assert hear_objection(work, [loan.borrower_id], "sms", now=START)
    follow_up_due(now=COOLED)

    assert (row_of(change_id).state, contact(loan)) == ("objected", OLD)
    assert states(loan) == {"sms": "active", "voice": "active"}
    assert [(row.kind, row.queue) for row in every(TaskRow)] == [("contact_change_objected", "compliance")]


def test_an_answer_on_another_channel_stops_nothing(sqlite_book: Flask) -> None:
    loan = a_loan()
    a_cooling_change(loan)
    with unit_of_work() as work:
        assert not hear_objection(work, [loan.borrower_id], "email", now=START)


def test_an_objection_to_what_is_in_force_is_looked_at_all_the_same(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = a_cooling_change(loan)
    follow_up_due(now=COOLED)

    with unit_of_work() as work:
        object_to(work, loan.borrower_id, change_id, by="borrower:x", now=COOLED)

    assert row_of(change_id).state == "done"
    assert [row.kind for row in every(TaskRow)] == ["contact_change_objected"]


def test_what_is_cancelled_or_never_proved_changes_nothing(sqlite_book: Flask) -> None:
    loan = a_loan()
    cancelled, unproved = a_cooling_change(loan), propose(loan, "email", "new@example.test")
    for _ in range(2):
        with unit_of_work() as work:
            cancel_change(work, cancelled, staff=ann(loan), reason="her mistake", now=START)
    follow_up_due(now=START + timedelta(days=7))

    assert (row_of(cancelled).state, row_of(unproved).state) == ("cancelled", "expired")
    assert (contact(loan), contact(loan, "email")) == (OLD, "li@example.test")
    assert states(loan) == {"sms": "active", "voice": "active"}


def test_twenty_who_prove_it_at_once_begin_one_cool_off(app: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)
    code = send(loan, change_id)

    meet(app, 20, lambda _: prove_by_code(change_id, code, staff=ann(loan), now=START))

    assert len(every(MessageRow, template="contact_change_notice")) == 1
    assert len([row for row in every(AuditRow) if row.action == "contact_change.cooling_off"]) == 1


# -- the core's word


def test_a_core_that_repeats_the_old_one_does_not_take_it_back(app: Flask) -> None:
    loan = a_loan()
    a_cooling_change(loan)
    follow_up_due(now=COOLED)

    said = feed(loan, name="Li Wei-Smith", now=COOLED)

    assert (contact(loan), said.conflicts) == (NEW, ("contact-change-kept",))
    assert contact(loan, "name") == "Li Wei-Smith"
    late = feed(loan, name="Li W. Smith", now=COOLED + timedelta(days=90))
    assert (contact(loan), late.conflicts) == (OLD, ())


def test_a_core_that_says_the_same_has_confirmed_it(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = a_cooling_change(loan)
    follow_up_due(now=COOLED)

    feed(loan, phone=NEW, now=COOLED)

    assert (contact(loan), row_of(change_id).keeps_until) == (NEW, None)
    feed(loan, phone=OLD, now=COOLED)
    assert contact(loan) == OLD  # it knew of the new one, and says otherwise now


def test_a_core_that_says_a_third_thing_counts_also_while_it_cools_off(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = a_cooling_change(loan)

    feed(loan, phone="+447700900077")
    follow_up_due(now=COOLED)

    row = row_of(change_id)
    assert (row.state, row.ended_reason, contact(loan)) == ("superseded", "core_says_otherwise", "+447700900077")


def test_a_core_that_repeats_the_old_one_does_not_stop_what_is_under_way(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = a_cooling_change(loan)

    feed(loan, name="Li Wei-Smith")
    follow_up_due(now=COOLED)

    assert (row_of(change_id).state, contact(loan)) == ("done", NEW)


def test_staff_of_a_lender_without_a_loan_of_theirs_see_nothing(sqlite_book: Flask) -> None:
    loan = a_loan()
    change_id = propose(loan)
    stranger = DeskStaff("staff:Eve", "supervisor", "01981e6a-7c1e-7000-8000-3f1c2a5b9d10")

    with pytest.raises(NotFoundError), unit_of_work() as work:
        cancel_change(work, change_id, staff=stranger, reason="x", now=START)
