"""Pledged things at the desk's API and in the borrower's app."""

from datetime import date
from typing import Any

import pytest
from flask import Flask

from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import build_lender, build_loan
from tests.builders.collateral import a_pledge, tell
from tests.conftest import START

pytestmark = pytest.mark.both
DAY = date(2026, 2, 20)


def test_the_desk_lists_things_with_plates_masked_page_by_page(app: Flask) -> None:
    loan = build_loan(now=START, due=[date(2026, 2, 1)], lender_id=build_lender(now=START))
    for k in (1, 2):
        a_pledge(loan, now=START, reference=f"V-{k}", plate=f"粤B1234{k}")
    tell(loan, "V-1", "taken", DAY, now=START, place="Yard 7")
    key = a_desk_key(loan.lender_id)

    first = app.test_client().get("/v1/desk/collateral?limit=1", headers=key)
    second = app.test_client().get(f"/v1/desk/collateral?limit=1&cursor={first.json['next_cursor']}", headers=key)  # type: ignore[index]

    found: list[Any] = [*first.json["items"], *second.json["items"]]  # type: ignore[index]
    assert [(each["reference"], each["state"]) for each in found] == [("V-1", "in_custody"), ("V-2", "pledged")]
    assert all("1234" not in (each["plate"] or "") for each in found)
    assert second.json["next_cursor"] is None  # type: ignore[index]


def test_another_lender_lists_nothing_of_it_and_the_borrower_their_own(app: Flask) -> None:
    loan = build_loan(now=START, due=[date(2026, 2, 1)], lender_id=build_lender(now=START))
    a_pledge(loan, now=START, reference="V-9")
    other = a_desk_key(build_lender(now=START, code="other"))

    foreign = app.test_client().get("/v1/desk/collateral", headers=other)
    own = app.test_client().get("/v1/me/collateral", headers=signed_in(loan.borrower_id))

    assert foreign.json == {"items": [], "next_cursor": None}
    assert [each["state"] for each in own.json["items"]] == ["pledged"]  # type: ignore[index]
