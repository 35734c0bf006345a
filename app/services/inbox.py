"""The borrower's inbox: what they were told, what it is about, and whether that is settled.

Every answer carries the inbox's state, a number that grows with each change, and counts of that same state. A device keeps
the newest of each and drops what is older; `changes` brings it from any state it has to the present one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import StateTooOldError
from app.domain.inbox import NEEDS_ACTION, Subject, action_place, actions_of, category_of, is_known, place_of
from app.persistence.db import vault
from app.persistence.queries import inbox as queries
from app.persistence.queries.inbox import LAST_ID, Head


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One message as the app shows it. `settled_at`: what it reminded of has been paid."""

    id: str
    state: int
    """The inbox state of its last change."""
    category: str
    """One of `domain.inbox.CATEGORIES`."""
    title: str = field(repr=False)
    body: str = field(repr=False)
    locale: str
    created_at: datetime
    seen_at: datetime | None
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None
    clicked_at: datetime | None
    replied_at: datetime | None
    settled_at: datetime | None
    about: Sequence[Subject]
    loan_id: str | None = None
    """The loan that a notice is about, which is about no instalment."""
    place: str | None = None
    """What a notice opens."""

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do about it."""
        return self.settled_at is not None

    @property
    def deep_link(self) -> str:
        """Where the app goes when it is opened; ids only, no personal data."""
        return self.place or place_of(self.about)

    @property
    def actions(self) -> list[tuple[str, str]]:
        """What is offered with it: (key, where the app goes), the likeliest first."""
        offered = actions_of(self.category, is_settled=self.settled)
        return [(action, action_place(action, self.id, self.about, loan_id=self.loan_id)) for action in offered]


@dataclass(frozen=True, slots=True)
class CategoryCounts:
    """Of one category, in the list."""

    category: str
    total: int
    unread: int


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """Of the list: what is neither archived nor set aside."""

    total: int
    unread: int
    unseen: int
    """For the badge: what came and was not on any screen yet."""
    open: int
    """Not settled yet."""
    action_required: int
    """Not settled yet, and asking for something to be done."""
    categories: tuple[CategoryCounts, ...]


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Rows of a page, not opened yet, with the state and the counts of the same instant."""

    state: int
    counts: InboxCounts
    rows: Sequence[Any] = field(repr=False)
    next_at: datetime | None
    """When the clock will change the inbox without anybody's doing: the next snooze is over."""


@dataclass(frozen=True, slots=True)
class InboxChanges:
    """What is new since a state. `created` and `updated` are rows not opened yet; `has_more`: after `last` there is more."""

    state: int
    counts: InboxCounts
    created: Sequence[Any] = field(repr=False)
    updated: Sequence[Any] = field(repr=False)
    destroyed: Sequence[str]
    last: tuple[int, str] | None
    has_more: bool
    next_at: datetime | None


class InboxBehindError(Exception):
    """The clock has brought something that nobody wrote down yet: `inbox_marks.catch_up`, then read again."""


def page_inbox(
    reads: Connection,
    borrower_id: str,
    *,
    archived: bool = False,
    snoozed: bool = False,
    unread: bool = False,
    settled: bool | None = None,
    category: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
    now: datetime,
) -> InboxPage:
    """Return up to `limit` messages that have come, newest first. Raises InboxBehindError."""
    head, rows = queries.page_inbox(
        reads,
        borrower_id,
        archived=archived,
        snoozed=snoozed,
        unread=unread,
        settled=settled,
        category=category,
        before=before,
        limit=limit,
        now=now,
    )
    _refuse_behind(head)
    return InboxPage(head.state, counts_of(head), rows, head.next_at)


def inbox_counts(reads: Connection, borrower_id: str, *, now: datetime) -> InboxPage:
    """Return the state and the counts, without rows. Raises InboxBehindError."""
    head = queries.count_inbox(reads, borrower_id, now=now)
    _refuse_behind(head)
    return InboxPage(head.state, counts_of(head), (), head.next_at)


def inbox_changes(
    reads: Connection, borrower_id: str, *, since: int, after: tuple[int, str] | None, limit: int, now: datetime
) -> InboxChanges:
    """Return up to `limit` changes since a state, oldest change first; `after`: where the page before ended.

    A message is `created` when it came since then, or came back (its snooze is over); a device takes both alike. Raises
    StateTooOldError when what changed since cannot be told, InboxBehindError.
    """
    start = after or (since, LAST_ID)
    head, rows = queries.page_changes(reads, borrower_id, after=start, limit=limit + 1, now=now)
    if not is_known(since, head.state):
        raise StateTooOldError("What has changed since that state is not known; load the inbox anew.")
    _refuse_behind(head)
    page = rows[:limit]
    here = [row for row in page if not row.is_gone]
    return InboxChanges(
        state=head.state,
        counts=counts_of(head),
        created=[row for row in here if row.inbox_created > since],
        updated=[row for row in here if row.inbox_created <= since],
        destroyed=[row.id for row in page if row.is_gone],
        last=(page[-1].inbox_state, page[-1].id) if page else None,
        has_more=len(rows) > limit,
        next_at=head.next_at,
    )


def counts_of(head: Head) -> InboxCounts:
    """Return what a head counted."""
    counts = head.counts
    return InboxCounts(
        total=sum(count.total for count in counts),
        unread=sum(count.unread for count in counts),
        unseen=sum(count.unseen for count in counts),
        open=sum(count.open for count in counts),
        action_required=sum(count.open for count in counts if count.category in NEEDS_ACTION),
        categories=tuple(CategoryCounts(count.category, count.total, count.unread) for count in counts),
    )


def open_items(source: Connection | Session, borrower_id: str, rows: Sequence[Any]) -> list[InboxItem]:
    """Open the texts of rows."""
    ring = vault()
    texts = [orjson.loads(ring.open(row.text_sealed, place=f"messages.text:{row.id}") or "{}") for row in rows]
    unsaid = {row.contact_id for row, text in zip(rows, texts, strict=True) if row.contact_id and "about" not in text}
    looked_up = _subjects(source, borrower_id, unsaid) if unsaid else {}
    return [
        InboxItem(
            id=row.id,
            state=row.inbox_state,
            category=category_of(row.template, row.message_class),
            title=text.get("title", ""),
            body=text.get("body", ""),
            locale=row.locale,
            created_at=row.created_at,
            seen_at=row.seen_at,
            read_at=row.read_at,
            archived_at=row.archived_at,
            snoozed_until=row.snoozed_until,
            clicked_at=row.clicked_at,
            replied_at=row.replied_at,
            settled_at=row.settled_at,
            about=[Subject(*each) for each in text["about"]] if "about" in text else looked_up.get(row.contact_id, ()),
            loan_id=text.get("loan_id"),
            place=text.get("place"),
        )
        for row, text in zip(rows, texts, strict=True)
    ]


def _subjects(source: Connection | Session, borrower_id: str, contact_ids: set[str]) -> dict[str, list[Subject]]:
    """Of messages that an older release wrote: it kept what they are about with the decisions alone."""
    about: defaultdict[str, list[Subject]] = defaultdict(list)
    for subject in queries.find_subjects(source, borrower_id, contact_ids):
        about[subject.contact_id].append(Subject(subject.loan_id, subject.row_no))
    return about


def _refuse_behind(head: Head) -> None:
    if head.due:
        raise InboxBehindError
