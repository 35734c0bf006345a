"""Every page of a full desk: what people typed stays text, what is masked stays masked, another lender sees none of it."""

import pytest
from flask import Flask

from app.persistence.ids import new_id
from tests.builders.book import build_lender, build_loan
from tests.builders.desk import Seat, a_seat
from tests.journeys import furnished_desk
from tests.journeys.console_walk import addresses
from tests.journeys.test_console_pages import special

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
WHOLE = ("13800001234", "wang.xm@", "13900005678")
OURS = ("canary", "CN-1001", "CN-1002", "CN-1003", "PAY-77", "He Ping", "Wu Jie", "Ma Li", "我上周", "利息算多了", "李建国")


@pytest.fixture
def desk(sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch) -> furnished_desk.Furnished:
    """A desk with one of everything, where a borrower and staff typed what a browser would run."""
    monkeypatch.setattr(furnished_desk, "NAME", f"王{EVIL}")
    made = furnished_desk.with_acts(sqlite_book, furnished_desk.furnished(sqlite_book))
    made.journey.me("POST", "/conversations", {"message_id": new_id(), "text": f"canary {EVIL}"})
    path = made.path.removeprefix("/desk")
    writer = opened(made.seat(sqlite_book, name="Writer"), path)
    assert writer.send(f"{path}/notes", text=f"canary {EVIL}").status_code == 303
    address = f"canary {EVIL}\nShanghai"
    assert writer.send(f"{path}/contact-changes/new", kind="address", value=address).status_code == 303
    return made


def opened(seat: Seat, path: str) -> Seat:
    assert seat.send(f"{path}/opening", on=path, reason="caller").status_code == 303
    return seat


def test_no_page_runs_what_was_typed_or_shows_what_is_masked(sqlite_book: Flask, desk: furnished_desk.Furnished) -> None:
    seat = opened(desk.seat(sqlite_book, name="Ann", role="admin"), desk.path.removeprefix("/desk"))
    found, missing = addresses(sqlite_book, desk.values, special(desk))
    wrong: dict[str, list[str]] = {}
    for name, address in found.items():
        answer = seat.browser.get(address)
        text = answer.get_data(as_text=True)
        bad = [each for each in ("<script>alert", "<img src=x") if each in text]
        bad += [each for each in WHOLE if each in text.replace(" ", "")]
        bad += ["cacheable"] if answer.headers["Cache-Control"] not in ("no-store", "private, no-cache") else []
        bad += ["title"] if "王" in text[: text.find("</title>") + 1] else []
        if bad or answer.status_code >= 400:
            wrong[name] = [str(answer.status_code), *bad]

    assert (missing, wrong) == ([], {})


def test_another_lender_of_the_same_borrower_finds_nothing_of_ours(
    sqlite_book: Flask, desk: furnished_desk.Furnished
) -> None:
    now = desk.journey.now
    other = build_lender(now=now, code="other", jurisdiction="CN")
    number = desk.values["borrower_no"]
    build_loan(now=now, due=[now.date()], borrower_no=number, lender_id=other, name="王小明", zone="Asia/Shanghai")
    found, _ = addresses(sqlite_book, desk.values, special(desk))
    path, wrong = desk.path.removeprefix("/desk"), {}
    for role in ("compliance", "admin"):
        stranger = opened(a_seat(sqlite_book, other, name=f"Stranger {role}", role=role, now=now), path)
        for name, address in found.items():
            text = stranger.browser.get(address).get_data(as_text=True).replace(address, "")
            if seen := [each for each in OURS if each in text and each not in address]:
                wrong[role, name] = seen

    assert wrong == {}
