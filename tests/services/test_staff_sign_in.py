"""Signing in at the desk: two factors, each code once, failures counted exactly, nothing told about who exists."""

import time
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.errors import (
    CredentialsInvalidError,
    DomainError,
    OtpExpiredError,
    OtpInvalidError,
    OtpLockedError,
    RateLimitedError,
)
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.staff import StaffAccountRow, StaffChallengeRow, StaffMembershipRow, StaffSessionRow
from app.persistence.unit_of_work import unit_of_work
from app.services import passwords, staff_sign_in
from app.services.staff_factors import STEP, code_at
from app.services.staff_sign_in import LIFETIME, LIMITS, TRIES, begin, finish
from tests.builders.book import build_lender
from tests.builders.parallel import meet
from tests.builders.staff import NETWORK, PASSWORD, Colleague, a_colleague, sign_in
from tests.conftest import START


def audited() -> list[str]:
    return list(db.session().scalars(select(AuditRow.action).order_by(AuditRow.id)))


def test_both_factors_open_a_session_and_leave_a_line_in_the_trail(app: Flask) -> None:
    who = a_colleague(build_lender(now=START))

    made = sign_in(who)

    assert made.session.token.startswith("dcs_")
    assert (made.lender, made.lenders, made.recovery_codes_left) == ("acme", ("acme",), 10)
    row = db.session().get(StaffSessionRow, made.session.id)
    assert row is not None
    assert made.session.token not in (row.token_hash, row.label)
    assert (row.proved_at, row.expires_at) == (START, START + timedelta(hours=12))
    assert audited()[-2:] == ["staff_invitation.accepted", "staff_session.opened"]


def test_each_sign_in_gets_a_token_of_its_own(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))

    first, second = sign_in(who), sign_in(who, now=START + STEP)

    assert first.session.token != second.session.token


@pytest.mark.parametrize(("email", "password"), [("nobody@example.test", PASSWORD), ("wang.fang@example.test", "wrong one")])
def test_an_unknown_address_and_a_wrong_password_are_told_alike(sqlite_book: Flask, email: str, password: str) -> None:
    a_colleague(build_lender(now=START))

    with pytest.raises(CredentialsInvalidError) as refused:
        begin(email, password, NETWORK, now=START)

    assert refused.value == CredentialsInvalidError(
        "E-mail and password do not fit, or the account may not be used; an admin can tell."
    )
    assert audited()[-1] == "staff_sign_in.refused"


def test_an_unknown_address_takes_as_long_as_a_wrong_password(sqlite_book: Flask) -> None:
    a_colleague(build_lender(now=START))
    passwords.fits(None, "warm up")

    def seconds(email: str) -> float:
        best = 9.0
        for _ in range(3):
            started = time.thread_time()  # others work on this machine too
            with pytest.raises(CredentialsInvalidError):
                begin(email, "wrong one", NETWORK, now=START)
            best = min(best, time.thread_time() - started)
        return best

    known, unknown = seconds("wang.fang@example.test"), seconds("nobody@example.test")
    assert 0.5 < known / unknown < 2.0


def test_the_address_may_be_typed_in_capitals(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))

    assert begin("  Wang.FANG@Example.test ", who.password, NETWORK, now=START).challenge


@pytest.mark.parametrize("end", ["account", "membership"])
def test_who_may_not_work_any_more_is_told_no_more_than_that(sqlite_book: Flask, end: str) -> None:
    who = a_colleague(build_lender(now=START))
    with unit_of_work() as work:
        change = (
            update(StaffAccountRow).values(state="disabled")
            if end == "account"
            else update(StaffMembershipRow).values(disabled_at=START)
        )
        work.session.execute(change)

    with pytest.raises(CredentialsInvalidError):
        begin(who.email, who.password, NETWORK, now=START)


def test_a_code_of_the_step_before_or_after_is_taken_and_of_others_not(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))

    for steps in (-2, 2):
        challenge = begin(who.email, who.password, NETWORK, now=START).challenge
        with pytest.raises(OtpInvalidError):
            finish(challenge, who.code(START + steps * STEP), NETWORK, now=START)
    for steps in (-1, 1):
        sign_in(who, code=who.code(START + steps * STEP))


def test_a_code_is_taken_once_and_no_earlier_one_after_it(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    sign_in(who)

    for code in (who.code(START), who.code(START - STEP)):
        with pytest.raises(OtpInvalidError):
            sign_in(who, code=code)


def test_of_many_parallel_submits_of_one_code_exactly_one_succeeds(app: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    many = 8
    challenges = [begin(who.email, who.password, NETWORK, now=START).challenge for _ in range(many)]
    code = who.code(START)
    db.session.remove()

    def submit(number: int) -> bool:
        try:
            finish(challenges[number], code, NETWORK, now=START)
        except OtpInvalidError:
            return False
        return True

    assert sum(meet(app, many, submit)) == 1
    assert len(db.session().scalars(select(StaffSessionRow)).all()) == 1


def test_a_challenge_lives_five_minutes_and_opens_one_session(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    challenge = begin(who.email, who.password, NETWORK, now=START).challenge
    late = START + LIFETIME

    with pytest.raises(OtpExpiredError):
        finish(challenge, who.code(late), NETWORK, now=late)
    finish(challenge, who.code(START), NETWORK, now=START)
    with pytest.raises(OtpExpiredError):
        finish(challenge, who.code(START + STEP), NETWORK, now=START)
    with pytest.raises(OtpExpiredError):
        finish("never heard of", who.code(START), NETWORK, now=START)


def test_a_challenge_bears_five_wrong_codes(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    challenge = begin(who.email, who.password, NETWORK, now=START).challenge

    for _ in range(TRIES):
        with pytest.raises(OtpInvalidError):
            finish(challenge, "000000", NETWORK, now=START)

    with pytest.raises(OtpLockedError):
        finish(challenge, who.code(START), NETWORK, now=START)


def test_a_recovery_code_stands_in_once(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    code = who.recovery_codes[3].replace("-", " ").upper()

    assert sign_in(who, code=code).recovery_codes_left == 9
    with pytest.raises(OtpInvalidError):
        sign_in(who, code=code)
    assert not any(code in str(row) for row in who.recovery_codes[:3])


def test_ten_wrong_passwords_in_a_quarter_of_an_hour_are_borne_and_then_even_the_right_one_waits(app: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    for _ in range(LIMITS.passwords.most):
        with pytest.raises(CredentialsInvalidError):
            begin(who.email, "wrong one", NETWORK, now=START)

    with pytest.raises(RateLimitedError) as refused:
        begin(who.email, who.password, NETWORK, now=START)
    assert refused.value.facts["retry_after_seconds"] == 15 * 60
    later = START + timedelta(minutes=15)
    assert begin(who.email, who.password, NETWORK, now=later)


def test_who_signs_in_well_is_never_held_back(sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "fits", lambda hashed, password: hashed is not None)
    who = a_colleague(build_lender(now=START))

    for number in range(30):
        sign_in(who, now=START + number * STEP)


def test_parallel_wrong_passwords_do_not_get_past_the_limit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    who = a_colleague(build_lender(now=START))
    looked: list[int] = []
    monkeypatch.setattr(passwords, "fits", lambda _hashed, _password: bool(looked.append(1)))
    db.session.remove()

    def guess(_number: int) -> str:
        try:
            begin(who.email, "wrong one", NETWORK, now=START)
        except DomainError as error:
            return error.code
        return "in"

    codes = meet(app, 24, guess)

    assert (codes.count("credentials-invalid"), codes.count("rate-limited")) == (LIMITS.passwords.most, 14)
    assert len(looked) == LIMITS.passwords.most


def test_one_network_that_tries_many_addresses_is_held_back(sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "fits", lambda _hashed, _password: False)
    for number in range(LIMITS.network.most):
        with pytest.raises(CredentialsInvalidError):
            begin(f"nobody{number}@example.test", "wrong one", NETWORK, now=START)

    with pytest.raises(RateLimitedError):
        begin("someone@example.test", "wrong one", NETWORK, now=START)
    with pytest.raises(CredentialsInvalidError):
        begin("someone@example.test", "wrong one", "198.51.100.0/24", now=START)


def test_wrong_codes_are_counted_over_all_challenges_of_an_account(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    for _ in range(2):
        challenge = begin(who.email, who.password, NETWORK, now=START).challenge
        for _ in range(TRIES):
            with pytest.raises(OtpInvalidError):
                finish(challenge, "000000", NETWORK, now=START)

    with pytest.raises(RateLimitedError):
        sign_in(who)


def test_a_hash_of_weaker_parameters_is_made_anew(sqlite_book: Flask) -> None:
    from argon2 import PasswordHasher

    who = a_colleague(build_lender(now=START))
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(who.password)
    with unit_of_work() as work:
        work.session.execute(update(StaffAccountRow).values(password_hash=weak))

    sign_in(who)

    hashed = db.session().scalar(select(StaffAccountRow.password_hash))
    assert str(hashed).startswith("$argon2id$v=19$m=65536,t=2,p=1$")


def test_nothing_that_opens_an_account_is_stored_in_clear(sqlite_book: Flask) -> None:
    who = a_colleague(build_lender(now=START))
    challenge = begin(who.email, who.password, NETWORK, now=START).challenge
    made = finish(challenge, code_at(who.secret, START), NETWORK, now=START)

    with db.engine.connect() as connection:
        stored = "\n".join(
            repr(row)
            for table in db.metadata.sorted_tables
            if table.name.startswith("staff") or table.name in ("audit", "rate_counters")
            for row in connection.execute(table.select())
        )
    for secret in (who.password, who.secret, who.email, challenge, made.session.token, who.recovery_codes[0]):
        assert secret not in stored


def test_old_sign_ins_are_forgotten_with_the_next(sqlite_book: Flask) -> None:
    who: Colleague = a_colleague(build_lender(now=START))
    sign_in(who)

    sign_in(who, now=START + timedelta(days=91))

    assert len(db.session().scalars(select(StaffSessionRow)).all()) == 1
    assert len(db.session().scalars(select(StaffChallengeRow)).all()) == 1
    assert staff_sign_in.LIFETIME <= timedelta(minutes=10)
