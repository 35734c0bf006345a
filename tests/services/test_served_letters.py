"""Letters that are served, from the wish to the document: amounts of the day, refused by name where a part is lacking."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select, update

from app.persistence.models.audit import AuditRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import letter_batches
from app.services.letters import preview
from app.services.policies import activate_document
from app.services.reminders import sweep
from app.services.rule_parts import use_channels
from app.wording.letter_texts import use_letterheads
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.cases import default_document
from tests.builders.letters import write_letterhead
from tests.builders.served import a_notice, serve

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 24, 4, 0, tzinfo=UTC)
SOON = NOON + timedelta(minutes=5)
PERSON: dict[str, Any] = {
    "country": "CN", "zone": "Asia/Shanghai", "name": "王小明", "locale": "zh-CN",
    "address_lines": ("上海市浦东新区世纪大道1号", "200120"),
}  # fmt: skip
REPAYMENT = {"kind": "repayment_letter", "template": "letter_repayment"}


@pytest.fixture(autouse=True)
def printer(app: Flask, tmp_path: Path) -> Iterator[None]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    use_channels(["letter"])
    yield
    use_channels([])
    use_letterheads(None)


def a_loan(**contract: Any) -> Built:
    document = default_document() | {"version": 2}
    document["steps"] = [step for step in document["steps"] if step["offset_days"] < 0]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(
        now=START, jurisdiction="CN", zone="Asia/Shanghai", licence_kind="consumer_finance", licence_no="L-77"
    )
    given = {"signed_on": "2025-09-10", "annual_rate": "0.12", **contract}
    due = [date(2026, 2, 10), date(2026, 3, 10)]
    return build_loan(now=START, due=due, lender_id=lender, contract=given, **PERSON)


def decide(now: datetime) -> None:
    while sweep(now=now):
        pass


def said(message_id: str) -> str:
    with unit_of_work() as work:
        pdf = preview(work, message_id).pdf
        work.session.rollback()
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


pytestmark = pytest.mark.both


def test_a_repayment_letter_says_who_asks_what_for_and_until_when(app: Flask) -> None:
    loan = a_loan()
    (message_id,) = serve(a_notice(loan, **REPAYMENT), now=NOON)
    decide(SOON)

    text = said(message_id).replace("\n", "")

    for wanted in ("L-77", "2025年9月10日", "US$200.00", "200.00", "2026年4月13日", "《民法典》第六百七十八条", "12.00%"):
        assert wanted in text


def test_a_letter_leaves_with_the_amounts_of_the_day_it_is_set(app: Flask) -> None:
    loan = a_loan()
    (message_id,) = serve(a_notice(loan, **REPAYMENT), now=NOON)
    decide(SOON)

    pay(loan, 12_500, now=NOON + timedelta(days=2))
    decide(NOON + timedelta(days=2, minutes=1))
    text = said(message_id)

    assert "US$75.00" in text
    assert "200.00" not in text
    assert "2026年3月26日" in text


UNKNOWN = {"status": "unknown", "annual_rate": None, "code": "fixing-missing", "fixed_on": None, "may_bind": True}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            {
                "cap": {
                    "status": "unknown",
                    "annual_rate": None,
                    "code": "fixing-missing",
                    "fixed_on": None,
                    "may_bind": True,
                }
            },
            "cap",
        ),
        ({"contract": {}}, "contract"),
    ],
)
def test_a_letter_that_lacks_a_part_ends_refused_by_name(app: Flask, change: dict[str, Any], what: str) -> None:
    loan = a_loan()
    (message_id,) = serve(a_notice(loan, **REPAYMENT), now=NOON)
    decide(SOON)
    with unit_of_work() as work:
        work.session.execute(update(LoanRow).where(LoanRow.id == loan.loan_id).values(**change))
        batch_id = letter_batches.begin_batch(work, "March", by="operator:Ann", now=SOON)

    done = letter_batches.run_batch(batch_id, clock=lambda: SOON)

    assert (done.made, done.failed) == (0, 1)
    with reading() as session:
        message = session.get_one(MessageRow, message_id)
        refusals = [
            row.facts["what"] for row in session.scalars(select(AuditRow).where(AuditRow.action == "letter.refused"))
        ]
    assert (message.state, message.state_reason, refusals) == ("failed", "RENDER_ERROR", [what])
