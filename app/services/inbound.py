"""What people write to us: whose it is, whether it is a STOP, and the conversation it belongs to.

A text that nobody signed is trusted for one thing alone: an opt-out, since that can only make us contact less. Its START,
its words and its sender are not believed; nor are those of a mail whose sender nobody has checked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.calls import CONNECT_ME
from app.domain.contact_changes import is_objection
from app.domain.deliveries import InboundMessage
from app.domain.names import folded
from app.domain.opt_outs import START, STOP, UNCLEAR, meaning_of
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.borrowers import find_borrowers_by_term
from app.persistence.queries.conversations import find_answered, find_message
from app.persistence.queries.delivery_receipts import lock_messages
from app.persistence.queries.endpoints import find_owners, lift_state
from app.persistence.queries.inbox_marks import find_inbox_id
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.address_verdicts import address_of
from app.services.calls import ask_to_be_called
from app.services.contact_changes import hear_objection
from app.services.conversations import ANSWER, QUEUE, Word, add_word
from app.services.inbox_marks import mark_replied
from app.services.opt_outs import receive_text
from app.services.stop_confirmations import Stop, confirm_stop
from app.services.tasks import NewTask, add_task

ANSWERED_WITHIN = timedelta(days=7)
"""A text that names no message of ours answers the newest one on its channel that went out so shortly before."""


def apply_inbound(work: Work, row: DeliveryReceiptRow, inbound: InboundMessage, *, now: datetime) -> str:
    """Take what somebody wrote; return what became of it: applied, untrusted, ignored (nobody knows the sender)."""
    borrower_ids = whose(work, inbound.channel, inbound.address_kind, inbound.address)
    if not borrower_ids:
        return "ignored"
    text = inbound.text.strip() or inbound.subject.strip()
    meaning = meaning_of(text)
    if not row.is_signed:
        if is_objection(text) and hear_objection(work, borrower_ids, inbound.channel, now=now):
            return "applied"  # who sent it may be anybody; to stop a change harms nobody
        return _take_opt_out(work, borrower_ids, inbound.channel, text, meaning, now)
    if not inbound.is_sender_proven and _named(work, borrower_ids, inbound) is None:
        outcome = _take_opt_out(work, borrower_ids, inbound.channel, text, meaning, now)
        return outcome if outcome == "applied" else _leave_to_a_person(work, row, borrower_ids, inbound.channel, now)
    lock_agenda(work.session, borrower_ids)
    if is_objection(text):
        hear_objection(work, borrower_ids, inbound.channel, now=now)
    _hear(work, borrower_ids, row.provider, inbound, text, now)
    answered = _answered(work, borrower_ids, inbound, now)
    if answered is not None:
        _mark_replied(work, answered, inbound.at or now, now)
    if meaning in (STOP, START):
        return "applied"  # recorded with the consent; there is nothing to answer
    if answered is None and len(borrower_ids) > 1:  # a family's phone, and none of them was written to
        return _leave_to_a_person(work, row, borrower_ids, inbound.channel, now)
    borrower_id = borrower_ids[0] if answered is None else answered.borrower_id
    source_key = f"{row.provider}:{row.event_key}"
    row.borrower_id = borrower_id
    in_reply_to = None if answered is None else answered.id
    if inbound.channel == "voice" and text == CONNECT_ME:
        occasion = in_reply_to or row.id
        ask_to_be_called(work, borrower_id, occasion=occasion, in_reply_to=in_reply_to, is_signed=True, now=now)
        return "applied"
    if inbound.channel == "voice" and len(text) == 1:
        return "no_change"  # another key
    words = f"{inbound.subject.strip()}\n\n{inbound.text}" if inbound.subject.strip() else inbound.text
    word = Word(source_key, inbound.channel, words, at=min(inbound.at or now, now), in_reply_to=in_reply_to)
    add_word(work, borrower_id, word, now=now)
    return "applied"


def whose(work: Work, channel: str, kind: str, address: str) -> Sequence[str]:
    """Return the borrowers who have an address, by id: of a phone or an e-mail by what their core says, else as stored."""
    if kind in ("phone", "email"):
        text = folded(address.strip()) if kind == "email" else address
        return find_borrowers_by_term(work.session, kind, [each.digest for each in work.vault.search_hashes(kind, text)])
    digests = [each.digest for each in work.vault.search_hashes("endpoint", address)]
    return find_owners(work.session, channel, digests)


def _hear(work: Work, borrower_ids: Sequence[str], provider: str, inbound: InboundMessage, text: str, now: datetime) -> None:
    """Let a STOP and a START count for everyone of an address, and confirm the STOP that changed something."""
    stopped: list[str] = []
    for borrower_id in borrower_ids:
        received = receive_text(work, channel=inbound.channel, text=text, now=now, borrower_id=borrower_id)
        if received.meaning == STOP:
            stopped += received.changed
        if received.meaning == START:
            address = address_of(work, borrower_id, inbound.channel, inbound.address_kind, inbound.address)
            if lift_state(work.session, address, lifted=("opted_out",), now=now):
                agenda.touch(work, [borrower_id], now=now)
    if stopped:  # a family's phone gets one confirmation
        stop = Stop(inbound.channel, provider, text, min(inbound.at or now, now))
        confirm_stop(work, stopped[0], stop, now=now)


def _take_opt_out(work: Work, borrower_ids: Sequence[str], channel: str, text: str, meaning: str, now: datetime) -> str:
    """Let what is or sounds like a STOP count, whoever sent it."""
    if meaning not in (STOP, UNCLEAR):
        return "untrusted"
    for borrower_id in borrower_ids:
        receive_text(work, channel=channel, text=text, now=now, borrower_id=borrower_id)
    return "applied"


def _answered(work: Work, borrower_ids: Sequence[str], inbound: InboundMessage, now: datetime) -> MessageRow | None:
    named = _named(work, borrower_ids, inbound)
    if named is not None:
        return named
    return find_answered(work.session, borrower_ids, channel=inbound.channel, at=now, within=ANSWERED_WITHIN)


def _named(work: Work, borrower_ids: Sequence[str], inbound: InboundMessage) -> MessageRow | None:
    """Return the message that a text says it answers, if it went to one of these borrowers."""
    named = None if inbound.in_reply_to is None else find_message(work.session, inbound.in_reply_to)
    return named if named is not None and named.borrower_id in borrower_ids else None


def _leave_to_a_person(work: Work, row: DeliveryReceiptRow, borrower_ids: Sequence[str], channel: str, now: datetime) -> str:
    """Make the task to find out who wrote; the words are put into nobody's mouth."""
    facts = {"channel": channel, "people": len(borrower_ids), "receipt_id": row.id}
    add_task(work, NewTask(f"inbound/{row.id}", borrower_ids[0], ANSWER, QUEUE, due_at=now, facts=facts), now=now)
    return "applied"


def _mark_replied(work: Work, answered: MessageRow, at: datetime, now: datetime) -> None:
    """Who answers a message has seen it: what would follow an unseen one is looked at again.

    The inbox says the same thing as that message did, if the contact put it there, so it was answered as well.
    """
    inbox_id = find_inbox_id(work.session, answered.id, answered.contact_id)
    if inbox_id is not None:
        mark_replied(work, answered.borrower_id, inbox_id, at=min(at, now), now=now)
    message = lock_messages(work.session, [answered.id], skip_locked=False).get(answered.id)
    if message is None or message.replied_at is not None:
        return
    at = min(at, now)
    message.replied_at, message.seen_at = at, message.seen_at or at
    message.version += 1
    work.session.flush()
    if message.contact_id is not None:
        agenda.touch(work, [message.borrower_id], now=now)
