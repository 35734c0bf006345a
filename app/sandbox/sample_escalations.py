"""How far each late loan of the sample platform has come by its escalation policy, letter by letter.

Every look is the engine's own, at an instant that has passed. No printer goes back in time: what the post said then is told.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select

from app.domain.deliveries import DeliveryReport, Told
from app.domain.escalation_runs import Assumptions
from app.persistence.models.escalations import EscalationRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.sample_platform import FIRST, LETTER_WAITS, PLEDGED, SECOND, STORIES, WARNED, WRITTEN_TO, Platform, Story
from app.services.escalation_approvals import approve_waiting, record_forbearance
from app.services.escalation_documents import shipped
from app.services.escalation_policies import activate, approve, save_draft
from app.services.escalation_rehearsals import rehearse_version
from app.services.escalations import look
from app.services.letters import apply_event, make_letters

_POLICY = "cn-micro-loan"
_POST_DAYS = ((Told.SENT, 1), (Told.DELIVERED, 3))
"""What the post says of a letter, and how many days after it was printed."""


def escalate(platform: Platform) -> None:
    """Put a policy in force, and tell what became of each late loan by it until now."""
    _put_in_force(platform, platform.ago(95))
    for story in (PLEDGED, WARNED, LETTER_WAITS):
        _serve(platform, story, late_for=12)
    for story in (PLEDGED, WARNED):
        _serve(platform, story, late_for=33, step="repayment_letter")
        _serve(platform, story, late_for=52)
    _look(platform, [LETTER_WAITS], platform.ago(LETTER_WAITS.late - 33))
    _consider_forbearance(platform, PLEDGED, late_for=70)
    _serve(platform, PLEDGED, late_for=77, step="collateral_notice")
    for story in WRITTEN_TO:
        _serve(platform, story, late_for=9)
    _look(platform, STORIES, platform.now)


def _put_in_force(platform: Platform, at: datetime) -> None:
    with unit_of_work() as work:
        row = save_draft(work, platform.lender_id, shipped(_POLICY), by=FIRST, now=at)
        rehearse_version(work, row, by=FIRST, now=at, days=30, assumed=Assumptions())
        approve(work, row, by=SECOND, now=at)
        activate(work, row, by=SECOND, now=at)


def _serve(platform: Platform, story: Story, *, late_for: int, step: str | None = None) -> None:
    """Have the next notice made when the loan was so many days late, approved if it is a `step` that waits, and posted."""
    at = platform.ago(story.late - late_for)
    _look(platform, [story], at)
    if step is not None:
        with unit_of_work() as work:
            approve_waiting(work, step_key=step, most=9, staff=platform.staff("supervisor", SECOND), now=at)
        _look(platform, [story], at)
    _post(platform, story, at)


def _look(platform: Platform, stories: Collection[Story], at: datetime) -> None:
    ids = [platform.of(story).borrower_id for story in stories]
    with unit_of_work() as work:
        lock_agenda(work.session, ids)
        look(work, ids, now=at)


def _post(platform: Platform, story: Story, at: datetime) -> None:
    """Have a printer take what waits, and the post deliver it."""
    with unit_of_work() as work:
        waiting = select(MessageRow).where(
            MessageRow.borrower_id == platform.of(story).borrower_id, MessageRow.channel == "letter",
            MessageRow.state.in_(("stale", "queued")),
        )  # fmt: skip
        for message in work.session.scalars(waiting).all():
            for refusal in make_letters(work, [message.id], now=at).refused.values():
                raise refusal
            message.state, message.lane, message.sent_at = "sent", None, at
            work.session.flush()
            for told, days in _POST_DAYS:
                then = at + timedelta(days=days)
                report = DeliveryReport(f"sample/{message.id}/{told}", told, message_id=message.id, at=then)
                apply_event(work, report, now=then)
                message.state = str(told)


def _consider_forbearance(platform: Platform, story: Story, *, late_for: int) -> None:
    at = platform.ago(story.late - late_for)
    with unit_of_work() as work:
        of_loan = select(EscalationRow.id).where(EscalationRow.loan_id == platform.of(story).loan_id)
        escalation_id = work.session.scalars(of_loan).one()
        staff = platform.staff("supervisor")
        record_forbearance(work, escalation_id, outcome="not_appropriate", staff=staff, now=at)
