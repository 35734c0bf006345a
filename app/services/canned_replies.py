"""Canned replies: written at the desk in every language, approved by a second person, filled in for one thread.

A text may put in the variables below and nothing else; it has no conditions. It is read by the same check of words as a
reply that somebody types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jinja2 import TemplateError
from sqlalchemy.orm import Session

from app.domain.conversations import KINDS, STATUSES
from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, StaleVersionError, refused_at
from app.domain.permissions import may
from app.persistence.ids import new_id
from app.persistence.models.desk_rules import CannedReplyRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.queries import canned_replies as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_own_loan
from app.persistence.unit_of_work import Work
from app.services.accounts import get_account
from app.wording.catalogue import locales, match_locale
from app.wording.free_text_lint import lint_free_text
from app.wording.sources import has_statements, variables_in, written
from app.wording.variables import Value, samples, write_variables

VARIABLES = ("lender", "loan", "reference", "answer_by", "amount", "due_on")
"""reference, answer_by: of the dispute it is about; amount, due_on: of the loan's next instalment."""
STATES = ("draft", "approved", "retired")
APPROVE = "canned_replies.approve"
LONGEST_TEXT = 2000
_SETS = tuple(status for status in STATUSES if status != "snoozed")


@dataclass(frozen=True, slots=True)
class CannedValues:
    """A canned reply as it is written. `texts`: locale -> text, in every locale there is."""

    key: str
    title: str
    texts: Mapping[str, str] = field(repr=False)
    kind: str | None = None
    sets_status: str | None = None


@dataclass(frozen=True, slots=True)
class WrittenReply:
    """A canned reply filled in. `missing`: variables of which nothing is known; then `text` is as it was written."""

    text: str
    locale: str
    sets_status: str | None
    missing: tuple[str, ...] = ()


def list_replies(reads: Any, lender_id: str, *, state: str | None = None, kind: str | None = None) -> Sequence[Any]:
    """Return a lender's canned replies by key; with a kind those for it and for any."""
    return queries.list_replies(reads, lender_id, state=state, kind=kind)


def get_reply(session: Session, lender_id: str, reply_id: str) -> CannedReplyRow:
    """Return a lender's canned reply. Raises NotFoundError."""
    row = queries.find_reply(session, lender_id, reply_id)
    if row is None:
        raise NotFoundError("There is no such canned reply.")
    return row


def sampled(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts as a borrower would read them, by locale, with sample values."""
    return {locale: written(text, samples(locale)[0]) for locale, text in texts.items()}


def add_reply(work: Work, lender_id: str, values: CannedValues, *, by: str, now: datetime) -> CannedReplyRow:
    """Write a canned reply; it waits for approval. Raises ValidationError, ConflictError (the key is taken)."""
    _check(values)
    known = queries.find_named(work.session, lender_id, values.key)
    if known is not None:
        raise ConflictError("Another canned reply has that key.", {"canned_response_id": known.id})
    row = CannedReplyRow(
        id=new_id(), lender_id=lender_id, state="draft", written_by=by, written_at=now, version=1, **_columns(values)
    )
    work.session.add(row)
    work.session.flush()
    _audit(work, row, "canned_reply.written", by, now)
    return row


def change_reply(
    work: Work, lender_id: str, reply_id: str, values: CannedValues, *, version: int, by: str, now: datetime
) -> CannedReplyRow:
    """Write it anew; what was approved waits for approval again. The same again changes nothing.

    Raises NotFoundError, StaleVersionError, ValidationError, ConflictError.
    """
    _check(values)
    row = _load(work, lender_id, reply_id, version)
    other = queries.find_named(work.session, lender_id, values.key)
    if other is not None and other.id != row.id:
        raise ConflictError("Another canned reply has that key.", {"canned_response_id": other.id})
    columns = _columns(values)
    if all(getattr(row, name) == value for name, value in columns.items()):
        return row
    for name, value in columns.items():
        setattr(row, name, value)
    row.state, row.written_by, row.written_at, row.approved_by, row.approved_at = "draft", by, now, None, None
    return _moved(work, row, "canned_reply.written", by, now)


def approve_reply(
    work: Work, lender_id: str, reply_id: str, *, version: int, by: str, role: str, now: datetime
) -> CannedReplyRow:
    """Let a canned reply be used. Raises NotFoundError, StaleVersionError, ForbiddenError (one's own, or no supervisor)."""
    if not may(role, APPROVE):
        raise ForbiddenError("A supervisor, compliance or admin approves canned replies.")
    row = _load(work, lender_id, reply_id, version)
    if row.state == "approved":
        return row
    if row.written_by == by:
        raise ForbiddenError("You wrote it yourself; somebody else approves it.")
    row.state, row.approved_by, row.approved_at = "approved", by, now
    return _moved(work, row, "canned_reply.approved", by, now)


def retire_reply(work: Work, lender_id: str, reply_id: str, *, version: int, by: str, now: datetime) -> CannedReplyRow:
    """Have a canned reply used no more. Raises NotFoundError, StaleVersionError."""
    row = _load(work, lender_id, reply_id, version)
    if row.state == "retired":
        return row
    row.state = "retired"
    return _moved(work, row, "canned_reply.retired", by, now)


def written_reply(session: Session, lender_id: str, reply_id: str, thread: Any, *, now: datetime) -> WrittenReply:
    """Return a canned reply filled in for a thread, in its language. Raises NotFoundError, ConflictError (not approved)."""
    row = get_reply(session, lender_id, reply_id)
    if row.state != "approved":
        raise ConflictError("The canned reply waits for approval, or is used no more.")
    locale = match_locale(thread.language)
    source = row.texts[locale]
    values = write_variables(_values(session, lender_id, thread, now), locale)
    missing = tuple(sorted(variables_in(source) - values.keys()))
    return WrittenReply(source if missing else written(source, values), locale, row.sets_status, missing)


def _values(session: Session, lender_id: str, thread: Any, now: datetime) -> dict[str, Value]:
    values: dict[str, Value] = {"lender": get_lender(session, lender_id).name}
    loan = None if thread.loan_id is None else find_own_loan(session, thread.borrower_id, thread.loan_id)
    if loan is not None and loan.lender_id == lender_id:
        values["loan"] = loan.loan_no
        position = get_account(session.connection(), thread.borrower_id, loan.id, now=now).position
        if position.next_due_on is not None:
            values["amount"] = {loan.currency: position.next_due_minor}
            values["due_on"] = position.next_due_on
    dispute = session.get(DisputeRow, thread.subject_id) if thread.kind == "dispute" and thread.subject_id else None
    if dispute is not None and dispute.lender_id == lender_id:
        values |= {"reference": dispute.reference, "answer_by": dispute.answer_due_on}
    return values


def _check(values: CannedValues) -> None:
    if values.kind is not None and values.kind not in KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    if values.sets_status is not None and values.sets_status not in _SETS:
        raise refused_at("/sets_status", f"sets_status is not one of {', '.join(_SETS)}.")
    check_texts(values.texts)


def check_texts(texts: Mapping[str, str]) -> None:
    """Refuse texts that cannot be filled in, or say what nobody may. Raises ValidationError that names the first."""
    if set(texts) != set(locales()):
        raise refused_at("/texts", f"Write it in each of {', '.join(locales())}.")
    for locale, text in texts.items():
        _check_text(locale, text)


def _check_text(locale: str, text: str) -> None:
    at = f"/texts/{locale}"
    if not 0 < len(text) <= LONGEST_TEXT:
        raise refused_at(at, f"A text has 1 to {LONGEST_TEXT} characters.")
    try:
        unknown = sorted(variables_in(text) - set(VARIABLES))
        if unknown:
            raise refused_at(at, f"There is no value for: {', '.join(unknown)}. Known are {', '.join(VARIABLES)}.")
        if has_statements(text):
            raise refused_at(at, "Only {{ names }} of variables are put in, nothing is worked out.")
        said = written(text, samples(locale)[0])
    except TemplateError as error:
        raise refused_at(at, f"It cannot be read: {error.message}") from None
    problems = lint_free_text(
        channel="in_app", locale=locale, title="", body=said, message_class="support", is_late=True, is_reply=True
    )
    found = next((each for each in problems if each.code != "too_long"), None)
    if found is not None:
        raise refused_at(at, found.detail)


def _columns(values: CannedValues) -> dict[str, Any]:
    return {
        "key": values.key, "title": values.title, "texts": dict(values.texts), "kind": values.kind,
        "sets_status": values.sets_status,
    }  # fmt: skip


def _load(work: Work, lender_id: str, reply_id: str, version: int) -> CannedReplyRow:
    row = queries.find_reply(work.session, lender_id, reply_id, lock=True)
    if row is None:
        raise NotFoundError("There is no such canned reply.")
    if row.version != version:
        raise StaleVersionError("The canned reply has changed since you read it; look at it again.")
    return row


def _moved(work: Work, row: CannedReplyRow, action: str, by: str, now: datetime) -> CannedReplyRow:
    row.version += 1
    work.session.flush()
    _audit(work, row, action, by, now)
    return row


def _audit(work: Work, row: CannedReplyRow, action: str, by: str, now: datetime) -> None:
    facts = {"canned_reply_id": row.id, "version": row.version, "lender_id": row.lender_id}
    add_audit(work.session, at=now, actor=by, action=action, borrower_id=None, facts=facts)
