"""Borrowers are sealed, found again by keyed hashes, and never overwritten by something older."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.book import BorrowerValues, PutResult
from app.domain.errors import ConflictError, StaleVersionError, ValidationError
from app.persistence.db import session, vault
from app.persistence.models.borrowers import BorrowerRow, ConsentRow, SearchTermRow, SignInPhoneRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.queries.borrowers import find_borrower_by_phone
from app.persistence.unit_of_work import unit_of_work
from app.services.borrowers import check_borrower, put_borrower
from tests.builders.book_values import borrower_values
from tests.conftest import START

PHONE = "+8613812345678"


def _put(values: BorrowerValues, source_version: int | None = None) -> PutResult:
    with unit_of_work() as work:
        return put_borrower(work, values, now=START, origin="test", source_version=source_version)


def _kinds(value_by_kind: dict[str, str]) -> dict[str, bool]:
    digests = {kind: vault().search_hash(kind, value).digest for kind, value in value_by_kind.items()}
    stored = {(row.kind, row.digest) for row in session().scalars(select(SearchTermRow))}
    return {kind: (kind, digest) in stored for kind, digest in digests.items()}


def test_a_borrower_is_sealed_and_found_by_what_was_given(app: Flask) -> None:
    made = _put(borrower_values(name="José 王小明", phone=PHONE, email="Jose@Example.com"))

    row = session().get_one(BorrowerRow, made.id)
    assert vault().open(row.phone_sealed, place=f"borrowers.phone:{made.id}") == PHONE
    assert row.phone_zones == ["Asia/Shanghai"]
    assert all(
        _kinds(
            {
                "phone": PHONE,
                "phone_last4": "5678",
                "email": "jose@example.com",
                "name_token": "jose",
                "name_han": "王小",
            }
        ).values()
    )
    assert find_borrower_by_phone(session(), vault().search_hashes("phone", PHONE)) == made.id


def test_the_same_again_changes_nothing_and_a_change_moves_every_term(app: Flask) -> None:
    made = _put(borrower_values(name="Ann Lee", phone=PHONE, consents={"sms": True}))
    again = _put(borrower_values(name="Ann Lee", phone=PHONE, consents={"sms": True}))
    before = session().scalar(select(AgendaRow.case_version))
    session().rollback()

    changed = _put(borrower_values(name="Ann Ray", phone="+8613812345679", consents={"sms": False}))

    assert (made.created, again.changed, changed.created, changed.changed) == (True, False, False, True)
    assert before == 1
    assert find_borrower_by_phone(session(), vault().search_hashes("phone", PHONE)) is None
    assert _kinds({"name_token": "lee", "phone": "+8613812345679"}) == {"name_token": False, "phone": True}
    assert list(session().scalars(select(ConsentRow.given).order_by(ConsentRow.id))) == [True, False]


def test_a_phone_of_somebody_else_is_kept_but_signs_nobody_else_in(app: Flask) -> None:
    first = _put(borrower_values("B1", phone=PHONE))

    second = _put(borrower_values("B2", phone=PHONE))

    assert second.created
    assert second.conflicts == ("phone-in-use",)
    assert session().scalar(select(func.count()).select_from(SignInPhoneRow)) == 1
    assert find_borrower_by_phone(session(), vault().search_hashes("phone", PHONE)) == first.id


def test_an_older_source_version_is_refused(app: Flask) -> None:
    _put(borrower_values(name="new"), source_version=5)

    with pytest.raises(StaleVersionError):
        _put(borrower_values(name="old"), source_version=4)
    with pytest.raises(ConflictError):
        _put(borrower_values(name="other"), source_version=5)
    assert not _put(borrower_values(name="new"), source_version=5).changed


@pytest.mark.parametrize(
    "values",
    [
        borrower_values(""),
        borrower_values(phone="13812345678"),
        borrower_values(phone="+86 138 1234 5678"),
        borrower_values(phone="+99912"),
        borrower_values(email="nobody"),
        borrower_values(zone="Europe/Atlantis"),
        borrower_values(locale="klingon"),
        borrower_values(country="XX"),
        borrower_values(flags=("angry",)),
        borrower_values(consents={"pigeon": True}),
    ],
)
def test_what_cannot_be_true_of_a_borrower_is_refused_without_saying_it(values: BorrowerValues) -> None:
    with pytest.raises(ValidationError) as refused:
        check_borrower(values)

    assert "138" not in refused.value.detail.replace("+8613812345678", "")
