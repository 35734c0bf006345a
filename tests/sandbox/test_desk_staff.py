"""The staff of the sandbox's desk: made at start, at every lender, with a password that this machine alone knows."""

import stat
from pathlib import Path

import pytest
from flask import Flask

from app.domain.errors import NotFoundError
from app.domain.passwords import check_password
from app.domain.permissions import ROLES
from app.sandbox.desk_staff import FILE, NAMES, email_of, open_desk, shown_code
from app.services.passwords import common_passwords
from app.services.staff_factors import STEP
from app.services.staff_sign_in import begin, finish
from tests.builders.book import build_lender
from tests.builders.staff import NETWORK
from tests.conftest import START, make_settings


def test_one_of_each_role_signs_in_at_every_lender(sqlite_book: Flask, tmp_path: Path) -> None:
    for code in ("acme", "harbour"):
        build_lender(code=code, now=START)

    password = open_desk(tmp_path, now=START)

    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    for role in ROLES:
        challenge = begin(email_of(role), password, NETWORK, now=START).challenge
        made = finish(challenge, shown_code(role, now=START).code, NETWORK, now=START)
        assert made.lenders == ("acme", "harbour")


def test_a_second_start_changes_nothing_and_a_lost_password_makes_a_new_one(sqlite_book: Flask, tmp_path: Path) -> None:
    build_lender(now=START)
    password = open_desk(tmp_path, now=START)

    assert open_desk(tmp_path, now=START) == password
    (tmp_path / FILE).unlink()
    fresh = open_desk(tmp_path, now=START + STEP)
    assert fresh != password
    assert begin(email_of("agent"), fresh, NETWORK, now=START).challenge


@pytest.mark.parametrize(
    "kept",
    ['{"password": "1234-5678-90a1-2345"}', '["a list"]', '{"password": 7}', "cut o"],
    ids=["refused", "no record", "no text", "cut off"],
)
def test_a_kept_password_that_the_desk_would_refuse_is_made_anew(sqlite_book: Flask, tmp_path: Path, kept: str) -> None:
    build_lender(now=START)
    (tmp_path / FILE).write_text(kept)

    password = open_desk(tmp_path, now=START)

    assert password not in kept
    assert begin(email_of("agent"), password, NETWORK, now=START).challenge


def test_no_password_that_a_start_makes_is_one_that_the_desk_refuses(sqlite_book: Flask, tmp_path: Path) -> None:
    names = [part for role in ROLES for part in (NAMES[role], email_of(role))]

    for number in range(400):  # one in sixty was refused while it had digits
        made = open_desk(tmp_path / str(number), now=START)
        assert check_password(made, common=common_passwords(), names=names) == made


def test_the_command_tells_a_code_in_the_sandbox_alone(sqlite_book: Flask, tmp_path: Path) -> None:
    build_lender(now=START)
    open_desk(tmp_path, now=START)
    run = sqlite_book.test_cli_runner().invoke

    refused = run(args=["sandbox", "desk-code", "agent"])
    assert (refused.exit_code, "not part of production" in refused.output) == (1, True)
    sqlite_book.config["SETTINGS"], kept = (
        make_settings("sqlite:///x.db", tmp_path, mode="sandbox"),
        sqlite_book.config["SETTINGS"],
    )
    try:
        told = run(args=["sandbox", "desk-code", "agent"])
    finally:
        sqlite_book.config["SETTINGS"] = kept
    assert told.output.split()[-1] == shown_code("agent", now=START).code


def test_who_is_not_there_is_said_so(sqlite_book: Flask) -> None:
    with pytest.raises(NotFoundError, match="agent, supervisor"):
        shown_code("boss", now=START)
