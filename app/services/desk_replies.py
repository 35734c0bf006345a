"""Answers of the desk: in the app always, and out where the borrower wrote from if nothing stands in the way."""

from dataclasses import dataclass, field
from datetime import datetime

from app.domain.contact_gates import LAW, POLICY, ContactAnswer, ContactAsked
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.reasons import Reason
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow, ReplyCopyRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.conversations import exists_word, find_word
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services import attachments, conversation_states
from app.services.canned_replies import written_reply
from app.services.contact_gates import ask_contact, require_contact
from app.services.conversations import MOST_ATTACHMENTS, put_word, text_of
from app.services.desk_conversations import Actor, load_for_desk, source_key, take
from app.services.notices import tell_borrower
from app.services.reply_copies import TEMPLATE, send_copy
from app.wording.free_text_lint import lint_free_text

LONGEST_REPLY = 4000
_OF_LENGTH = frozenset({"too_long"})
"""What a thread in the app does not mind; a copy elsewhere is looked at by itself."""


@dataclass(frozen=True, slots=True)
class NewReply:
    """An answer as somebody writes it. `message_id`: their own id of it, the same again is the same."""

    message_id: str
    text: str = field(repr=False)
    quotes_id: str | None = None
    attachments: tuple[str, ...] = ()
    version: int | None = None
    """Of the thread they have seen; None: whatever it is."""
    status: str | None = None
    """Where the thread goes with it; None: it stays."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replied:
    """Where an answer is. `copy`: what becomes of it on the channel of the borrower's word; None: that is the app."""

    row: ConversationRow
    word_id: str
    created: bool
    copy: ReplyCopyRow | None


def reply(work: Work, who: Actor, conversation_id: str, new: NewReply, *, now: datetime) -> Replied:
    """Answer a borrower. It stands in the app at once; who has no thread of theirs takes this one.

    The copy on another channel is free of caps on how often, for the borrower keeps the thread open; never of the law. Of
    one that is long over no copy goes out.
    Raises NotFoundError, StaleVersionError, ConflictError (another text under that message id), ValidationError for words
    that nobody may say, and what `require_contact` raises where a law speaks against the answer itself.
    """
    row = load_for_desk(work, who, conversation_id)
    key, text = source_key(who, "reply", new.message_id), without_card_numbers(new.text.strip())
    known = find_word(work.session, key)
    if known is not None:
        return _known(work, row, known, text)
    if new.version is not None:
        row = load_for_desk(work, who, conversation_id, version=new.version)
    check_words(text, row.language)
    if new.quotes_id is not None and not exists_word(work.session, row.id, new.quotes_id):
        raise refused_at("/quotes_id", "There is no such message in this conversation.")
    take(work, row, who, now=now)
    answers = conversation_states.is_answer(work, row, now=now)
    _require_lawful(work, row, text, who, now, answers=answers)
    files = _files(work, row, new, now)
    word = put_word(
        work, row, key, text, direction="outbound", channel="in_app", author=who.name, now=now, quotes_id=new.quotes_id,
        files=files,
    )  # fmt: skip
    if row.assignee is None:
        row.assignee = row.had_by = who.name
    row.version += 1
    conversation_states.answer(work, row, by=who.name, now=now)
    if new.status is not None:
        conversation_states.move(work, row, new.status, until=new.until, by=who.name, now=now)
    copy = send_copy(work, row, word, answers=answers, now=now)
    _tell(work, row, has_copy=copy is not None and copy.state != "refused", now=now)
    facts = {
        "conversation_id": row.id, "word_id": word.id, "status": row.status,
        "copy": None if copy is None else copy.state, "reason": None if copy is None else copy.reason,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=who.name, action="conversation.replied", borrower_id=row.borrower_id, facts=facts)
    return Replied(row, word.id, True, copy)


def _require_lawful(work: Work, row: ConversationRow, text: str, who: Actor, now: datetime, *, answers: bool) -> None:
    """Refuse an answer that the law or the person's own state stands against; the policy speaks of no answer in the app.

    `answers` False: the thread is long over, and what is written now begins from us, of whatever class its words make it.
    """
    assert row.lender_id is not None
    loan_ids = () if row.loan_id is None else (row.loan_id,)
    asked = ContactAsked("in_app", "support", loan_ids, is_reply=answers, text=text, locale=row.language)
    try:
        answer = ask_contact(work.session, row.borrower_id, asked, lender_id=row.lender_id, now=now)
    except NotFoundError:  # no loan here any more: they may ask, and be answered
        return
    blocks = tuple(block for block in answer.blocks if block.layer != POLICY and block.reason != Reason.CONTENT_LINT)
    lawful = tuple(block for block in answer.blocks if block.layer == LAW)
    require_contact(ContactAnswer(lawful or blocks), role=who.role)


def run_macro(
    work: Work, who: Actor, conversation_id: str, canned_id: str, *, message_id: str, version: int | None, now: datetime
) -> Replied:
    """Answer with a canned reply, and move the thread as it says, in one. Raises as `reply` and `written_reply` do."""
    row = load_for_desk(work, who, conversation_id)
    said = written_reply(work.session, who.lender_id, canned_id, row, now=now)
    if said.missing:
        raise refused_at("/canned_response_id", f"Nothing is known here for: {', '.join(said.missing)}.")
    new = NewReply(message_id, said.text, version=version, status=said.sets_status)
    return reply(work, who, conversation_id, new, now=now)


def check_words(text: str, locale: str) -> None:
    """Refuse words that nobody may say to a borrower. Raises ValidationError that names the first."""
    problems = lint_free_text(
        channel="in_app", locale=locale, title="", body=text, message_class="support", is_late=True, is_reply=True
    )
    found = next((each for each in problems if each.code not in _OF_LENGTH), None)
    if found is not None:
        raise refused_at("/text", found.detail)


def _known(work: Work, row: ConversationRow, word: ConversationMessageRow, text: str) -> Replied:
    if word.conversation_id != row.id or text_of(work.vault, word) != text:
        raise ConflictError("Another text came under that message id; give each text an id of its own.")
    return Replied(row, word.id, False, work.session.get(ReplyCopyRow, word.id))


def _files(work: Work, row: ConversationRow, new: NewReply, now: datetime) -> list[str]:
    files = list(dict.fromkeys(new.attachments))
    if len(files) > MOST_ATTACHMENTS:
        raise refused_at("/attachments", f"attachments are more than {MOST_ATTACHMENTS}.")
    if files:
        attachments.claim(
            work, row.borrower_id, files, "conversation", row.id, lender_id=row.lender_id, now=now,
            of_staff=True,
        )  # fmt: skip
    return files


def _tell(work: Work, row: ConversationRow, *, has_copy: bool, now: datetime) -> None:
    """Put into the inbox that there is an answer, once until the borrower has read; ring where no copy goes out."""
    assert row.lender_id is not None
    said = {"lender": get_lender(work.session, row.lender_id).name}
    key = f"conversation:{row.id}:{row.borrower_read_to or ''}"
    tell_borrower(
        work, row.borrower_id, TEMPLATE, said, now=now, subject_id=row.id, key=key, also_push=not has_copy
    )  # fmt: skip
