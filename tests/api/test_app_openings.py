"""A notice that was opened in the app: delivered where its law takes it for that, by data with its source."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import app as package
from app.domain.consents import ConsentValues
from app.domain.served_notices import KEPT, PROOFS, SEEN, delivery_of
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.served_notices import ServedNoticeRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.app_openings import Opening, counting
from app.services.consents import record_consents
from app.services.letter_views import get_letter
from app.services.served_notices import find_served
from app.wording.app_openings import ALWAYS, NEVER, WITH_CONSENT, opening_rule
from app.wording.letter_kinds import AS_LAW
from tests.builders.access import a_desk_key, signed_in
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.letters import a_posted_letter
from tests.conftest import START

SENT = START - timedelta(days=3)
FILES = sorted((Path(package.__file__ or "").parent / "content" / "letters").glob("*.yaml"))
COUNTS = [
    ("CN", "negative_info_notice", ALWAYS), ("CN", "register_notice", ALWAYS), ("US", "validation_notice", WITH_CONSENT),
    ("US", "negative_info_notice", WITH_CONSENT), ("US", "debt_notice", WITH_CONSENT), ("UK", "default_notice", NEVER),
    ("UK", "notice_of_sums_in_arrears", WITH_CONSENT), ("UK", "default_registration_notice", WITH_CONSENT),
    ("IN", "agent_particulars", NEVER), ("IN", "negative_info_notice", WITH_CONSENT), ("IN", "arrears_notice", ALWAYS),
    ("EU", "transfer_notice", ALWAYS), ("EU", "negative_info_notice", WITH_CONSENT), ("JP", "arrears_notice", ALWAYS),
]  # fmt: skip


@pytest.mark.parametrize(("jurisdiction", "kind", "counts"), COUNTS)
def test_which_notices_count_as_delivered_when_they_are_opened(jurisdiction: str, kind: str, counts: str) -> None:
    assert opening_rule(jurisdiction, kind).counts == counts


def test_a_letter_that_is_no_notice_asks_for_no_form() -> None:
    assert opening_rule("US", None).counts == ALWAYS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_rule_has_its_source_and_only_what_was_read_is_graded_as_read(path: Path) -> None:
    for kind in yaml.safe_load(path.read_text("utf-8")).get("opened_in_app", {}):
        rule = opening_rule(path.stem, kind)
        assert rule.source
        assert rule.grade in AS_LAW | {"H", "U"}
        assert rule.counts != ALWAYS or rule.grade in AS_LAW | {"H"}, "what was never read is answered carefully"


def test_what_was_only_seen_proves_nothing() -> None:
    assert delivery_of([(SEEN, START)], None) is None
    assert delivery_of([(SEEN, START), ("registered_post", START)], None) == (START, "registered_post")
    assert set(KEPT) - set(PROOFS) == {SEEN}


def a_loan(jurisdiction: str, country: str) -> Built:
    lender = build_lender(now=START, code=f"l{country.lower()}", jurisdiction=jurisdiction)
    return build_loan(now=START - timedelta(days=30), due=[date(2026, 2, 1)], lender_id=lender, country=country)


def agree(loan: Built, *, at: datetime, given: bool = True) -> None:
    with unit_of_work() as work:
        values = [ConsentValues("electronic_delivery", "any", given, "electronic")]
        record_consents(work, loan.borrower_id, values, by="borrower", now=at)


def served(loan: Built, kind: str) -> str:
    """A letter about the loan that left as a notice of that kind; return its id."""
    letter_id = a_posted_letter(loan, now=SENT)
    with unit_of_work() as work:
        message_id = work.session.get_one(LetterRow, letter_id).message_id
        work.session.add(
            ServedNoticeRow(
                id=new_id(), borrower_id=loan.borrower_id, loan_id=loan.loan_id, kind=kind, key=letter_id, channel="letter",
                message_id=message_id, said_sha256="0" * 64, by="staff:Ann", created_at=SENT,
            )
        )  # fmt: skip
    return letter_id


def delivered(loan: Built) -> tuple[Any, Any]:
    with reading() as session:
        (found,) = find_served(session, [loan.loan_id])[loan.loan_id]
    return found.delivered_at, found.proof


@pytest.mark.both
def test_a_pre_report_notice_that_was_read_without_the_consent_its_law_asks_for_is_not_delivered(
    app: Flask, client: FlaskClient
) -> None:
    loan = a_loan("US", "US")
    letter_id = served(loan, "negative_info_notice")
    me, desk = signed_in(loan.borrower_id), a_desk_key(loan.lender_id, role="agent")
    path = f"/v1/me/letters/{letter_id}"

    for _ in range(2):
        assert client.get(f"{path}/document", headers=me).status_code == 200
    shown = client.get(path, headers=me).json
    assert (shown["stage"], shown["proof"], shown["opened_at"]) == ("sent", None, "2026-03-02T09:00:00Z")
    assert delivered(loan) == (None, None)
    assert [each["kind"] for each in client.get(f"/v1/desk/letters/{letter_id}", headers=desk).json["proofs"]] == [SEEN]
    assert client.get("/v1/desk/letters?stage=delivered", headers=desk).json["items"] == []
    assert len(client.get("/v1/desk/letters?stage=sent", headers=desk).json["items"]) == 1
    with reading() as session:
        audits = session.scalars(select(AuditRow.facts).where(AuditRow.action == "letter.opened")).all()
    assert [each["proves"] for each in audits] == [False]

    agree(loan, at=START)
    client.get(f"{path}/document", headers=me)

    assert delivered(loan) == (START, "opened_in_app")
    assert client.get(path, headers=me).json["stage"] == "delivered"


@pytest.mark.both
def test_a_default_notice_in_the_united_kingdom_is_delivered_by_no_opening(app: Flask, client: FlaskClient) -> None:
    loan = a_loan("GB", "GB")
    agree(loan, at=SENT)
    letter_id = served(loan, "default_notice")

    client.get(f"/v1/me/letters/{letter_id}/document", headers=signed_in(loan.borrower_id))

    assert delivered(loan) == (None, None)


@pytest.mark.both
def test_in_china_the_notice_before_a_report_is_delivered_when_it_is_opened(app: Flask, client: FlaskClient) -> None:
    loan = a_loan("CN", "CN")
    letter_id = served(loan, "negative_info_notice")

    client.get(f"/v1/me/letters/{letter_id}/document", headers=signed_in(loan.borrower_id))

    assert delivered(loan) == (START, "opened_in_app")


@pytest.mark.both
def test_the_consent_has_to_stand_when_it_is_opened(app: Flask) -> None:
    loan = a_loan("US", "US")
    agree(loan, at=SENT)
    agree(loan, at=START - timedelta(days=1), given=False)

    def counts(at: datetime) -> bool:
        opening = Opening(loan.borrower_id, loan.loan_id, "debt_notice", at)
        with reading() as session:
            return counting(session, [opening]) == {opening}

    assert [counts(START - timedelta(days=days)) for days in (4, 3, 2, 1)] == [False, True, True, False]


@pytest.mark.both
@pytest.mark.parametrize(("jurisdiction", "country", "counts"), [("US", "US", False), ("CN", "CN", True)])
def test_a_link_in_a_served_notice_that_was_followed_counts_as_its_law_says(
    app: Flask, jurisdiction: str, country: str, counts: bool
) -> None:
    loan = a_loan(jurisdiction, country)
    letter_id = served(loan, "negative_info_notice")
    with unit_of_work() as work:
        message_id = work.session.get_one(LetterRow, letter_id).message_id
        work.session.get_one(MessageRow, message_id).clicked_at = START

    assert delivered(loan) == ((START, "opened_in_app") if counts else (None, None))
    with reading() as session:
        shown = get_letter(session, loan.lender_id, letter_id)
    assert shown.delivered_at == (START if counts else None)
