"""A sale that the lender's core tells otherwise than it was asked for: both stand, and whoever books it says whose."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ConflictError, ForbiddenError, ValidationError
from app.domain.money import Money
from app.persistence.db import session, vault
from app.persistence.models.collateral import CollateralSaleRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral_sale_previews import SaleWished
from app.services.collateral_sale_views import shown_sale
from app.services.collateral_sales import approve_sale, tell_sale
from tests.builders.book import build_lender
from tests.builders.collateral import tell
from tests.builders.collateral_sales import TODAY, a_held_thing, row_of, sell, staff, take_back
from tests.conftest import START


@pytest.fixture
def lender(app: Flask) -> str:
    return build_lender(now=START, code="cn", jurisdiction="CN", zone="UTC")


def core_tells(thing: str, minor: int, on: date = TODAY) -> tuple[str, bool]:
    with unit_of_work() as work:
        wished = SaleWished(on, Money(minor, "USD"), "other", "other")
        return tell_sale(work, row_of(thing), wished, reference="S1", by="core", origin="import:x", now=START)


def book(lender: str, sale_id: str, figures: str | None = None, name: str = "Bob", version: int | None = None) -> None:
    with unit_of_work() as work:
        approve_sale(work, sale_id, staff=staff(lender, name), now=START, figures=figures, version=version)


def sale_of(sale_id: str) -> CollateralSaleRow:
    session().expire_all()
    return session().get_one(CollateralSaleRow, sale_id)


@pytest.mark.both
@pytest.mark.parametrize(("figures", "booked"), [("asked", 22_000), ("told", 25_000)])
def test_where_the_core_tells_another_amount_whoever_books_says_whose(lender: str, figures: str, booked: int) -> None:
    _, thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 22_000)
    assert core_tells(thing, 25_000) == (sale_id, True)

    with pytest.raises(ConflictError, match=r"250\.00 USD.*220\.00 USD.*asked or told"):
        book(lender, sale_id)
    with pytest.raises(ForbiddenError):
        book(lender, sale_id, figures, name="Ann")
    book(lender, sale_id, figures)

    sale = sale_of(sale_id)
    assert (sale.state, sale.proceeds_minor) == ("booked", booked)
    assert sale.told is not None
    assert (sale.told["proceeds_minor"], sale.told["taken"]) == (25_000, figures)
    assert sale.told["asked"] == {"proceeds_minor": 22_000, "sold_on": TODAY.isoformat()}
    assert sum(sum(each["paid"].values()) for each in sale.division["loans"]) == booked - 1_500


def test_the_same_figures_need_nobody_to_choose_and_told_again_change_nothing(lender: str) -> None:
    _, thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 22_000)

    assert core_tells(thing, 22_000) == (sale_id, True)
    assert core_tells(thing, 22_000) == (sale_id, False)
    with pytest.raises(ConflictError, match="nothing else"):
        book(lender, sale_id, "told")
    book(lender, sale_id)
    assert sale_of(sale_id).told is None


def test_what_was_asked_for_here_and_sold_there_is_let_be_when_its_teller_takes_that_back(lender: str) -> None:
    (loan, _), thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 22_000)
    core_tells(thing, 22_000)

    tell(loan, thing, "reversal", TODAY, now=START, reverses="S1")

    assert (sale_of(sale_id).state, row_of(thing).state) == ("declined", "in_custody")


def test_another_day_that_the_core_tells_is_the_day_it_was_sold(lender: str) -> None:
    _, thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 22_000)
    core_tells(thing, 22_000, TODAY - timedelta(days=1))

    with pytest.raises(ConflictError, match="so it stands"):
        book(lender, sale_id, "asked")
    with pytest.raises(ValidationError):
        book(lender, sale_id, "theirs")
    book(lender, sale_id, "told")
    assert (sale_of(sale_id).sold_on, row_of(thing).state_on) == (TODAY - timedelta(days=1),) * 2


def test_a_core_that_corrects_itself_to_what_was_asked_for_leaves_nothing_to_decide(lender: str) -> None:
    _, thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 22_000)
    core_tells(thing, 25_000)

    assert core_tells(thing, 22_000) == (sale_id, True)
    book(lender, sale_id)
    assert sale_of(sale_id).proceeds_minor == 22_000


def test_what_was_looked_at_is_what_is_booked(lender: str) -> None:
    _, thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 22_000)
    core_tells(thing, 25_000)
    looked_at = sale_of(sale_id).version
    core_tells(thing, 26_000)

    with pytest.raises(ConflictError, match="changed since"):
        book(lender, sale_id, "told", version=looked_at)
    shown = shown_sale(vault(), sale_of(sale_id))
    assert shown.told is not None
    assert (shown.told.proceeds_minor, shown.told.by) == (26_000, "core")
    book(lender, sale_id, "told", version=shown.version)
    assert sale_of(sale_id).proceeds_minor == 26_000


def test_another_amount_that_is_told_of_a_booked_sale_is_kept_and_a_task_for_people(lender: str) -> None:
    _, thing = a_held_thing(lender)
    core_tells(thing, 22_000)
    sale_id = core_tells(thing, 22_000)[0]
    book(lender, sale_id)

    assert core_tells(thing, 25_000) == (sale_id, True)
    assert core_tells(thing, 25_000) == (sale_id, False)
    sale = sale_of(sale_id)
    assert (sale.state, sale.proceeds_minor) == ("booked", 22_000)
    (task,) = session().scalars(select(TaskRow).where(TaskRow.natural_key.like("collateral_sale_told/%"))).all()
    assert (task.queue, task.facts["told"]["proceeds_minor"], task.facts["stands"]["proceeds_minor"]) == (
        "approvals", 25_000, 22_000,
    )  # fmt: skip
    take_back(lender, sale_id)
    again = sell(lender, thing, 25_000)
    book(lender, again)
    assert sale_of(again).state == "booked"
