"""Contacts that people make: each is recorded with what was said of it, and one that waits is asked about again.

`decide` makes no contact by hand and so takes none back. Whenever it has looked at a borrower, the gate is asked again about
what people have sent and has not left (`ask_again`): it stands, under the new versions, or it is cancelled with the reason.
What asked for money that is in is settled, as a reminder is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain.cases import Case
from app.domain.contact_checks import ContactCheck
from app.domain.contact_gates import DEMANDS, POLICY, ContactAnswer, ContactAsked, LoanNow
from app.domain.free_text import without_card_numbers
from app.domain.manual_contacts import NOTICE, case_without, still_stops
from app.domain.policies import Rules, TemplateInfo
from app.domain.reasons import Outcome, Reason
from app.domain.served_notices import WHEN_PAID
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.reminders import ContactRow
from app.persistence.queries import manual_contacts as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.calls import next_slot
from app.persistence.queries.contact_loans import find_loans_of
from app.persistence.queries.decisions import mark_cancelled, mark_settled, mark_slots_free, mark_standing
from app.persistence.queries.gathered import LoadedCase
from app.persistence.queries.served_notices import find_kinds
from app.persistence.unit_of_work import Work
from app.services.inbox_marks import next_states
from app.services.letter_withdrawals import withdraw_unposted
from app.services.withdrawals import withdraw_shown
from app.wording.template_texts import purpose_of

CAP_CLASS = "outreach"
MANUAL = "manual"
LETTERS_WAIT_DAYS = 7
_OF_HOURS = frozenset({Reason.QUIET_HOURS, Reason.LEGAL_QUIET_HOURS})
"""A letter that was approved in its hours waits for its printer over night."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a contact, and why beyond the policy, where that is so."""

    name: str
    role: str
    lender_id: str
    override_reason: str | None = None
    set_aside_by: str | None = None
    """Who set the policy aside, where that was somebody else: who planned a visit."""


def add_contact(work: Work, borrower_id: str, check: ContactCheck, *, now: datetime) -> ContactRow:
    """Write the contact of a check that was passed; it takes the next place of the day where it takes one.

    The caller holds the borrower's agenda row.
    """
    local_date = business_date(now, check.zones[0])
    slot_no = next_slot(work.session, borrower_id, local_date, CAP_CLASS) if check.takes_place else None
    contact = ContactRow(
        id=new_id(), borrower_id=borrower_id, message_class=check.message_class, local_date=local_date,
        zones=list(check.zones), cap_class=CAP_CLASS, slot_no=slot_no, stage=MANUAL, step_key=MANUAL, origin=MANUAL,
        rungs_done=0, state="open", created_at=now,
    )  # fmt: skip
    work.session.add(contact)
    work.session.flush()
    return contact


def record(
    work: Work, contact: ContactRow, kind: str, check: ContactCheck, answer: ContactAnswer, *, maker: Maker, now: datetime
) -> ManualContactRow:
    """Write the decision record of a contact by hand, and an audit row where a policy was set aside for it."""
    set_aside = [] if answer.may_happen else [b for b in answer.blocks if b.layer == POLICY]
    record_id, why, set_aside_by = new_id(), None, maker.set_aside_by or maker.name
    if set_aside and maker.override_reason:
        text = without_card_numbers(maker.override_reason.strip())
        why = work.vault.seal(text, place=reason_place(record_id))
    row = ManualContactRow(
        id=record_id, borrower_id=contact.borrower_id, lender_id=maker.lender_id, contact_id=contact.id, kind=kind,
        channel=check.asked.channel, message_class=check.message_class,
        loan_ids=[loan.loan_id for loan in check.loans] if check.asked.loan_ids else [], template=check.asked.template,
        markers=None if check.asked.text is None or check.info is None else sorted(check.info.markers or ()),
        made_at=now, by=maker.name, role=maker.role,
        overridden=[{"reason": block.reason, "rule": block.rule, "by": set_aside_by} for block in set_aside],
        override_reason_sealed=why,
        outcome=Outcome.SENT.value, reason=Reason.ON_SCHEDULE.value, rule=None, changed_at=now,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    if set_aside:
        facts = {
            "contact_id": contact.id,
            "reasons": [block.reason for block in set_aside],
            "made_by": maker.name,
            "role": maker.role,
        }
        add_audit(work.session, at=now, actor=set_aside_by, action="contact.policy_overridden",
                  borrower_id=contact.borrower_id, facts=facts)  # fmt: skip
    return row


def reason_place(record_id: str) -> str:
    """Where the reason of an override is sealed to."""
    return f"manual_contacts.override_reason:{record_id}"


def ask_again(work: Work, cases: Mapping[str, LoadedCase], rules: Rules, *, now: datetime) -> None:
    """Ask about what people sent these borrowers and has not left yet, under the versions that were just decided.

    Call it after the decisions are written, with the cases they were made of.
    """
    by_hand = {
        contact.contact_id: loaded
        for loaded in cases.values()
        for contact in loaded.case.contacts
        if contact.origin == MANUAL
    }
    rows = queries.find_open(work.session, by_hand) if by_hand else []
    if not rows:
        return
    horizon = now.date() + timedelta(days=rules.lead_days + 2)
    loans_of = find_loans_of(work.session, {row.borrower_id for row in rows}, now, horizon=horizon)
    kinds = find_kinds(work.session, [row.contact_id for row in rows if row.kind == NOTICE])
    standing: list[dict[str, Any]] = []
    for row in rows:
        loaded = by_hand[row.contact_id]
        contact = next(each for each in loaded.case.contacts if each.contact_id == row.contact_id)
        loans = _loans(row, loans_of.get(row.borrower_id, ()))
        if _is_needless(row, kinds.get(row.contact_id), loans, now):
            _settle(work, row, now)
            if contact.waiting:
                _take_back(work, row, Reason.PAID.value, "loan.position", contact.reached_out, now)
        elif contact.waiting:
            check = _check(row, case_without(loaded.case, row.contact_id), loans, rules, now)
            set_aside = {(each["reason"], each["rule"]) for each in row.overridden}
            stopped = still_stops(check, set_aside, passing=_OF_HOURS if row.channel == "letter" else ())
            if stopped is None:
                standing.append(_stamp(row, check, loaded.case_version + 1, rules.rules_epoch))
            else:
                _take_back(work, row, stopped.reason.value, stopped.rule, contact.reached_out, now)
    mark_standing(work.session, standing)


def _loans(row: ManualContactRow, found: Sequence[LoanNow]) -> list[LoanNow]:
    of_lender = [loan for loan in found if loan.lender_id == row.lender_id]
    return [loan for loan in of_lender if not row.loan_ids or loan.loan_id in row.loan_ids]


def _is_needless(row: ManualContactRow, notice_kind: str | None, loans: Sequence[LoanNow], now: datetime) -> bool:
    """Whether what it asks for is in; of a notice of arrears, whether nothing is late any more."""
    if notice_kind in WHEN_PAID:
        return not any(each.due_on < business_date(now, loan.lender_zone) for loan in loans for each in loan.rows)
    return row.message_class in DEMANDS and bool(loans) and not any(loan.rows for loan in loans)


def _check(row: ManualContactRow, case: Case, loans: Sequence[LoanNow], rules: Rules, now: datetime) -> ContactCheck:
    asked = ContactAsked(
        row.channel, row.message_class, tuple(row.loan_ids), is_reply=row.kind == "reply", template=row.template
    )
    purpose = None if row.template is None else purpose_of(row.template)
    return ContactCheck(
        case, loans, asked, rules, now,
        info=None if row.markers is None else TemplateInfo(True, frozenset(row.markers)),
        notice_kind=None if purpose is None else purpose.notice(row.channel),
    )  # fmt: skip


def _stamp(row: ManualContactRow, check: ContactCheck, version: int, rules_epoch: int) -> dict[str, Any]:
    end = check.now + timedelta(days=1)
    if row.channel == "letter":
        end += timedelta(days=LETTERS_WAIT_DAYS)  # its own end comes sooner
    else:
        end = check.closes_at(end, is_overridden=bool(row.overridden))
    return {"b_contact_id": row.contact_id, "b_version": version, "b_epoch": rules_epoch, "b_not_after": end}


def _take_back(work: Work, row: ManualContactRow, reason: str, rule: str | None, reached_out: bool, now: datetime) -> None:
    mark_cancelled(work.session, [row.contact_id], reason=reason)
    if not reached_out:
        mark_slots_free(work.session, [row.contact_id])
    if row.channel == "letter":
        withdraw_unposted(work, [row.contact_id], now=now)
    queries.mark_ended(work.session, row.id, outcome=Outcome.SUPPRESSED.value, reason=reason, rule=rule, now=now)
    facts = {"contact_id": row.contact_id, "reason": reason, "rule": rule}
    add_audit(work.session, at=now, actor="engine", action="message.taken_back", borrower_id=row.borrower_id, facts=facts)


def _settle(work: Work, row: ManualContactRow, now: datetime) -> None:
    next_states(work, [row.borrower_id])
    mark_settled(work.session, [row.contact_id], now=now)
    if row.channel == "push":
        withdraw_shown(work, [row.contact_id], now=now)
    elif row.channel == "letter":
        withdraw_unposted(work, [row.contact_id], now=now)
