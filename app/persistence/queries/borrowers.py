"""Borrowers: by number, by phone, and the terms they are found by."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerNumberRow, BorrowerRow, SearchTermRow, SignInPhoneRow
from app.persistence.models.devices import REPLACED, EndpointRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks
from app.persistence.vault import SearchHash


class BorrowerHead(NamedTuple):
    """What tells whether a borrower has changed."""

    id: str
    borrower_no: str
    content_hash: str
    version: int
    source_version: int | None


def find_heads(session: Session, borrower_nos: Collection[str]) -> dict[str, BorrowerHead]:
    """Return the heads of the borrowers that exist, by borrower number."""
    found: dict[str, BorrowerHead] = {}
    for part in chunks(borrower_nos):
        statement = (
            select(
                BorrowerRow.id,
                BorrowerRow.borrower_no,
                BorrowerRow.content_hash,
                BorrowerRow.version,
                BorrowerRow.source_version,
            )
            .join(BorrowerNumberRow, BorrowerNumberRow.borrower_id == BorrowerRow.id)
            .where(BorrowerNumberRow.borrower_no.in_(part))
        )
        found |= {row.borrower_no: BorrowerHead(*row) for row in session.execute(statement)}
    return found


def find_borrower_ids(session: Session, borrower_nos: Collection[str]) -> dict[str, str]:
    """Return the ids of the borrowers that exist, by borrower number."""
    found: dict[str, str] = {}
    for part in chunks(borrower_nos):
        statement = select(BorrowerNumberRow.borrower_no, BorrowerNumberRow.borrower_id).where(
            BorrowerNumberRow.borrower_no.in_(part)
        )
        found |= {row.borrower_no: row.borrower_id for row in session.execute(statement)}
    return found


def find_borrower_nos(reads: Connection | Session, borrower_ids: Collection[str]) -> dict[str, str]:
    """Return id -> borrower number."""
    found: dict[str, str] = {}
    for part in chunks(borrower_ids):
        statement = select(BorrowerRow.id, BorrowerRow.borrower_no).where(BorrowerRow.id.in_(part))
        found |= {row.id: row.borrower_no for row in reads.execute(statement)}
    return found


def find_locales(session: Session, borrower_ids: Collection[str]) -> dict[str, str | None]:
    """Return borrower -> the locale that the core gave, or None."""
    found: dict[str, str | None] = {}
    for part in chunks(borrower_ids):
        statement = select(BorrowerRow.id, BorrowerRow.locale).where(BorrowerRow.id.in_(part))
        found |= {row.id: row.locale for row in session.execute(statement)}
    return found


def get_borrower(session: Session, borrower_id: str) -> BorrowerRow:
    """Return the borrower. Raises NotFoundError."""
    row = session.get(BorrowerRow, borrower_id)
    if row is None:
        raise NotFoundError("No such borrower.")
    return row


def get_borrower_id(session: Session, borrower_no: str) -> str:
    """Return the id of the borrower of that number. Raises NotFoundError."""
    borrower_id = find_borrower_ids(session, [borrower_no]).get(borrower_no)
    if borrower_id is None:
        raise NotFoundError(f"There is no borrower {borrower_no}.")
    return borrower_id


def find_borrowers_of_lender(reads: Connection | Session, lender_id: str, borrower_nos: Collection[str]) -> dict[str, str]:
    """Return number -> id of those who have a loan of this lender, whatever its state: the only ones it may know of."""
    found: dict[str, str] = {}
    for part in chunks(borrower_nos):
        owes = exists().where(LoanRow.borrower_id == BorrowerNumberRow.borrower_id, LoanRow.lender_id == lender_id)
        statement = select(BorrowerNumberRow.borrower_no, BorrowerNumberRow.borrower_id).where(
            BorrowerNumberRow.borrower_no.in_(part), owes
        )
        found |= {row.borrower_no: row.borrower_id for row in reads.execute(statement)}
    return found


def get_borrower_of_lender(reads: Connection | Session, lender_id: str, borrower_no: str) -> str:
    """Return the id of a borrower who has a loan of this lender. Raises NotFoundError, also for another lender's."""
    borrower_id = find_borrowers_of_lender(reads, lender_id, [borrower_no]).get(borrower_no)
    if borrower_id is None:
        raise NotFoundError(f"There is no borrower {borrower_no} with a loan of this lender.")
    return borrower_id


def find_borrower_by_phone(session: Session, hashes: Iterable[SearchHash]) -> str | None:
    """Return the id of the borrower who signs in with a phone, given its hash under every key of the ring."""
    digests = [each.digest for each in hashes]
    return session.scalar(select(SignInPhoneRow.borrower_id).where(SignInPhoneRow.digest.in_(digests)).limit(1))


def find_borrowers_by_term(session: Session, kind: str, digests: Collection[str]) -> list[str]:
    """Return the ids of all borrowers that a term names, by id: a phone may be a family's."""
    statement = select(SearchTermRow.borrower_id).where(SearchTermRow.kind == kind, SearchTermRow.digest.in_(digests))
    return sorted(set(session.scalars(statement)))


def find_phone_owners(session: Session, digests: Collection[str]) -> dict[str, str]:
    """Return digest -> borrower id of the sign-in phones that exist."""
    found: dict[str, str] = {}
    for part in chunks(digests):
        statement = select(SignInPhoneRow.digest, SignInPhoneRow.borrower_id).where(SignInPhoneRow.digest.in_(part))
        found |= {row.digest: row.borrower_id for row in session.execute(statement)}
    return found


def page_without_contacts(session: Session, *, after: str = "", limit: int = 500) -> Sequence[tuple[str, str]]:
    """Return (borrower_no, id) of borrowers with neither phone nor e-mail, by number, following `after`."""
    statement = (
        select(BorrowerRow.borrower_no, BorrowerRow.id)
        .where(BorrowerRow.phone_sealed.is_(None), BorrowerRow.email_sealed.is_(None), BorrowerRow.borrower_no > after)
        .order_by(BorrowerRow.borrower_no)
        .limit(limit)
    )
    return [(row.borrower_no, row.id) for row in session.execute(statement)]


def count_without_contacts(session: Session) -> int:
    """Return how many borrowers have neither phone nor e-mail."""
    statement = select(func.count()).where(BorrowerRow.phone_sealed.is_(None), BorrowerRow.email_sealed.is_(None))
    return session.scalar(statement.select_from(BorrowerRow)) or 0


def add_borrowers(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add borrowers with their numbers. `rows` hold every column that has no default."""
    if rows:
        session.execute(insert(BorrowerRow), rows)
        session.execute(
            insert(BorrowerNumberRow), [{"borrower_no": row["borrower_no"], "borrower_id": row["id"]} for row in rows]
        )


def set_borrowers(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Overwrite what the source says of existing borrowers; every row names `id` and the same columns."""
    if rows:
        session.execute(update(BorrowerRow), rows)


def set_search_terms(session: Session, terms: Mapping[str, Sequence[tuple[str, SearchHash]]]) -> None:
    """Replace the search terms of these borrowers by (kind, hash) pairs."""
    if not terms:
        return
    for part in chunks(terms):
        session.execute(delete(SearchTermRow).where(SearchTermRow.borrower_id.in_(part)))
    rows = [
        {"borrower_id": borrower_id, "kind": kind, "digest": term.digest, "key_id": term.key_id}
        for borrower_id, pairs in terms.items()
        for kind, term in pairs
    ]
    if rows:
        session.execute(insert(SearchTermRow), rows)


def remove_sign_in_phones(session: Session, borrower_ids: Collection[str]) -> None:
    """Forget the sign-in phones of these borrowers; the caller adds the present ones."""
    for part in chunks(borrower_ids):
        session.execute(delete(SignInPhoneRow).where(SignInPhoneRow.borrower_id.in_(part)))


def add_sign_in_phones(session: Session, phones: Mapping[str, SearchHash]) -> None:
    """Add borrower id -> hash of the phone; the caller has seen that nobody else has it."""
    if phones:
        session.execute(
            insert(SignInPhoneRow),
            [{"digest": h.digest, "key_id": h.key_id, "borrower_id": borrower_id} for borrower_id, h in phones.items()],
        )


def find_own_endpoints(session: Session, borrower_ids: Sequence[str]) -> Sequence[Any]:
    """Return (id, borrower_id, channel, address_digest) of addresses of these borrowers that something is known against."""
    found: list[Any] = []
    for part in chunks(borrower_ids):
        statement = select(EndpointRow.id, EndpointRow.borrower_id, EndpointRow.channel, EndpointRow.address_digest)
        own = EndpointRow.channel.in_(("sms", "voice", "email", "letter"))
        found += session.execute(statement.where(EndpointRow.borrower_id.in_(part), own, EndpointRow.state != REPLACED))
    return found


def mark_replaced(session: Session, endpoint_ids: Sequence[str]) -> None:
    """Let go of endpoints that another address has taken the place of."""
    for part in chunks(endpoint_ids):
        session.execute(update(EndpointRow).where(EndpointRow.id.in_(part)).values(state=REPLACED))
