"""The borrower's inbox: what they were told, what it is about, and whether that is settled."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.db import vault
from app.persistence.queries import inbox as queries
from app.persistence.unit_of_work import unit_of_work
from app.services import agenda

MARKS = ("read", "unread", "archive", "unarchive")


@dataclass(frozen=True, slots=True)
class Subject:
    """An instalment a message is about."""

    loan_id: str
    row_no: int


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One message as the app shows it. `settled_at`: what it reminded of has been paid."""

    id: str
    category: str
    """due_soon, due_today, overdue ...: the template's name, stable for the app's icons."""
    title: str = field(repr=False)
    body: str = field(repr=False)
    locale: str
    created_at: datetime
    read_at: datetime | None
    archived_at: datetime | None
    settled_at: datetime | None
    about: Sequence[Subject]

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do about it."""
        return self.settled_at is not None

    @property
    def deep_link(self) -> str:
        """Where the app goes when it is opened; ids only, no personal data."""
        loans = {subject.loan_id for subject in self.about}
        if len(self.about) == 1:
            return f"duecourse://loans/{self.about[0].loan_id}/instalments/{self.about[0].row_no}"
        return f"duecourse://loans/{loans.pop()}" if len(loans) == 1 else "duecourse://due"


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """Of what is not archived."""

    total: int
    unread: int
    open: int


def page_inbox(
    reads: Connection,
    borrower_id: str,
    *,
    archived: bool,
    unread_only: bool,
    before: tuple[datetime, str] | None,
    limit: int,
    now: datetime,
) -> list[InboxItem]:
    """Return up to `limit` messages whose time has come, newest first."""
    rows = queries.page_inbox(
        reads, borrower_id, archived=archived, unread_only=unread_only, before=before, limit=limit, now=now
    )
    return _items(reads, borrower_id, rows)


def inbox_counts(reads: Connection, borrower_id: str, *, now: datetime) -> InboxCounts:
    """Return how many messages there are, unread and open."""
    return InboxCounts(*queries.count_inbox(reads, borrower_id, now=now))


def mark(borrower_id: str, message_id: str, how: str, *, now: datetime) -> tuple[InboxItem, InboxCounts]:
    """Mark a message (one of `MARKS`) and return it with the new counts; doing it again changes nothing.

    Raises NotFoundError, also for another borrower's message.
    """
    with unit_of_work() as work:
        found = queries.find_inbox_message(work.session, borrower_id, message_id, now=now)
        if found is None:
            raise NotFoundError("There is no such message.")
        column = "read_at" if how in ("read", "unread") else "archived_at"
        wanted = how in ("read", "archive")
        if (getattr(found, column) is not None) != wanted:
            if how == "read" and queries.exists_waiting_beside(work.session, message_id):
                agenda.touch(work, [borrower_id], now=now)  # what follows only an unread message is looked at again
            queries.mark_inbox_message(work.session, message_id, **{column: now if wanted else None})
            found = queries.find_inbox_message(work.session, borrower_id, message_id, now=now)
        counts = InboxCounts(*queries.count_inbox(work.session, borrower_id, now=now))
        return _items(work.session, borrower_id, [found])[0], counts


def _items(source: Connection | Session, borrower_id: str, rows: Sequence[Any]) -> list[InboxItem]:
    contact_ids = {row.contact_id for row in rows if row.contact_id is not None}
    about: defaultdict[str, list[Subject]] = defaultdict(list)
    for subject in queries.find_subjects(source, borrower_id, contact_ids) if contact_ids else ():
        about[subject.contact_id].append(Subject(subject.loan_id, subject.row_no))
    ring = vault()
    items = []
    for row in rows:
        text = orjson.loads(ring.open(row.text_sealed, place=f"messages.text:{row.id}") or "{}")
        items.append(
            InboxItem(
                id=row.id,
                category=row.template,
                title=text.get("title", ""),
                body=text.get("body", ""),
                locale=row.locale,
                created_at=row.created_at,
                read_at=row.read_at,
                archived_at=row.archived_at,
                settled_at=row.settled_at,
                about=about.get(row.contact_id, ()),
            )
        )
    return items
