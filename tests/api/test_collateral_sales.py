"""Sales of pledged things at the desk's API: booked by two, taken back by two, the second saying whose figures stand."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask

from app.domain.money import Money
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral_sale_previews import SaleWished
from app.services.collateral_sales import tell_sale
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.collateral import a_pledge, tell
from tests.builders.collateral_sales import row_of
from tests.conftest import START

pytestmark = pytest.mark.both
TODAY = START.date()
_keys = count(1)


@pytest.fixture
def held(app: Flask) -> tuple[Built, str]:
    lender = build_lender(now=START, code="cn", jurisdiction="CN", zone="UTC")
    loan = build_loan(now=START, due=[TODAY - timedelta(days=40)], lender_id=lender)
    a_pledge(loan, now=START, reference="V-1")
    tell(loan, "V-1", "notice_served", TODAY - timedelta(days=9), now=START)
    tell(loan, "V-1", "taken", TODAY, now=START, amount_minor=500)
    return loan, row_of("V-1").id


def post(app: Flask, who: dict[str, str], path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    headers = {**who, "Idempotency-Key": f"sale-{next(_keys)}"}
    more = {} if body is None else {"json": body}
    answer = app.test_client().post(f"/v1/desk{path}", headers=headers, **more)
    return answer.status_code, answer.json


def people(loan: Built) -> tuple[dict[str, str], dict[str, str]]:
    one, other = (a_desk_key(loan.lender_id, staff=name, role="supervisor") for name in ("Ann Li", "Bob Wu"))
    return one, other


def a_sale(app: Flask, who: dict[str, str], thing_id: str) -> str:
    wished = {"sold_on": TODAY.isoformat(), "proceeds": {"amount_minor": 9_000, "currency": "USD"}, "method": "auction"}
    status, sale = post(app, who, f"/collateral/{thing_id}/sales", wished)
    assert (status, sale["state"], sale["told"], sale["reversal"]) == (201, "waiting", None, None)
    return str(sale["id"])


def test_a_booked_sale_waits_to_be_taken_back_until_somebody_else_does_it(app: Flask, held: tuple[Built, str]) -> None:
    loan, thing_id = held
    ann, bob = people(loan)
    sale_id = a_sale(app, ann, thing_id)
    at = f"/collateral-sales/{sale_id}"

    assert post(app, bob, f"{at}/approve")[0] == 200
    status, asked = post(app, bob, f"{at}/reverse", {"reason": "another car"})
    assert (status, asked["state"], asked["reversal"]["state"], asked["reversal"]["reason"]) == (
        200, "booked", "waiting", "another car",
    )  # fmt: skip
    assert post(app, bob, f"{at}/reversal/approve")[0] == 403
    status, left = post(app, ann, f"{at}/reversal/decline", {"reason": "it was this one"})
    assert (status, left["state"], left["reversal"]["state"]) == (200, "booked", "declined")
    assert post(app, ann, f"{at}/reversal/approve")[0] == 409
    assert post(app, bob, f"{at}/reverse", {"reason": "another car"})[0] == 200
    status, done = post(app, ann, f"{at}/reversal/approve")
    assert (status, done["state"], done["reason"], done["reversal"]["state"]) == (200, "reversed", "another car", "done")
    (own,) = app.test_client().get("/v1/me/collateral", headers=signed_in(loan.borrower_id)).json["items"]  # type: ignore[index]
    assert (own["state"], own["sale"]) == ("in_custody", None)


def test_where_the_core_tells_another_amount_the_second_person_says_whose(app: Flask, held: tuple[Built, str]) -> None:
    loan, thing_id = held
    ann, bob = people(loan)
    at = f"/collateral-sales/{a_sale(app, ann, thing_id)}"
    with unit_of_work() as work:
        wished = SaleWished(TODAY, Money(9_500, "USD"), "other", "other")
        tell_sale(work, row_of("V-1"), wished, reference="S1", by="core", origin="import:x", now=START)

    status, refused = post(app, bob, f"{at}/approve")
    assert (status, "95.00 USD" in refused["detail"], "90.00 USD" in refused["detail"]) == (409, True, True)
    page = app.test_client().get(f"/v1/desk/collateral/{thing_id}", headers=bob).json
    assert page is not None
    (sale,) = page["sales"]
    assert sale["told"]["proceeds"] == {"amount_minor": 9_500, "currency": "USD"}
    assert post(app, bob, f"{at}/approve?figures=told&version={sale['version'] - 1}")[0] == 409
    status, booked = post(app, bob, f"{at}/approve?figures=told&version={sale['version']}")
    assert (status, booked["state"], booked["proceeds"]["amount_minor"], booked["told"]["taken"]) == (
        200, "booked", 9_500, "told",
    )  # fmt: skip


def test_a_sale_of_another_lender_is_not_found(app: Flask, held: tuple[Built, str]) -> None:
    loan, thing_id = held
    ann, _ = people(loan)
    sale_id = a_sale(app, ann, thing_id)
    stranger = a_desk_key(build_lender(now=START, code="other"), role="supervisor")

    for act in ("approve", "reversal/approve"):
        assert post(app, stranger, f"/collateral-sales/{sale_id}/{act}")[0] == 404
    for act in ("reverse", "reversal/decline"):
        assert post(app, stranger, f"/collateral-sales/{sale_id}/{act}", {"reason": "x"})[0] == 404
