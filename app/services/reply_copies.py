"""Copies of answers, on the channel of the borrower's last word: let out by the gate before contacts, or kept with a reason.

The answer itself stands in the app whatever becomes of its copy. A copy is asked about when the answer is given, again when
the hours open that it waited for, and a last time when it is about to leave. It is not taken back when the thread is
resolved, since most answers end one; it is needless once the borrower has read the answer in the app.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import orjson

from app.domain.contact_gates import ContactAnswer, ContactAsked
from app.domain.errors import NotFoundError
from app.domain.reasons import Reason
from app.domain.reply_windows import LIMITS, ReplyWindow, reply_window
from app.persistence.ids import new_id
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow, ReplyCopyRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.conversations import load_conversation
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.reply_copies import count_sent, count_sent_to, find_by_message, find_last_heard
from app.persistence.unit_of_work import Work
from app.services.contact_gates import ask_contact
from app.services.conversations import text_of
from app.services.follow_ups import follow_up_at
from app.services.message_texts import WrittenMessage, written_message

FOLLOW_UP = "reply_copy"
TEMPLATE = "conversation_answered"
CHANNELS = frozenset({"sms", "email", "wechat"})
"""On which an answer can be said; by phone nobody reads it. WeChat takes it for a while only (domain/reply_windows)."""
_HOURS = frozenset({Reason.QUIET_HOURS, Reason.LEGAL_QUIET_HOURS, Reason.TIMEZONE_UNKNOWN_NARROWED, Reason.NON_WORKING_DAY})
OVER = "conversation.answered_within"
"""The rule of what is no answer any more: `domain.conversations.is_answer`."""
_LIVES = timedelta(days=1)
"""Later an answer is read in the app, or asked for again."""


def send_copy(
    work: Work, row: ConversationRow, word: ConversationMessageRow, *, answers: bool, now: datetime
) -> ReplyCopyRow | None:
    """Have an answer go out where the borrower wrote from; None where that is the app.

    `answers` False: the thread is long over, so that it would be a message by hand free of every cap. The caller
    holds the borrower's agenda row.
    """
    assert row.lender_id is not None
    if row.channel == "in_app":
        return None
    copy = ReplyCopyRow(
        word_id=word.id, conversation_id=row.id, borrower_id=row.borrower_id, lender_id=row.lender_id,
        channel=row.channel, state="refused", reason=Reason.CHANNEL_DISABLED.value, changed_at=now,
    )  # fmt: skip
    work.session.add(copy)
    work.session.flush()
    if not answers:
        copy.reason, copy.rule = Reason.EXPIRED_WINDOW.value, OVER
    elif row.channel in CHANNELS:
        _try(work, row, word, copy, now)
    return copy


def look(work: Work, word_id: str, *, now: datetime) -> None:
    """Look again at a copy that waited for the hours to open. The follow-up's look."""
    copy = work.session.get(ReplyCopyRow, word_id)
    word = work.session.get(ConversationMessageRow, word_id)
    if copy is None or word is None or copy.state != "waiting":
        return
    _try(work, load_conversation(work.session, copy.conversation_id), word, copy, now)


def copies_not_to_send(work: Work, message_ids: Collection[str], *, now: datetime) -> set[str]:
    """Return those of these copies that must not or need not leave any more: read in the app, or stopped since."""
    stopped: set[str] = set()
    for copy in find_by_message(work.session, message_ids):
        row = work.session.get_one(ConversationRow, copy.conversation_id)
        if _was_read(row, copy.word_id):
            copy.state, copy.reason = "needless", Reason.SEEN.value
        else:
            found = _ask(work, row, copy, None, "", now)
            if isinstance(found, ContactAnswer) and found.may_happen:
                continue
            copy.state, copy.reason, copy.rule = "refused", *_why(found)
        copy.changed_at = now
        stopped.add(str(copy.message_id))
    work.session.flush()
    return stopped


def _try(work: Work, row: ConversationRow, word: ConversationMessageRow, copy: ReplyCopyRow, now: datetime) -> None:
    """Ask, and queue it, put it off until the hours open, or refuse it by name."""
    copy.changed_at, copy.until = now, None
    if _was_read(row, word.id):
        copy.state, copy.reason = "needless", Reason.SEEN.value
        work.session.flush()
        return
    lender = get_lender(work.session, copy.lender_id).name
    pointer = written_message(TEMPLATE, copy.channel, row.language, {"lender": lender})
    said, title = text_of(work.vault, word), pointer.title
    found = _ask(work, row, copy, said, title, now)
    is_pointer = _is_unfit(found) and pointer.fault is None
    if is_pointer:  # it does not fit the channel: that there is an answer does
        said = pointer.body
        found = _ask(work, row, copy, said, title, now)
    copy.reason, copy.rule = (Reason.CONTENT_LINT.value if is_pointer else None), None
    if isinstance(found, ContactAnswer) and found.may_happen:
        copy.state = "queued"
        copy.message_id = _queue(work, copy, pointer, said, lender, found.closes_at, now, is_pointer=is_pointer)
    elif isinstance(found, ContactAnswer) and found.opens_at is not None and _only(found, _HOURS):
        closed = None if (window := _window(work, copy)) is None else window.stop(found.opens_at)
        if closed is not None:  # nobody may answer there any more by the time the hours open
            copy.state, copy.reason, copy.rule = "refused", closed.reason.value, closed.rule
            work.session.flush()
            return
        copy.state, copy.until = "waiting", found.opens_at
        copy.reason, copy.rule = _why(found)
        follow_up_at(work, FOLLOW_UP, word.id, row.borrower_id, at=found.opens_at)
    else:
        copy.state = "refused"
        copy.reason, copy.rule = _why(found)
    work.session.flush()


def _ask(
    work: Work, row: ConversationRow, copy: ReplyCopyRow, text: str | None, title: str, now: datetime
) -> ContactAnswer | Reason:
    """Ask the gate; of a borrower who has no loan here any more it knows nothing, and nothing is sent."""
    asked = ContactAsked(
        copy.channel, "support", () if row.loan_id is None else (row.loan_id,), is_reply=True, text=text, title=title,
        locale=row.language,
        replies_sent=count_sent(work.session, row.id, copy.channel, since=row.heard_at or row.opened_at, but=copy.word_id),
        window=_window(work, copy),
    )  # fmt: skip
    try:
        return ask_contact(work.session, row.borrower_id, asked, lender_id=copy.lender_id, now=now)
    except NotFoundError:
        return Reason.LOAN_CLOSED


def _window(work: Work, copy: ReplyCopyRow) -> ReplyWindow | None:
    """Return what the platform leaves for answers: it counts them for the borrower, whichever thread they are in."""
    if copy.channel not in LIMITS:
        return None
    heard_at = find_last_heard(work.session, copy.borrower_id, copy.channel)
    answers = 0
    if heard_at is not None:
        answers = count_sent_to(work.session, copy.borrower_id, copy.channel, since=heard_at, but=copy.word_id)
    return reply_window(copy.channel, heard_at, answers)


def _queue(
    work: Work, copy: ReplyCopyRow, pointer: WrittenMessage, said: str, lender: str, closes_at: datetime | None,
    now: datetime, *, is_pointer: bool,
) -> str:  # fmt: skip
    message_id = new_id()
    text = orjson.dumps({"title": pointer.title, "body": said, "variables": {"lender": lender}}).decode()
    work.session.add(
        MessageRow(
            id=message_id, borrower_id=copy.borrower_id, channel=copy.channel, message_class="support", template=TEMPLATE,
            template_version=pointer.version if is_pointer else 0, locale=pointer.locale,
            text_sealed=work.vault.seal(text, place=f"messages.text:{message_id}"), state="queued", not_before=now,
            not_after=min(closes_at or now + _LIVES, now + _LIVES), next_attempt_at=now, created_at=now,
        )
    )  # fmt: skip
    work.session.flush()
    return message_id


def _was_read(row: ConversationRow, word_id: str) -> bool:
    return row.borrower_read_to is not None and row.borrower_read_to >= word_id


def _is_unfit(found: ContactAnswer | Reason) -> bool:
    """Whether its words may not stand on the channel: too long, an amount on a lock screen, words nobody may say."""
    return isinstance(found, ContactAnswer) and any(block.reason == Reason.CONTENT_LINT for block in found.blocks)


def _only(found: ContactAnswer, reasons: Collection[Reason]) -> bool:
    return bool(found.blocks) and all(block.reason in reasons for block in found.blocks)


def _why(found: ContactAnswer | Reason) -> tuple[str, str | None]:
    if isinstance(found, Reason):
        return found.value, None
    first = found.blocks[0]
    return first.reason, first.rule
