"""Reading the inbox: messages of channel in_app, always with the state and the counts of the same instant.

Each answer is one statement, so that what it shows and the state it is stamped with can never be of two instants, also
where every statement sees the newest commit by itself. Which messages there are follows from the rows alone: what the clock
brings (a snooze that is over) is written down first (`queries/inbox_marks.catch_up`), and `Head.due` says that it must be.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

from app.domain.inbox import CATEGORY_OF_CLASS, CATEGORY_OF_PREFIX, CATEGORY_OF_TEMPLATE, category_of
from app.persistence.column_types import Id, Instant
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, DecisionRow
from app.persistence.prepared import PreparedSelect

_BORROWER = bindparam("b_borrower", type_=Id())
_NOW = bindparam("b_now", type_=Instant())
_STATE = bindparam("b_state", type_=BigInteger())
_LIMIT = bindparam("b_limit", type_=Integer())
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""After every id: `(state, LAST_ID)` is the end of what a state holds."""

is_gone = or_(MessageRow.withdrawn_at.is_not(None), MessageRow.state == "cancelled")
is_listed = and_(MessageRow.inbox_created > 0, MessageRow.archived_at.is_(None), MessageRow.snoozed_until.is_(None))
"""In the list, and so in the counts: come, and neither archived nor set aside."""
_IN_APP = and_(MessageRow.borrower_id == _BORROWER, MessageRow.channel == "in_app")
_IS_SERVICING = MessageRow.message_class == "servicing"
CATEGORY = case(
    dict(CATEGORY_OF_TEMPLATE),
    value=MessageRow.template,
    else_=case(
        *(
            (and_(_IS_SERVICING, MessageRow.template.startswith(prefix, autoescape=True)), category)
            for prefix, category in CATEGORY_OF_PREFIX.items()
        ),
        else_=case(dict(CATEGORY_OF_CLASS), value=MessageRow.message_class, else_="other"),
    ),
)
"""What `category_of` says, in SQL."""


def is_due(now: Any) -> ColumnElement[bool]:
    """Return the condition for what the clock has brought and nobody wrote down yet.

    `inbox_created` 0: it never came, or an older release wrote it.
    """
    return or_(and_(MessageRow.inbox_created == 0, MessageRow.not_before <= now), MessageRow.snoozed_until <= now)


COLUMNS = (
    MessageRow.id,
    MessageRow.contact_id,
    MessageRow.template,
    MessageRow.message_class,
    MessageRow.locale,
    MessageRow.text_sealed,
    MessageRow.created_at,
    MessageRow.seen_at,
    MessageRow.read_at,
    MessageRow.archived_at,
    MessageRow.settled_at,
    MessageRow.clicked_at,
    MessageRow.replied_at,
    MessageRow.snoozed_until,
    MessageRow.inbox_created,
    MessageRow.inbox_state,
    case((is_gone, 1), else_=0).label("is_gone"),
)
"""What of a message an item is made of."""


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """Messages of one category that are in the list."""

    category: str
    total: int
    unread: int
    unseen: int
    open: int


@dataclass(frozen=True, slots=True)
class Head:
    """The borrower's inbox state, with what was counted at it."""

    state: int
    counts: tuple[CategoryCount, ...]
    due: int
    """How many messages the clock has brought that nobody wrote down yet; the rest is not to be shown before."""
    next_at: datetime | None
    """When the next snooze is over."""


def _head() -> Any:
    listed = MessageRow.id.is_not(None) & is_listed

    def number(*conditions: ColumnElement[bool]) -> Any:
        return func.count().filter(and_(listed, *conditions))

    absent: dict[str, Any] = {
        "template": MessageRow.template,
        "message_class": MessageRow.message_class,
        "snoozed_until": func.min(MessageRow.snoozed_until),
        "inbox_created": func.coalesce(AgendaRow.inbox_state, 0),
        "inbox_state": cast(literal(0), BigInteger),
        "is_gone": func.count(MessageRow.id).filter(is_due(_NOW)),
    }
    columns = [absent.get(column.key, cast(null(), column.type)).label(column.key) for column in COLUMNS]
    return (
        select(
            literal(0, Integer).label("part"),
            *columns,
            number().label("total"),
            number(MessageRow.read_at.is_(None)).label("unread"),
            number(MessageRow.seen_at.is_(None), MessageRow.read_at.is_(None)).label("unseen"),
            number(MessageRow.settled_at.is_(None)).label("open"),
        )
        .select_from(AgendaRow)
        .outerjoin(
            MessageRow,
            and_(MessageRow.borrower_id == AgendaRow.borrower_id, MessageRow.channel == "in_app", ~is_gone),
        )
        .where(AgendaRow.borrower_id == _BORROWER)
        .group_by(AgendaRow.inbox_state, MessageRow.template, MessageRow.message_class)
    )


def _with_head(page: Select[Any]) -> PreparedSelect:
    """Return one statement for a page and the head of the same instant."""
    none = cast(literal(0), BigInteger)
    rows = page.add_columns(*(none.label(name) for name in ("total", "unread", "unseen", "open"))).subquery()
    return PreparedSelect.of(union_all(_head(), select(literal(1, Integer), *rows.c)))


@lru_cache(maxsize=64)
def _page(
    archived: bool, snoozed: bool, unread: bool, settled: bool | None, categorised: bool, later: bool
) -> PreparedSelect:
    statement = (
        select(*COLUMNS)
        .where(_IN_APP, ~is_gone, MessageRow.inbox_created > 0)
        .where(MessageRow.archived_at.is_not(None) if archived else MessageRow.archived_at.is_(None))
        .where(MessageRow.snoozed_until.is_not(None) if snoozed else MessageRow.snoozed_until.is_(None))
        .order_by(MessageRow.created_at.desc(), MessageRow.id.desc())
        .limit(_LIMIT)
    )
    if unread:
        statement = statement.where(MessageRow.read_at.is_(None))
    if settled is not None:
        statement = statement.where(MessageRow.settled_at.is_not(None) if settled else MessageRow.settled_at.is_(None))
    if categorised:
        statement = statement.where(CATEGORY == bindparam("b_category", type_=String()))
    if later:
        before = tuple_(bindparam("b_at", type_=Instant()), bindparam("b_row", type_=Id()))
        statement = statement.where(tuple_(MessageRow.created_at, MessageRow.id) < before)
    return _with_head(statement)


_CHANGES = _with_head(
    select(*COLUMNS)
    .where(
        _IN_APP,
        or_(MessageRow.inbox_created > 0, is_gone),
        MessageRow.inbox_state >= _STATE,  # where an index can begin
        or_(MessageRow.inbox_state > _STATE, MessageRow.id > bindparam("b_row", type_=Id())),
    )
    .order_by(MessageRow.inbox_state, MessageRow.id)
    .limit(_LIMIT)
)
_COUNTS = PreparedSelect.of(_head())


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
) -> tuple[Head, list[Any]]:
    """Return up to `limit` messages, newest first by (created_at, id), older than `before`, and the head."""
    statement = _page(archived, snoozed, unread, settled, category is not None, before is not None)
    asked: dict[str, Any] = {"b_limit": limit}
    if category is not None:
        asked["b_category"] = category
    if before is not None:
        asked |= {"b_at": before[0], "b_row": before[1]}
    head, rows = _parted(statement, reads, borrower_id, now, asked)
    rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
    return head, rows


def page_changes(
    reads: Connection, borrower_id: str, *, after: tuple[int, str], limit: int, now: datetime
) -> tuple[Head, list[Any]]:
    """Return up to `limit` messages, gone ones too, by (state of the last change, id), later than `after`; and the head."""
    asked = {"b_state": after[0], "b_row": after[1], "b_limit": limit}
    head, rows = _parted(_CHANGES, reads, borrower_id, now, asked)
    rows.sort(key=lambda row: (row.inbox_state, row.id))
    return head, rows


def count_inbox(source: Connection, borrower_id: str, *, now: datetime) -> Head:
    """Return the state and the counts."""
    return _parted(_COUNTS, source, borrower_id, now, {})[0]


def _parted(
    statement: PreparedSelect, source: Connection, borrower_id: str, now: datetime, asked: Mapping[str, Any]
) -> tuple[Head, list[Any]]:
    found = statement.all(source, {"b_borrower": borrower_id, "b_now": now, **asked})
    counted = [row for row in found if row.part == 0]
    counts: dict[str, list[int]] = {}
    for row in counted:
        if row.total:
            count = counts.setdefault(category_of(row.template, row.message_class), [0, 0, 0, 0])
            for index, more in enumerate((row.total, row.unread, row.unseen, row.open)):
                count[index] += more
    head = Head(
        state=counted[0].inbox_created if counted else 0,
        counts=tuple(CategoryCount(category, *numbers) for category, numbers in sorted(counts.items())),
        due=sum(row.is_gone for row in counted),
        next_at=min((row.snoozed_until for row in counted if row.snoozed_until is not None), default=None),
    )
    return head, [row for row in found if row.part == 1]


def find_subjects(source: Connection | Session, borrower_id: str, contact_ids: Collection[str]) -> Sequence[Any]:
    """Return the instalments that these contacts are about."""
    return source.execute(
        select(DecisionRow.contact_id, DecisionRow.loan_id, DecisionRow.row_no)
        .where(DecisionRow.borrower_id == borrower_id, DecisionRow.contact_id.in_(contact_ids))
        .order_by(DecisionRow.contact_id, DecisionRow.loan_id, DecisionRow.row_no)
    ).all()
