"""Invitations and resets: one person, once, in time; and nothing of the old account left."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import (
    CredentialsInvalidError,
    DomainError,
    LinkExpiredError,
    OtpInvalidError,
    RateLimitedError,
    ValidationError,
)
from app.persistence.db import db
from app.persistence.models.staff import StaffAccountRow, StaffInvitationRow, StaffRecoveryCodeRow
from app.persistence.unit_of_work import unit_of_work
from app.services import staff
from app.services.staff_factors import code_at
from app.services.staff_invitations import Invitation, accept_invitation, open_invitation
from app.services.staff_sessions import live_sessions
from app.services.staff_sign_in import LIMITS, begin
from tests.builders.book import build_lender
from tests.builders.parallel import meet
from tests.builders.staff import NETWORK, PASSWORD, a_colleague, sign_in
from tests.conftest import START

OPERATOR = staff.Manager("operator:test")


def invited(lender_id: str, *, name: str = "Li Na", role: str = "agent") -> Invitation:
    with unit_of_work() as work:
        new = staff.NewMember(name, f"{name.replace(' ', '.')}@example.test", role)
        made = staff.invite(work, lender_id, new, manager=OPERATOR, now=START)[1]
    assert made is not None
    return made


def test_an_invitation_shows_for_whom_it_is_and_one_secret_however_often_it_is_opened(app: Flask) -> None:
    token = invited(build_lender(now=START)).token

    first, second = (open_invitation(token, NETWORK, now=START) for _ in range(2))

    assert first == second
    assert (first.name, first.email, first.purpose) == ("Li Na", "li.na@example.test", "invitation")
    assert first.uri.startswith("otpauth://totp/Duecourse")
    assert f"secret={first.secret}" in first.uri


def test_the_account_is_usable_only_after_a_code_was_shown(sqlite_book: Flask) -> None:
    token = invited(build_lender(now=START)).token
    secret = open_invitation(token, NETWORK, now=START).secret

    with pytest.raises(OtpInvalidError):
        accept_invitation(token, PASSWORD, "000000", NETWORK, now=START)
    with pytest.raises(CredentialsInvalidError):
        begin("li.na@example.test", PASSWORD, NETWORK, now=START)
    codes = accept_invitation(token, PASSWORD, code_at(secret, START), NETWORK, now=START)

    assert len(set(codes)) == 10
    assert begin("li.na@example.test", PASSWORD, NETWORK, now=START).challenge
    assert db.session().scalar(select(StaffInvitationRow.totp_sealed)) is None


def test_the_code_that_set_it_up_does_not_sign_in(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START), now=START + timedelta(minutes=2))

    with pytest.raises(OtpInvalidError):
        sign_in(who, now=START, code=who.code(START))


def test_a_refused_password_leaves_the_invitation_good(sqlite_book: Flask) -> None:
    token = invited(build_lender(now=START)).token
    secret = open_invitation(token, NETWORK, now=START).secret

    with pytest.raises(ValidationError, match="12 to 128"):
        accept_invitation(token, "short", code_at(secret, START), NETWORK, now=START)
    assert accept_invitation(token, PASSWORD, code_at(secret, START), NETWORK, now=START)


def test_of_a_hundred_parallel_acceptances_exactly_one_succeeds(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    token = invited(build_lender(now=START)).token
    code = code_at(open_invitation(token, NETWORK, now=START).secret, START)
    monkeypatch.setattr("app.services.passwords.hash_new", lambda *_args, **_kwargs: "$argon2id$test")
    db.session.remove()

    def accept(_number: int) -> str:
        try:
            accept_invitation(token, PASSWORD, code, NETWORK, now=START)
        except DomainError as error:
            return error.code
        return "accepted"

    outcomes = meet(app, 100, accept)

    assert outcomes.count("accepted") == 1
    assert set(outcomes) <= {"accepted", "link-expired", "rate-limited"}
    assert len(db.session().scalars(select(StaffRecoveryCodeRow)).all()) == 10


@pytest.mark.parametrize(
    ("after", "good"), [(timedelta(hours=72) - timedelta(seconds=1), True), (timedelta(hours=72), False)]
)
def test_an_invitation_lives_three_days(sqlite_book: Flask, after: timedelta, good: bool) -> None:
    token = invited(build_lender(now=START)).token

    if good:
        assert open_invitation(token, NETWORK, now=START + after)
    else:
        with pytest.raises(LinkExpiredError):
            open_invitation(token, NETWORK, now=START + after)


def test_a_new_invitation_ends_the_one_before(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    old = invited(lender_id)
    staff_id = str(db.session().scalar(select(StaffAccountRow.id)))
    with unit_of_work() as work:
        new = staff.invite_again(work, lender_id, staff_id, manager=OPERATOR, now=START)

    with pytest.raises(LinkExpiredError):
        open_invitation(old.token, NETWORK, now=START)
    assert open_invitation(new.token, NETWORK, now=START)


def test_a_reset_takes_everything_away_at_once_and_lives_a_day(app: Flask) -> None:
    lender_id = build_lender(now=START)
    who = a_colleague(lender_id)
    sign_in(who)
    with unit_of_work() as work:
        made = staff.reset(work, lender_id, who.staff_id, manager=OPERATOR, now=START)

    assert made.expires_at == START + timedelta(hours=24)
    assert live_sessions(db.session(), who.staff_id, now=START) == []
    with pytest.raises(CredentialsInvalidError):
        begin(who.email, who.password, NETWORK, now=START)
    secret = open_invitation(made.token, NETWORK, now=START).secret
    assert secret != who.secret
    codes = accept_invitation(made.token, "eight loud magpies", code_at(secret, START), NETWORK, now=START)
    assert not set(codes) & set(who.recovery_codes)
    with pytest.raises(CredentialsInvalidError):
        begin(who.email, who.password, NETWORK, now=START)


def test_who_was_locked_out_by_others_is_let_in_by_a_reset(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    who = a_colleague(lender_id)
    for _ in range(LIMITS.passwords.most):
        with pytest.raises(CredentialsInvalidError):
            begin(who.email, "wrong one", "203.0.113.0/24", now=START)
    with pytest.raises(RateLimitedError):
        begin(who.email, who.password, NETWORK, now=START)

    with unit_of_work() as work:
        made = staff.reset(work, lender_id, who.staff_id, manager=OPERATOR, now=START)
    secret = open_invitation(made.token, NETWORK, now=START).secret
    accept_invitation(made.token, "eight loud magpies", code_at(secret, START), NETWORK, now=START)

    assert begin(who.email, "eight loud magpies", NETWORK, now=START)


def test_an_unknown_token_is_told_like_a_spent_one_and_guessing_is_held_back(sqlite_book: Flask) -> None:
    for _ in range(60):
        with pytest.raises(LinkExpiredError):
            open_invitation("dci_guess", NETWORK, now=START)
    with pytest.raises(DomainError, match="Too many requests"):
        open_invitation("dci_guess", NETWORK, now=START)
