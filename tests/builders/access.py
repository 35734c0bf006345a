"""Signed-in borrowers and keys, made without going through SMS."""

from datetime import datetime
from itertools import count

from flask import Flask
from flask.testing import FlaskClient

from app.domain.book import BorrowerValues
from app.persistence.ids import new_id
from app.persistence.models.access import ApiKeyRow
from app.persistence.unit_of_work import unit_of_work
from app.persistence.vault import token_hash
from app.services.borrowers import put_borrower
from app.services.sessions import open_session
from tests.conftest import START

_numbers = count(1)


def a_borrower(*, phone: str | None = None, now: datetime = START, **changes: object) -> tuple[str, str]:
    """Make a borrower; return (id, phone). Numbers are unique by sequence, since the directory tables demand it."""
    number = next(_numbers)
    phone = phone or f"+86138{number:08d}"
    given: dict[str, object] = {"borrower_no": f"B{number}", "name": "Li Wei", "phone": phone, "zone": "Asia/Shanghai"}
    with unit_of_work() as work:
        result = put_borrower(work, BorrowerValues(**{**given, **changes}), now=now, origin="test")  # type: ignore[arg-type]
    return result.id, phone


def signed_in(borrower_id: str, *, installation_id: str = "phone-1", now: datetime = START) -> dict[str, str]:
    """Return request headers of a fresh session."""
    with unit_of_work() as work:
        tokens = open_session(work, borrower_id, installation_id, "test", now=now)
    return {"Authorization": f"Bearer {tokens.access_token}"}


def an_ingest_key(lender_id: str, *, scopes: tuple[str, ...] = ("ingest",), now: datetime = START) -> dict[str, str]:
    """Return request headers of a core system of this lender."""
    key = f"dck_{new_id()}"
    with unit_of_work() as work:
        work.session.add(
            ApiKeyRow(id=new_id(), key_hash=token_hash(key), lender_id=lender_id, scopes=list(scopes), created_at=now)
        )
    return {"Authorization": f"Bearer {key}"}


def a_desk_key(
    lender_id: str, *, staff: str = "Wang Fang", role: str = "compliance", now: datetime = START
) -> dict[str, str]:
    """Return request headers of a member of this lender's staff."""
    key = f"dck_{new_id()}"
    with unit_of_work() as work:
        work.session.add(
            ApiKeyRow(
                id=new_id(),
                key_hash=token_hash(key),
                lender_id=lender_id,
                scopes=["desk"],
                staff=staff,
                role=role,
                created_at=now,
            )
        )
    return {"Authorization": f"Bearer {key}"}


def fresh_client(app: Flask) -> FlaskClient:
    """Return a client that keeps no cookies."""
    return app.test_client(use_cookies=False)
