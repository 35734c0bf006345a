"""Visits: planned, asked of the gate again at the door, ended with what came of it.

Money owed is no reason to stand at a door where no law says how: where the governing pack has no rule on the hours of visits
they are refused, unless the lender's own rules allow them.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.domain import visits as domain
from app.domain.attachments import KEPT
from app.domain.book import check_text
from app.domain.contact_gates import ContactAsked
from app.domain.errors import ConflictError, QuietHoursError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.law.packs import LawPack
from app.domain.money import Money
from app.domain.permissions import SUPERVISOR
from app.domain.times import business_date, rfc3339
from app.domain.visits import Recording, VisitPlan, VisitRules
from app.persistence.ids import new_id
from app.persistence.models.visits import VisitRow
from app.persistence.queries import visits as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.attachments import find_attachments_of
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_ids, find_loan_owners, find_loans
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import agenda, attachments, reminders
from app.services.contact_gates import answer_of, ask_contact, open_check, require_contact
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.law_packs import pack_for
from app.services.manual_contacts import Maker, record
from app.services.positions import positions_of
from app.services.promises import Giver, make_promises
from app.services.tasks import NewTask, add_task
from app.services.told_contacts import ToldContact, add_contact, end_contact
from app.services.webhook_events import announce

FOLLOW_UP = "visit"
"""The kind of look at a visit whose time is over."""
SUBJECT = "visit"
"""What files handed in with a visit belong to."""
MOST_SHOWN = 100
LONGEST_OVERRIDE = 200
"""Of why the policy is set aside for a visit, as it is stored."""
_CLASS = "collection"
_TOLD_WITHIN = timedelta(hours=12)
"""After its start a visit is ended within so long, or a supervisor is asked to see to it."""
_QUEUE = "visits"
_TASKS = {"address_wrong": "find_address", "unsafe": "visit_unsafe", "third_party_met": "visit_third_party"}
"""Outcome -> the work for a person that follows from it."""
_ENGINE = "engine:visits"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who plans, starts or ends a visit."""

    by: str
    role: str
    lender_id: str


@dataclass(frozen=True, slots=True)
class VisitEnd:
    """What came of a visit."""

    outcome: str
    identity_shown: bool
    notes: str | None = None
    promise: tuple[Money, date, str | None] | None = None
    """(amount, day, loan number; None: the only one it is about)."""
    attachments: Sequence[str] = ()
    recording: Recording | None = None


# -- planning --------------------------------------------------------------------------------------------------------------


def plan_visit(
    work: Work, borrower_id: str, plan: VisitPlan, loan_nos: Sequence[str], *, actor: Actor, now: datetime,
    override_reason: str | None = None, locale: str = "en",
) -> VisitRow:  # fmt: skip
    """Plan a visit. The gate is asked as of its first and its last instant; no loans: about all of the lender's.

    Raises ValidationError, ConflictError (no rule of law and none of the lender's allows it), what `require_contact` raises.
    """
    lock_agenda(work.session, [borrower_id])
    rules = queries.find_rules(work.session, actor.lender_id)
    _require_rule(work.session, borrower_id, actor.lender_id, rules)
    domain.check_plan(plan, rules, now=now)
    check_text("override_reason", override_reason or "", LONGEST_OVERRIDE)
    loan_ids = _loan_ids(work, borrower_id, loan_nos, actor.lender_id)
    asked = _asked(plan.place, loan_ids)
    overridden = False
    for at in (plan.from_at, plan.until_at - timedelta(seconds=1)):
        answer = ask_contact(work.session, borrower_id, asked, lender_id=actor.lender_id, now=at, locale=locale)
        overridden = require_contact(answer, role=actor.role, override_reason=override_reason) or overridden
    visit_id = new_id()
    why = without_card_numbers(override_reason or "") if overridden else None
    why_sealed = work.vault.seal(why, place=place_of("override_reason", visit_id))
    people = orjson.dumps([asdict(person) for person in plan.people]).decode()
    row = VisitRow(
        id=visit_id, lender_id=actor.lender_id, borrower_id=borrower_id, loan_ids=loan_ids, place=plan.place,
        address_sealed=work.vault.seal(plan.address, place=place_of("address", visit_id)), from_at=plan.from_at,
        until_at=plan.until_at, people_sealed=work.vault.seal(people, place=place_of("people", visit_id)),
        state="planned", override_reason_sealed=why_sealed, evidence=[],
        planned_at=now, planned_by=actor.by, version=1,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    follow_up_at(work, FOLLOW_UP, row.id, borrower_id, at=row.until_at)
    _note(work, row, "planned", actor.by, now, people=len(plan.people), overridden=overridden)
    return row


def _require_rule(session: Session, borrower_id: str, lender_id: str, rules: VisitRules) -> None:
    """Refuse visits where nobody has said how they are made."""
    lender = get_lender(session, lender_id)
    governing = pack_for(get_borrower(session, borrower_id).country or lender.jurisdiction)
    if rules.allowed or (not governing.is_missing and speaks_of_visits(governing.pack, lender.role)):
        return
    raise ConflictError(
        f"No rule of the law pack {governing.pack.jurisdiction} says at which hours a borrower may be visited, and the "
        "lender's rules do not allow visits (visits.allowed).",
        {"rule": "visits.allowed"},
    )


def speaks_of_visits(pack: LawPack, lender_role: str | None) -> bool:
    """Return whether a law pack says at which hours somebody may be visited by a lender of that role."""
    found = pack.rules_for(
        decided_by=frozenset({"engine"}), act="contact", channel="visit", message_class=_CLASS, lender_role=lender_role
    )
    return any("visit" in rule.channels and any(test.kind == "window" for test in rule.tests) for rule in found)


def _loan_ids(work: Work, borrower_id: str, loan_nos: Sequence[str], lender_id: str) -> list[str]:
    if not loan_nos:
        return sorted(find_loan_ids(work.session, borrower_id, lender_id))
    owners = find_loan_owners(work.session, lender_id, loan_nos)
    for index, loan_no in enumerate(loan_nos):
        if owners.get(loan_no, ("", ""))[1] != borrower_id:
            raise refused_at(f"/loan_nos/{index}", f"This borrower has no loan {loan_no} with this lender.")
    return sorted({owners[loan_no][0] for loan_no in loan_nos})


def _asked(place: str, loan_ids: Sequence[str]) -> ContactAsked:
    return ContactAsked("visit", message_class=_CLASS, loan_ids=tuple(loan_ids), place=place)


# -- at the door -----------------------------------------------------------------------------------------------------------


def start_visit(work: Work, visit_id: str, *, actor: Actor, now: datetime, locale: str = "en") -> VisitRow:
    """Begin a visit: the gate is asked again, and from here on caps count it. Starting it twice changes nothing.

    What the policy alone speaks against was set aside when it was planned, or is not set aside here. Raises NotFoundError,
    ConflictError (also: it was paid meanwhile, and the visit is cancelled by it), QuietHoursError outside its own times.
    """
    row = _locked(work, visit_id, actor.lender_id)
    if row.state == "started":
        return row
    domain.check_move(row.state, "started")
    if now < row.from_at:
        raise QuietHoursError(f"The visit is for {rfc3339(row.from_at)} or later.", {"until": rfc3339(row.from_at)})
    if now >= row.until_at:
        raise ConflictError(f"The time for this visit was over at {rfc3339(row.until_at)}; plan another.")
    if not _owes(work, row, now):
        raise ConflictError("Nothing is overdue any more; the visit is not needed. Cancel it.")
    asked = _asked(row.place, row.loan_ids)
    check = open_check(work.session, row.borrower_id, asked, lender_id=row.lender_id, now=now)
    answer = answer_of(check, locale=locale)
    # Whoever set a policy aside when it was planned had the permission; who stands at the door need not have it too.
    why = override_reason_of(work.vault, row)
    role = actor.role if why is None else SUPERVISOR
    overridden = require_contact(answer, role=role, override_reason=why)
    told = ToldContact("visit", "visit", answer.message_class, now)
    contact, row.message_id = add_contact(work, row.borrower_id, told, lender_id=row.lender_id, now=now)
    maker = Maker(actor.by, actor.role, row.lender_id, why if overridden else None, row.planned_by if overridden else None)
    record(work, contact, "visit", check, answer, maker=maker, now=now)
    row.state, row.started_at, row.started_by = "started", now, actor.by
    row.version += 1
    work.session.flush()
    follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=now + _TOLD_WITHIN)
    _note(work, row, "started", actor.by, now)
    _decide(work, row.borrower_id, now)
    return row


def end_visit(work: Work, visit_id: str, end: VisitEnd, *, actor: Actor, now: datetime) -> VisitRow:
    """Say what came of a visit; a promise is made by the same act. Raises NotFoundError, ConflictError, ValidationError."""
    row = _locked(work, visit_id, actor.lender_id)
    domain.check_move(row.state, "ended")
    bound = [each.id for each in find_attachments_of(work.session, [row.id]).get(row.id, ()) if each.state in KEPT]
    files = list(dict.fromkeys([*bound, *end.attachments]))
    domain.check_end(end.outcome, end.recording, len(files) + (end.recording is not None))
    if (end.promise is None) == (end.outcome == "promise"):
        raise refused_at("/promise", "Say promise with outcome promise, and with no other.")
    claimed = attachments.claim(
        work, row.borrower_id, files, SUBJECT, row.id, now=now, lender_id=row.lender_id, of_staff=True
    )
    row.evidence = [{"kind": "file", "id": each.id} for each in claimed] + _recorded(end.recording)
    row.outcome, row.identity_shown = end.outcome, end.identity_shown
    notes = None if end.notes is None else without_card_numbers(end.notes)
    row.notes_sealed = work.vault.seal(notes, place=place_of("notes", row.id))
    row.state, row.closed_at, row.closed_by = "ended", now, actor.by
    row.version += 1
    work.session.flush()
    assert row.message_id is not None
    end_contact(work, row.message_id, reached=end.outcome in domain.REACHED, note=None)
    forget_follow_up(work, FOLLOW_UP, row.id)
    _note(work, row, "ended", actor.by, now, evidence=len(row.evidence), identity_shown=end.identity_shown)
    if (kind := _TASKS.get(end.outcome)) is not None:
        task = NewTask(f"visit/{row.id}/{kind}", row.borrower_id, kind, _QUEUE, due_at=now, facts={"visit_id": row.id})
        add_task(work, task, now=now)
    if end.promise is not None:
        _promise(work, row, end.promise, actor, now)
    _decide(work, row.borrower_id, now)
    return row


def _promise(work: Work, row: VisitRow, told: tuple[Money, date, str | None], actor: Actor, now: datetime) -> None:
    money, on, loan_no = told
    numbers = queries.find_loan_numbers(work.session, row.loan_ids)
    about = [loan_id for loan_id, number in numbers.items() if loan_no in (None, number)]
    if len(about) != 1:
        raise refused_at("/promise/loan_no", "Say which of the visit's loans the promise is about.")
    giver = Giver(actor.by, "in_person", actor.lender_id)
    make_promises(work, row.borrower_id, about[0], [(money, on)], giver=giver, now=now)


def _recorded(recording: Recording | None) -> list[dict[str, Any]]:
    return [] if recording is None else [{"kind": "recording", **asdict(recording)}]


# -- not taking place ------------------------------------------------------------------------------------------------------


def cancel_visit(work: Work, visit_id: str, *, reason: str, actor: Actor, now: datetime) -> VisitRow:
    """Cancel a planned visit. Cancelling it twice changes nothing. Raises NotFoundError, ConflictError, ValidationError."""
    if reason not in domain.WITHDRAWN:
        raise refused_at("/reason", f"reason is not one of {', '.join(domain.WITHDRAWN)}.")
    row = _locked(work, visit_id, actor.lender_id)
    if row.state != "cancelled":
        _cancel(work, row, reason, actor.by, now)
    return row


def follow_money(work: Work, loan_ids: Collection[str], *, now: datetime) -> None:
    """Cancel the visits for which nothing is overdue any more; one statement where none is planned.

    The caller holds the borrowers' agenda rows and has rebuilt the positions.
    """
    for row in queries.find_planned(work.session, loan_ids):
        if not _owes(work, row, now):
            _cancel(work, row, "paid", _ENGINE, now)


def look_again(work: Work, visit_id: str, *, now: datetime) -> None:
    """Look at a visit whose time is over: not begun, it is cancelled; not ended, somebody is asked to see to it."""
    row = queries.find_visit(work.session, visit_id)
    if row is None:
        return
    if row.state == "planned" and now >= row.until_at:
        _cancel(work, row, "not_started", _ENGINE, now)
    elif row.state == "started":
        task = NewTask(
            f"visit/{row.id}/not_ended", row.borrower_id, "visit_not_ended", _QUEUE, due_at=now, facts={"visit_id": row.id}
        )
        add_task(work, task, now=now)


def _cancel(work: Work, row: VisitRow, reason: str, by: str, now: datetime) -> None:
    domain.check_move(row.state, "cancelled")
    row.state, row.state_reason, row.closed_at, row.closed_by = "cancelled", reason, now, by
    row.version += 1
    work.session.flush()
    forget_follow_up(work, FOLLOW_UP, row.id)
    _note(work, row, "cancelled", by, now, reason=reason)


def _owes(work: Work, row: VisitRow, now: datetime) -> bool:
    loans = find_loans(work.session, row.loan_ids)
    return any(
        positions_of(work.session, [loan], business_date(now, loan.zone))[loan.id].overdue_minor > 0
        for loan in loans
        if loan.status == "active"
    )


# -- shared ----------------------------------------------------------------------------------------------------------------


def _locked(work: Work, visit_id: str, lender_id: str) -> VisitRow:
    """Return a visit of this lender, its borrower's agenda row locked first."""
    found = queries.get_shown(work.session, visit_id, lender_id)
    lock_agenda(work.session, [found.borrower_id])
    return queries.get_visit(work.session, visit_id, lender_id)


def _decide(work: Work, borrower_id: str, now: datetime) -> None:
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)


def _note(work: Work, row: VisitRow, verb: str, by: str, now: datetime, **facts: Any) -> None:
    """Write the audit row, and tell the lender."""
    told = {"visit_id": row.id, "place": row.place, "state": row.state, "outcome": row.outcome, **facts}
    add_audit(work.session, at=now, actor=by, action=f"visit.{verb}", borrower_id=row.borrower_id, facts=told)
    data = {
        "visit_id": row.id,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "loan_nos": sorted(queries.find_loan_numbers(work.session, row.loan_ids).values()),
        "place": row.place,
        "from": rfc3339(row.from_at),
        "until": rfc3339(row.until_at),
        "state": row.state,
        "outcome": row.outcome,
        "reason": row.state_reason,
    }
    announce(work, row.lender_id, f"visit.{verb}.v1", data, now=now, borrower_id=row.borrower_id)


def override_reason_of(ring: Vault, row: Any) -> str | None:
    """Return why the policy was set aside for a visit, opened; None: it was not."""
    return ring.open(row.override_reason_sealed, place=place_of("override_reason", row.id))


def place_of(what: str, visit_id: str) -> str:
    """Return where a sealed part of a visit stands."""
    return f"visits.{what}:{visit_id}"
