"""Letters that staff draft: asked about, read by a second person, asked about again, posted; never about what is paid."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ConflictError, ContactRefusedError, ForbiddenError, LawRefusedError, ValidationError
from app.domain.hold_terms import HoldValues
from app.persistence.models.letters import LetterRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.holds import Teller, put_hold
from app.services.letter_approvals import Approved
from app.services.letter_drafts import (
    LetterDraft,
    approve_draft,
    draft_letter,
    list_drafts,
    preview_draft,
    withdraw_draft,
)
from app.services.letter_parts import load_parts
from app.services.policies import activate_document
from app.services.rule_parts import use_channels
from app.wording.letter_texts import use_letterheads
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.cases import default_document
from tests.builders.letters import write_letterhead

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 24, 12, 0, tzinfo=UTC)
SOON = NOON + timedelta(minutes=5)
TEMPLATE = "letter_arrears"
pytestmark = pytest.mark.both


@pytest.fixture(autouse=True)
def printer(app: Flask, tmp_path: Path) -> Iterator[None]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    use_channels(["letter"])
    yield
    use_channels([])
    use_letterheads(None)


PERSON: dict[str, Any] = {
    "country": "CN", "zone": "Asia/Shanghai", "name": "王小明", "locale": "zh-CN",
    "address_lines": ("上海市浦东新区世纪大道1号", "200120"),
}  # fmt: skip


def book() -> Built:
    document = default_document() | {"version": 2}
    document["steps"] = [step for step in document["steps"] if step["offset_days"] < 0]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="CN", zone="Asia/Shanghai", licence_kind="consumer_finance")
    return build_loan(now=START, due=[date(2026, 3, 10)], lender_id=lender, **PERSON)


def draft(built: Built, *, by: str = "staff:Ann", now: datetime = NOON, template: str = TEMPLATE) -> LetterDraft:
    with unit_of_work() as work:
        return draft_letter(work, built.borrower_id, template, built.loan_no, by=by, lender_id=built.lender_id, now=now)


def approve(built: Built, task_id: str, *, by: str = "staff:Bo", now: datetime = SOON, role: str = "supervisor") -> Approved:
    with unit_of_work() as work:
        return approve_draft(work, task_id, by=by, role=role, lender_id=built.lender_id, now=now)


def letters() -> list[tuple[str, str | None]]:
    with reading() as session:
        rows = session.execute(select(MessageRow.state, MessageRow.state_reason).where(MessageRow.channel == "letter"))
        return [(row.state, row.state_reason) for row in rows]


def test_a_draft_is_read_by_somebody_else_and_then_posted_once(app: Flask) -> None:
    built = book()
    drafted = draft(built)

    with pytest.raises(ForbiddenError):
        approve(built, drafted.id, by="staff:Ann")
    with pytest.raises(ForbiddenError):
        approve(built, drafted.id, role="agent")
    first, again = approve(built, drafted.id), approve(built, drafted.id)

    assert first == again
    assert letters() == [("queued", None)]
    with reading() as session:
        made = session.scalars(select(LetterRow)).one()
        record = session.scalars(select(ManualContactRow)).one()
        (parts,) = load_parts_of(made.message_id or "")
        listed = list_drafts(session.connection(), built.borrower_id, built.lender_id)
    assert (made.state, record.kind, record.by, record.role) == ("made", "letter", "staff:Bo", "supervisor")
    assert [loan.loan_no for loan in parts.loans] == [built.loan_no]
    assert [(each.state, each.drafted_by, each.closed_by) for each in listed] == [("approved", "staff:Ann", "staff:Bo")]


def load_parts_of(message_id: str) -> list[Any]:
    with unit_of_work() as work:
        return list(load_parts(work, [message_id]))


def test_looking_at_a_draft_leaves_nothing(app: Flask) -> None:
    built = book()
    drafted = draft(built)

    with unit_of_work() as work:
        pdf = preview_draft(work, drafted.id, lender_id=built.lender_id, now=SOON)
        work.session.rollback()

    assert pdf[:5] == b"%PDF-"
    assert letters() == []


def test_the_same_draft_again_is_that_one_and_withdrawn_it_is_not_approved(app: Flask) -> None:
    built = book()
    drafted, again = draft(built), draft(built, now=SOON)
    with unit_of_work() as work:
        withdrawn = withdraw_draft(work, drafted.id, by="staff:Ann", lender_id=built.lender_id, reason="a mistake", now=SOON)

    assert drafted.id == again.id
    assert withdrawn.state == "withdrawn"
    with pytest.raises(ConflictError):
        approve(built, drafted.id)
    assert draft(built, now=SOON).id != drafted.id


def test_a_letter_about_paid_money_is_neither_drafted_nor_approved_nor_posted(app: Flask) -> None:
    built = book()
    drafted = draft(built)
    other = build_loan(now=START, due=[date(2026, 3, 10)], lender_id=built.lender_id, **PERSON)
    waiting = approve(other, draft(other).id)
    for each in (built, other):
        pay(each, 10_000, now=SOON)

    with pytest.raises(ContactRefusedError):
        approve(built, drafted.id, now=SOON)
    with pytest.raises(ContactRefusedError):
        draft(built, now=SOON)
    assert waiting.message_id
    assert letters() == [("cancelled", "PAID")]


def test_what_stands_in_the_way_for_good_stops_a_draft_and_what_passes_only_its_approval(app: Flask) -> None:
    built = book()
    night = NOON.replace(hour=18)  # two in the morning in Shanghai
    draft(built, now=night)  # hours pass by themselves
    with unit_of_work() as work:
        put_hold(work, built.borrower_id, HoldValues(kind="dispute"), now=SOON,
                 teller=Teller(by="staff:Eve", lender_id=built.lender_id))  # fmt: skip

    with pytest.raises((ContactRefusedError, LawRefusedError)):
        draft(built, now=SOON)


def test_only_letters_that_are_true_of_the_loan_are_drafted(app: Flask) -> None:
    built = book()

    for template in ("promise_made", "nonsense", "due_soon"):
        with pytest.raises(ValidationError):
            draft(built, template=template)
    with pytest.raises(ValidationError):
        draft(built, now=datetime(2026, 3, 5, 4, 0, tzinfo=UTC))
