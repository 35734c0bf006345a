"""Putting right what was furnished: found by the book, proposed with old and new values, approved by a second person, told.

Three things are looked for: money that became known late and changes what was told; disputes upheld that mean the report was
never theirs; and information that was told of for as long as the law lets it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.domain.actors import same_person
from app.domain.credit_accounts import account_from
from app.domain.credit_corrections import (
    APPROVED,
    CORRECTION,
    DECLINED,
    DELETION,
    DELETION_REASONS,
    DISPUTED,
    LATE_BOOKING,
    OF_GROUND,
    PROPOSED,
    RETENTION_OVER,
    check_move,
    code_of,
    differences,
    with_corrections,
)
from app.domain.credit_months import account_on
from app.domain.credit_snapshots import mended, status_told
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.credit_reports import CreditCorrectionRow
from app.persistence.queries import credit_corrections as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.credit_snapshots import find_reported_loans
from app.persistence.queries.law_cases import find_governing
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_told_loans
from app.persistence.unit_of_work import Work
from app.services.credit_facts import load_credit_loans
from app.services.credit_retention import ended_on, ends_of_arrears, retention_of

PAGE = 500
BY = "system"
_NOBODY: list[Mapping[str, Any]] = [{"surname": "", "first_name": ""}]
_LONGEST_NOTE = 400


def propose_late_bookings(work: Work, lender_id: str, bureau: str, *, now: datetime, after: str | None = None) -> str | None:
    """Propose a correction for each loan of a page of which something was booked late that changes what was furnished.

    Returns where to go on, None at the end.
    """
    last = queries.find_last_handed_in(work.session, lender_id, bureau)
    if last is None:
        return None
    loans = queries.page_booked_late(work.session, lender_id, since=last.made_at, until=last.as_of, after=after, limit=PAGE)
    told = queries.find_latest_furnished(work.session, bureau, loans)
    known = queries.find_open(work.session, list(told), bureau)
    decided = queries.find_values_decided(work.session, list(told), bureau)
    wanted = [loan for loan in find_reported_loans(work.session, list(told)) if (loan.id, LATE_BOOKING) not in known]
    for form in {told[loan.id].format for loan in wanted}:
        some = [loan for loan in wanted if told[loan.id].format == form]
        made = load_credit_loans(work.session, work.vault, some, form=form, now=now, known={loan.id for loan in some})
        for loan_id, loan in made.items():
            row = told[loan_id]
            answers = decided.get((row.snapshot_id, loan_id), ())
            has = with_corrections(row.account, answers)
            before = account_from(has, _NOBODY)
            anew = account_on(loan, row.as_of)
            anew = replace(
                anew,
                history=mended(before.history, anew.history, is_metro2=True),
                month_codes=anew.month_codes[:1] + mended(before.month_codes[1:], anew.month_codes[1:], is_metro2=False),
            )
            old, new = differences(has, anew)
            said = [each for each in answers if each.reason != DISPUTED]
            if old and not (said and said[-1].state == DECLINED and said[-1].new == new):
                _propose(work, row, bureau, CORRECTION, LATE_BOOKING, old, new, {}, BY, now, status_told(anew, form))
    return max(loans, default=None) if len(loans) == PAGE else None


def propose_upheld(work: Work, lender_id: str, bureau: str, *, now: datetime) -> int:
    """Propose to take out what was furnished of loans that a dispute upheld says were never the borrower's; count them."""
    disputes = queries.find_upheld(work.session, lender_id, list(OF_GROUND))
    told = queries.find_latest_furnished(work.session, bureau, {each.loan_id: each.borrower_id for each in disputes})
    known = queries.find_open(work.session, list(told), bureau)
    count = 0
    for each in disputes:
        reason = OF_GROUND[each.ground]
        if each.loan_id in told and (each.loan_id, reason) not in known:
            evidence = {"dispute_id": each.id, "reference": each.reference}
            row = told[each.loan_id]
            _propose(work, row, bureau, DELETION, reason, _all_of(row), None, evidence, BY, now)
            known.add((each.loan_id, reason))
            count += 1
    return count


def propose_retention(work: Work, lender_id: str, bureau: str, *, now: datetime, after: str | None = None) -> str | None:
    """Propose to take out what may not be told any longer, of a page of loans. Returns where to go on, None at the end."""
    loans = queries.page_told_against(work.session, lender_id, after=after, limit=PAGE)
    told = queries.find_latest_furnished(work.session, bureau, loans)
    known = queries.find_open(work.session, list(told), bureau)
    zones = {loan_id: loan.zone for loan_id, loan in find_told_loans(work.session, list(told)).items()}
    ends = ends_of_arrears(work.session, list(told), now=now)
    for governed in find_governing(work.session, list(told)):
        row = told[governed.id]
        if (governed.id, RETENTION_OVER) in known:
            continue
        kept = retention_of(
            governed.country or governed.jurisdiction,
            ended_on=ended_on(row.account, ends.get(governed.id)),
            first_delinquency_on=row.first_delinquency_on,
            now=now,
        )
        if kept is None or business_date(now, zones[governed.id]) <= kept.until_on:
            continue
        evidence = {
            "rule": kept.rule, "source": kept.source, "grade": kept.evidence,
            "counted_from": kept.counted_from.isoformat(), "until": kept.until_on.isoformat(),
        }  # fmt: skip
        _propose(work, row, bureau, DELETION, RETENTION_OVER, _all_of(row), None, evidence, BY, now)
    return max(loans, default=None) if len(loans) == PAGE else None


def propose_deletion(
    work: Work, lender_id: str, loan_no_or_id: str, bureau: str, *, reason: str, note: str, by: str, now: datetime
) -> str:
    """Propose by hand that what was furnished of a loan is taken out; return the proposal's id.

    Raises NotFoundError where nothing was furnished, ConflictError where it is proposed already, ValidationError.
    """
    if reason not in DELETION_REASONS - {RETENTION_OVER}:
        raise refused_at("/reason", f"reason is not one of {', '.join(sorted(DELETION_REASONS - {RETENTION_OVER}))}.")
    if not note.strip() or len(note) > _LONGEST_NOTE:
        raise refused_at("/note", f"Say why, in at most {_LONGEST_NOTE} characters.")
    loans = {each.id: each.borrower_id for each in find_governing(work.session, [loan_no_or_id])}
    told = queries.find_latest_furnished(work.session, bureau, loans)
    row = told.get(loan_no_or_id)
    if row is None or row.lender_id != lender_id:
        raise NotFoundError("Nothing was furnished of such a loan to this bureau.")
    if (row.loan_id, reason) in queries.find_open(work.session, [row.loan_id], bureau):
        raise ConflictError("That is proposed already.")
    return _propose(work, row, bureau, DELETION, reason, _all_of(row), None, {}, by, now, note=note.strip())


def decide_correction(work: Work, lender_id: str, correction_id: str, *, approve: bool, by: str, now: datetime) -> None:
    """Approve or decline a correction. Raises NotFoundError, ConflictError: who proposed it does not approve it."""
    row = queries.load_correction(work.session, lender_id, correction_id)
    to = APPROVED if approve else DECLINED
    if row.state != PROPOSED:
        raise ConflictError(f"It is {row.state}; it cannot become {to}.")
    if approve and same_person(row.proposed_by, by):
        raise ConflictError("Somebody else approves what you proposed.")
    decide_row(work, row, to, by=by, now=now)


def decide_row(work: Work, row: CreditCorrectionRow, to: str, *, by: str, now: datetime) -> None:
    """Move one that is not told yet. Raises ConflictError."""
    check_move(row.state, to)
    row.state, row.decided_by, row.decided_at = to, by, now
    row.version += 1
    work.session.flush()
    _audit(work, row, by, now)


def propose_told_otherwise(
    work: Work, row: Any, bureau: str, reason: str, old: Mapping[str, Any], new: Mapping[str, Any], *, now: datetime
) -> str:
    """Propose that some facts of what was furnished (its row) are told otherwise, by the book; return the id."""
    return _propose(work, row, bureau, CORRECTION, reason, old, new, {}, BY, now, row.status)


def look_for_corrections(work: Work, lender_id: str, bureau: str, *, now: datetime) -> None:
    """Look for all three kinds, to the end."""
    get_lender(work.session, lender_id)
    propose_upheld(work, lender_id, bureau, now=now)
    for propose in (propose_late_bookings, propose_retention):
        after = propose(work, lender_id, bureau, now=now)
        while after is not None:
            after = propose(work, lender_id, bureau, now=now, after=after)


def _all_of(row: Any) -> dict[str, Any]:
    return {"status": row.status, **{name: row.account.get(name) for name in ("as_of_on", "standing", "balance_minor")}}


def _propose(
    work: Work,
    row: Any,
    bureau: str,
    kind: str,
    reason: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any] | None,
    evidence: Mapping[str, Any],
    by: str,
    now: datetime,
    status: str = "",
    *,
    note: str | None = None,
) -> str:
    correction = CreditCorrectionRow(
        id=new_id(), loan_id=row.loan_id, borrower_id=row.borrower_id, lender_id=row.lender_id, snapshot_id=row.snapshot_id,
        bureau=bureau, kind=kind, code=code_of(kind, reason, row.format, status), reason=reason, old=dict(old),
        new=None if new is None else dict(new), evidence=dict(evidence), state=PROPOSED, proposed_by=by, proposed_at=now,
        version=1,
    )  # fmt: skip
    correction.note_sealed = work.vault.seal(note, place=f"credit_corrections.note:{correction.id}")
    queries.add_correction(work.session, correction)
    _audit(work, correction, by, now)
    return correction.id


def _audit(work: Work, row: CreditCorrectionRow, by: str, now: datetime) -> None:
    facts = {"correction_id": row.id, "loan_id": row.loan_id, "bureau": row.bureau, "kind": row.kind, "reason": row.reason,
             "evidence": row.evidence}  # fmt: skip
    add_audit(
        work.session, at=now, actor=by, action=f"credit.correction_{row.state}", borrower_id=row.borrower_id, facts=facts
    )
