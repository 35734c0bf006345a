"""Receipts about messages: what they change of a message, of its address, and of a call.

Each is applied under the row lock of its message, through a table that lets a state only move forward. What is not signed
is trusted for the state of delivery alone: it never changes an address.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from app.domain.deliveries import DeliveryReport, Told
from app.domain.delivery_progress import Progress, progressed
from app.domain.lanes import lane_of
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.queries import delivery_receipts as queries
from app.persistence.queries import served_notices
from app.persistence.queries.agenda import lock_agenda, set_escalations_at
from app.persistence.queries.fact_revisions import MESSAGE_SENT, add_revision
from app.persistence.queries.letters import lock_letters
from app.persistence.unit_of_work import Work
from app.services import agenda, letters
from app.services.address_verdicts import apply_verdict
from app.services.calls import note_call

APPLIED, NO_CHANGE, IGNORED = "applied", "no_change", "ignored"
_ATTEMPTED_AS = {"email": ("smtp",)}
"""Provider of callbacks -> other names that hand-overs to it have."""
_FUTURE = timedelta(minutes=5)
"""A provider's clock may be ahead of ours by so much; an instant further ahead is not believed."""

Report = tuple[DeliveryReceiptRow, DeliveryReport]


class _Told(NamedTuple):
    """A receipt beside what it is about."""

    message: MessageRow
    attempt: DeliveryAttemptRow
    row: DeliveryReceiptRow
    report: DeliveryReport
    is_latest: bool
    """There was no other try after it."""
    batch: "_Batch"


@dataclass(slots=True)
class _Batch:
    """What receipts of one unit of work come to. `letters`: those that they are about, locked, by message."""

    letters: Mapping[str, LetterRow]
    changed: list[MessageRow] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    """Borrowers of whom a message of a contact failed, or had not failed after all."""

    def note(self, message: MessageRow, before: str) -> None:
        """Keep a message whose state is another than before."""
        if message.state == before:
            return
        self.changed.append(message)
        if message.contact_id is not None and "failed" in (message.state, before):
            self.lost.add(message.borrower_id)


def apply_reports(work: Work, reports: Sequence[Report], *, now: datetime, skip_locked: bool = False) -> dict[str, str]:
    """Apply receipts that the caller holds; return receipt id -> outcome, without those that have to wait.

    With `skip_locked` those wait whose message another holds: whoever sends in batches locks messages in its own order, and
    two that each wait for the other's would both be in the way.
    """
    references = {report.reference for _, report in reports if report.reference}
    message_ids = {report.message_id for _, report in reports if report.message_id}
    tries: dict[str, list[DeliveryAttemptRow]] = defaultdict(list)
    for found in queries.find_attempts(work.session, references, message_ids):
        tries[found.message_id].append(found)
    by_reference = _by_reference(tries)
    about = {
        row.id: _attempt_of(report, row.provider, tries[key])
        for row, report in reports
        if (key := _message_of(report, row.provider, tries, by_reference)) is not None
    }
    lock_agenda(work.session, {attempt.borrower_id for attempt in about.values()})
    attempts = queries.lock_attempts(work.session, {each.id for each in about.values()}, skip_locked=skip_locked)
    wanted = {attempt.message_id for attempt in attempts.values()}
    messages = queries.lock_messages(work.session, wanted, skip_locked=skip_locked)
    batch = _Batch(lock_letters(work.session, [each.id for each in messages.values() if each.channel == "letter"]))
    outcomes = {
        row.id: IGNORED  # our own id, told by a provider that never had the message
        for row, report in reports
        if row.id not in about and report.message_id in tries
    }
    for row, report in sorted(reports, key=lambda each: (each[0].received_at, each[0].id)):
        attempt = about.get(row.id)
        if attempt is None or attempt.id not in attempts or attempt.message_id not in messages:
            continue
        message = messages[attempt.message_id]
        row.message_id, row.borrower_id = message.id, message.borrower_id
        is_latest = attempt.id == tries[message.id][-1].id
        outcomes[row.id] = _apply(work, _Told(message, attempt, row, report, is_latest, batch), now)
    _wake(work, batch, now)
    return outcomes


def _by_reference(tries: Mapping[str, Sequence[DeliveryAttemptRow]]) -> Mapping[str, Sequence[DeliveryAttemptRow]]:
    found: dict[str, list[DeliveryAttemptRow]] = defaultdict(list)
    for attempts in tries.values():
        for each in attempts:
            if each.provider_reference:
                found[each.provider_reference].append(each)
    return found


def _message_of(
    report: DeliveryReport,
    provider: str,
    tries: Mapping[str, Sequence[DeliveryAttemptRow]],
    by_reference: Mapping[str, Sequence[DeliveryAttemptRow]],
) -> str | None:
    """Return the message a receipt is about: by the provider's reference, else by our own id of it."""
    for attempt in by_reference.get(report.reference or "", ()):
        if _is_of(attempt, provider):
            return attempt.message_id
    attempts = tries.get(report.message_id or "", ())
    return report.message_id if any(_is_of(each, provider) or each.outcome == "sending" for each in attempts) else None


def _is_of(attempt: DeliveryAttemptRow, provider: str) -> bool:
    return attempt.provider == provider or attempt.provider in _ATTEMPTED_AS.get(provider, ())


def _apply(work: Work, told: _Told, now: datetime) -> str:
    message, attempt, row, report = told.message, told.attempt, told.row, told.report
    at = report.at if report.at is not None and report.at <= now + _FUTURE else row.received_at
    before = Progress(message.state, message.state_reason, message.sent_at, message.delivered_at)
    after = progressed(
        before,
        report.told,
        at=at,
        attempt_at=attempt.started_at,
        error_code=report.error_code,
        is_latest=told.is_latest,
    )
    changed = _keep_paid_for(attempt, report)
    if after != before:
        changed = True
        _write(work, message, after, now)
        if after.state == "failed":
            attempt.error_code, attempt.raw_code = (
                report.error_code or attempt.error_code,
                report.raw_code or attempt.raw_code,
            )
    if report.told is Told.FAILED or before.state == "failed" or report.call is not None:
        work.session.flush()  # what follows looks at what is stored
    if message.challenge_id is None:
        if report.call is not None:
            call = report.call
            changed = note_call(work, message, call, at=attempt.started_at, is_signed=row.is_signed, now=now) or changed
        if row.is_signed:
            changed = apply_verdict(work, message, attempt, report, before=before.state, now=now) or changed
    if message.channel == "letter":
        about = replace(report, message_id=message.id)
        changed = (
            letters.apply_event(
                work, about, now=now, provider=row.provider, is_signed=row.is_signed, locked=told.batch.letters
            )
            or changed
        )
    told.batch.note(message, before.state)
    return APPLIED if changed else NO_CHANGE


def _attempt_of(report: DeliveryReport, provider: str, attempts: Sequence[DeliveryAttemptRow]) -> DeliveryAttemptRow:
    """Return the try a receipt is about: of that reference, else the last one at that provider, else the last one."""
    by_reference = [each for each in attempts if report.reference and each.provider_reference == report.reference]
    of_provider = [each for each in attempts if _is_of(each, provider)]
    return (by_reference or of_provider or list(attempts))[-1]


def _keep_paid_for(attempt: DeliveryAttemptRow, report: DeliveryReport) -> bool:
    if report.units is None or report.units <= attempt.units:
        return False
    attempt.units = report.units
    return True


def _write(work: Work, message: MessageRow, after: Progress, now: datetime) -> None:
    if message.state == "sending" and after.state != "sending":
        message.leased_by = message.leased_until = None
    message.state, message.state_reason = after.state, after.reason
    message.lane = lane_of(after.state, message_class=message.message_class, channel=message.channel)
    if message.sent_at != after.sent_at:  # it turns out that it had left after all
        add_revision(work.session, MESSAGE_SENT, message.id, message.sent_at, now=now)
    message.sent_at, message.delivered_at = after.sent_at, after.delivered_at
    message.version += 1


def _wake(work: Work, batch: "_Batch", now: datetime) -> None:
    """Have those decided about again of whom a rung was lost, or of whom one that waits may not be needed any more.

    Of others to whom a notice was delivered only the escalation is looked at: its next step counts its days from this proof.
    """
    if not batch.changed:
        return
    work.session.flush()
    contacts = {each.contact_id for each in batch.changed if each.contact_id is not None}
    waiting = queries.find_contacts_waiting(work.session, contacts)
    again = batch.lost | {each.borrower_id for each in batch.changed if each.contact_id in waiting}
    if again:
        agenda.touch(work, sorted(again), now=now)
    delivered = {each.id: each.borrower_id for each in batch.changed if each.state == "delivered"}
    proved = served_notices.find_notices_among(work.session, list(delivered))
    set_escalations_at(work.session, {delivered[each]: now for each in sorted(proved) if delivered[each] not in again})
