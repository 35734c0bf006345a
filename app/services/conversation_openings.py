"""How a borrower begins a conversation in the app: with a question, or with what is more than one.

A dispute, a request for help and a promise go through their own services, so that what they stop is stopped at once; the
conversation is about what was opened, or about one that there is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.disputes import DisputeValues
from app.domain.errors import NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.hardship import HardshipValues
from app.domain.money import Money
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.conversations import find_about
from app.persistence.queries.disputes import load_own as load_dispute
from app.persistence.queries.hardship import load_own as load_request
from app.persistence.queries.promises import get_promise
from app.persistence.unit_of_work import Work
from app.services.calls import CALL_BACK, CALL_BACK_QUEUE
from app.services.conversations import AddedWord, Thread, Word, add_word, find_known
from app.services.disputes import open_dispute
from app.services.hardship import open_request
from app.services.promises import Giver, make_promises
from app.services.tasks import NewTask, add_task


@dataclass(frozen=True, slots=True)
class Opening:
    """What a conversation is begun with. `about_id`: a dispute, request or promise there is, by the kind."""

    kind: str
    loan_id: str | None = None
    about_id: str | None = None
    dispute: DisputeValues | None = None
    hardship: HardshipValues | None = None
    promised: Sequence[tuple[Money, date]] = ()
    replaces: Collection[str] = ()


def open_conversation(work: Work, borrower_id: str, opening: Opening, word: Word, *, now: datetime) -> AddedWord:
    """Begin a conversation of a kind, with its first word; the same word again changes nothing.

    Raises what the kind's own service does, ValidationError for what the kind needs and is not there, NotFoundError.
    """
    lock_agenda(work.session, [borrower_id])
    known = find_known(work, borrower_id, word.source_key, without_card_numbers(word.text))
    if known is not None:
        return known
    if opening.about_id is not None:
        return _join(work, borrower_id, opening, opening.about_id, word, now)
    if opening.kind == "dispute":
        return _dispute(work, borrower_id, opening, word, now)
    if opening.kind == "hardship":
        if opening.hardship is None:
            raise refused_at("/hardship", "Say in hardship what has changed for you.")
        open_request(work, borrower_id, opening.hardship, now=now, word_key=word.source_key)
        return _opened(work, borrower_id, word)
    if opening.kind == "promise":
        return _promise(work, borrower_id, opening, word, now)
    added = add_word(work, borrower_id, word, now=now, thread=Thread(kind=opening.kind, loan_id=opening.loan_id))
    if opening.kind == "callback":
        facts = {"conversation_id": added.conversation_id, "proven": True}
        key = f"call-back/{added.word_id}"
        task = NewTask(key, borrower_id, CALL_BACK, CALL_BACK_QUEUE, loan_id=opening.loan_id, due_at=now, facts=facts)
        add_task(work, task, now=now)
    return added


def _dispute(work: Work, borrower_id: str, opening: Opening, word: Word, now: datetime) -> AddedWord:
    if opening.loan_id is None:
        raise refused_at("/loan_id", "Say which loan it is about.")
    if opening.dispute is None:
        raise refused_at("/dispute", "Say in dispute on which ground.")
    open_dispute(work, borrower_id, opening.loan_id, opening.dispute, now=now, word_key=word.source_key)
    return _opened(work, borrower_id, word)


def _promise(work: Work, borrower_id: str, opening: Opening, word: Word, now: datetime) -> AddedWord:
    if opening.loan_id is None:
        raise refused_at("/loan_id", "Say which loan it is about.")
    if not opening.promised:
        raise refused_at("/promise", "Say in promise how much, and by when.")
    giver = Giver("borrower")
    made = make_promises(
        work, borrower_id, opening.loan_id, opening.promised, giver=giver, now=now, replaces=opening.replaces
    )
    thread = Thread(kind="promise", loan_id=opening.loan_id, lender_id=made[0].lender_id, subject_id=made[0].id)
    return add_word(work, borrower_id, word, now=now, thread=thread)


def _join(work: Work, borrower_id: str, opening: Opening, about_id: str, word: Word, now: datetime) -> AddedWord:
    """Put a word into the conversation about a subject there is, which is begun if there is none."""
    row = find_about(work.session, borrower_id, about_id)
    if row is not None and row.kind == opening.kind:
        return add_word(work, borrower_id, word, now=now, thread=Thread(row.id))
    if opening.kind == "dispute":
        dispute = load_dispute(work.session, borrower_id, about_id)
        loan_id: str | None = dispute.loan_id
        lender_id: str | None = dispute.lender_id
    elif opening.kind == "hardship":
        request = load_request(work.session, borrower_id, about_id)
        loan_id, lender_id = request.loan_id, request.lender_id
    elif opening.kind == "promise":
        promise = get_promise(work.session, borrower_id, about_id)
        loan_id, lender_id = promise.loan_id, promise.lender_id
    else:
        raise NotFoundError(f"A conversation of kind {opening.kind} is about nothing that is recorded.")
    thread = Thread(kind=opening.kind, loan_id=loan_id, lender_id=lender_id, subject_id=about_id)
    return add_word(work, borrower_id, word, now=now, thread=thread)


def _opened(work: Work, borrower_id: str, word: Word) -> AddedWord:
    """Return where the words are that a service has put into the conversation it began."""
    known = find_known(work, borrower_id, word.source_key, without_card_numbers(word.text))
    assert known is not None
    return AddedWord(known.conversation_id, known.word_id, created=True)
