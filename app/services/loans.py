"""Loans and their plans as the core gives them. Plans are kept as given, also where our own formula would differ."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.domain.book import LOAN_STATUSES, PRODUCT_KINDS, LoanValues, PlanValues, PutResult, check_texts
from app.domain.caps import OVER_CAP
from app.domain.contract_forms import read_terms
from app.domain.errors import (
    ConflictError,
    CurrencyMismatchError,
    DomainError,
    NotFoundError,
    StaleVersionError,
    ValidationError,
    refused_at,
)
from app.domain.money import currency_exponent
from app.domain.times import business_date, zone_named
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import ESTIMATED_PLAN, OF_CONTRACT
from app.persistence.queries import loans as queries
from app.persistence.queries.agenda import find_decided_until, lock_agenda
from app.persistence.queries.fact_revisions import LOAN_ENDED, add_revision
from app.persistence.queries.follow_ups import put_follow_ups
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.agreed_plans import OURS, end_replaced, find_told_again, plan_digest
from app.services.borrowers import ensure_borrowers
from app.services.law_notes import NewPlan, note_plans
from app.services.mandates import autopay_of
from app.services.payments import match_waiting
from app.services.positions import rebuild_positions
from app.services.statement_waits import expect_lines
from app.services.terms import cap_at_signing, terms_at_signing
from app.services.wind_downs import refusal_of_new_loans

LARGEST_PLAN_MINOR = 10**17
"""What a plan may add up to; with everything booked on it, it stays well within 64 bits."""


def put_loan(
    work: Work, lender_id: str, values: LoanValues, *, now: datetime, origin: str, source_version: int | None = None
) -> PutResult:
    """Make the loan, or bring it up to these values; the same values again change nothing.

    A borrower number not known yet becomes a borrower without contacts. Payments that waited for the loan are booked.
    Raises ValidationError, CurrencyMismatchError, ConflictError (the loan is another borrower's), StaleVersionError.
    """
    lender = get_lender(work.session, lender_id)
    (result,) = put_loans(work, lender, [values], now=now, origin=origin, source_version=source_version)
    if isinstance(result, DomainError):
        raise result
    if result.changed:
        rebuild_positions(work, [result.id])
        _review(work, lender, values.loan_no, now)
    return result


def put_plan(work: Work, lender_id: str, values: PlanValues, *, now: datetime, origin: str) -> PutResult:
    """Give the loan this plan; the same rows again change nothing, other rows make a new version.

    Raises NotFoundError for an unknown loan, ValidationError for rows that cannot be a plan.
    """
    lender = get_lender(work.session, lender_id)
    (result,) = put_plans(work, lender, [values], now=now, origin=origin)
    if isinstance(result, DomainError):
        raise result
    if result.changed:
        rebuild_positions(work, [result.id])
        _review(work, lender, values.loan_no, now)
    return result


def put_loans(
    work: Work,
    lender: LenderRow,
    batch: Sequence[LoanValues],
    *,
    now: datetime,
    origin: str,
    source_version: int | Mapping[str, int] | None = None,
) -> list[PutResult | DomainError]:
    """Put many, each loan number at most once; the caller rebuilds the positions of those that changed.

    Without a `source_version` the recorded one stays, so that the order of those that have one is kept. A mapping says it
    by loan number.
    """
    versions = (
        source_version
        if isinstance(source_version, Mapping)
        else dict.fromkeys((values.loan_no for values in batch), source_version)
    )
    session = work.session
    numbers = [values.loan_no for values in batch]
    lock_agenda(session, [owner for _, owner in queries.find_loan_owners(session, lender.id, numbers).values()])
    heads = queries.find_loan_heads(session, lender.id, numbers)
    problems = {
        values.loan_no: _problem(values, heads.get(values.loan_no), versions.get(values.loan_no)) for values in batch
    }
    closed = refusal_of_new_loans(session, lender.id) if len(heads) < len({*numbers}) else None
    if closed is not None:
        problems |= {number: problems[number] or closed for number in numbers if number not in heads}
    borrowers = ensure_borrowers(work, {values.borrower_no for values in batch if problems[values.loan_no] is None}, now=now)
    results: list[PutResult | DomainError] = []
    added: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    touched: set[str] = set()
    for values in batch:
        head, problem = heads.get(values.loan_no), problems[values.loan_no]
        source_version = versions.get(values.loan_no)
        borrower_id = borrowers.get(values.borrower_no)
        if problem is None and head is not None and head.borrower_id != borrower_id:
            problem = ConflictError(f"Loan {values.loan_no} is recorded for another borrower_no.")
        if problem is not None or borrower_id is None:
            results.append(problem or NotFoundError("No such borrower."))
            continue
        digest = _digest({**asdict(values), "recorded_at": None})
        if head is not None and source_version in (None, head.source_version):
            if digest == head.content_hash:
                results.append(PutResult(head.id))
                continue
            if source_version is not None:
                results.append(
                    ConflictError(
                        f"source_version {source_version} is recorded with other values; raise it with each change."
                    )
                )
                continue
        loan_id = head.id if head else new_id()
        row = _loan_row(values, lender, head, now) | {
            "id": loan_id,
            "content_hash": digest,
            "source_version": source_version if source_version is not None or head is None else head.source_version,
            "version": head.version + 1 if head else 1,
        }
        row |= _ending(values.status, head, now)
        if head and head.ended_at is not None and (row["ended_at"], values.status) != (head.ended_at, head.status):
            add_revision(session, LOAN_ENDED, loan_id, head.ended_at, before_word=head.status, now=now)
        if head is not None and ESTIMATED_PLAN in head.marks:
            row["marks"] = sorted({*values.marks, ESTIMATED_PLAN})
        if head:
            updated.append(row)
        else:
            added.append(
                row
                | {
                    "lender_id": lender.id,
                    "borrower_id": borrower_id,
                    "loan_no": values.loan_no,
                    "recorded_at": min(values.recorded_at or now, now),
                    "imported_at": now,
                    "anchor_no": 0,
                }
            )
        touched.add(borrower_id)
        results.append(PutResult(loan_id, created=head is None, changed=True))
    agenda.touch(work, touched, now=now)
    words = autopay_of(work, {row["id"]: row["autopay"] for row in updated}, by=origin, now=now)
    for row in updated:
        row["autopay"] = words.get(row["id"], row["autopay"])
    queries.add_loans(session, added)
    queries.set_loans(session, updated)
    put_follow_ups(session, OVER_CAP, _caps_told(heads.values(), updated), at=now)
    match_waiting(work, lender, [row["loan_no"] for row in added], now=now)
    expect_lines(work, lender, {row["loan_no"]: (row["id"], row["borrower_id"]) for row in added}, now=now)
    return results


def put_plans(
    work: Work, lender: LenderRow, batch: Sequence[PlanValues], *, now: datetime, origin: str
) -> list[PutResult | DomainError]:
    """Put many, each loan number at most once; the caller rebuilds the positions of those that changed."""
    session = work.session
    owners = queries.find_loan_owners(session, lender.id, [values.loan_no for values in batch])
    borrower_ids = [borrower_id for _, borrower_id in owners.values()]
    lock_agenda(session, borrower_ids)
    decided_until = find_decided_until(session, borrower_ids)
    heads = queries.find_plan_heads(session, [loan_id for loan_id, _ in owners.values()])
    told_again = set() if origin in OURS else find_told_again(session, heads, owners, batch)
    results: list[PutResult | DomainError] = []
    versions: list[dict[str, Any]] = []
    instalments: list[dict[str, Any]] = []
    touched: set[str] = set()
    for values in batch:
        owner = owners.get(values.loan_no)
        problem = (
            plan_problem(values) if owner else NotFoundError(f"There is no loan {values.loan_no}; send the loan first.")
        )
        if problem is not None or owner is None:
            results.append(problem or NotFoundError("No such loan."))
            continue
        loan_id, borrower_id = owner
        head = heads.get(loan_id)
        digest = plan_digest(values)
        if head is not None and (head.content_hash == digest or loan_id in told_again):
            results.append(PutResult(loan_id))
            continue
        recorded_at = min(values.recorded_at or now, now)
        if head is not None and recorded_at <= head.recorded_at:
            recorded_at = now  # a correction was not known when the version before it was: what was shown then stays true
        anchor_no = head.anchor_no + 1 if head else 1
        versions.append(
            {
                "id": new_id(),
                "borrower_id": borrower_id,
                "loan_id": loan_id,
                "anchor_no": anchor_no,
                "effective_on": values.effective_on,
                "recorded_at": recorded_at,
                "imported_at": now,
                # A sweep may have been ahead of `now`: what it has passed over is not asked for again.
                "watched_from_at": max(recorded_at, now, decided_until.get(borrower_id, now)),
                "origin": origin,
                "content_hash": digest,
            }
        )
        instalments += _instalment_rows(values, loan_id, borrower_id, anchor_no)
        touched.add(borrower_id)
        results.append(PutResult(loan_id, created=head is None, changed=True))
    agenda.touch(work, touched, now=now)
    if origin not in OURS:
        end_replaced(work, [version["loan_id"] for version in versions if version["anchor_no"] > 1], now=now)
    if origin != OF_CONTRACT:
        note_plans(work, _replacing(batch, results, heads), now=now)
    queries.add_plans(session, versions, instalments)
    if origin != OF_CONTRACT:
        _no_longer_estimated(session, heads, results)
    if versions:
        changed = zip(batch, results, strict=True)
        numbers = [values.loan_no for values, result in changed if isinstance(result, PutResult) and result.changed]
        match_waiting(work, lender, numbers, now=now)
        expect_lines(work, lender, {number: owners[number] for number in numbers}, now=now)
    return results


def _replacing(
    batch: Sequence[PlanValues], results: Sequence[PutResult | DomainError], heads: Mapping[str, queries.PlanHead]
) -> list[NewPlan]:
    """Return the plans that change what was agreed; one that takes the place of an estimate changes nothing agreed."""
    return [
        NewPlan(result.id, values.rows)
        for values, result in zip(batch, results, strict=True)
        if isinstance(result, PutResult)
        and result.changed
        and (head := heads.get(result.id)) is not None
        and ESTIMATED_PLAN not in head.marks
    ]


def _no_longer_estimated(
    session: Session, heads: Mapping[str, queries.PlanHead], results: Sequence[PutResult | DomainError]
) -> None:
    """Take the mark off loans whose plan the core has given, also where it is what was estimated."""
    given = [heads[result.id] for result in results if isinstance(result, PutResult) and result.id in heads]
    queries.set_loans(
        session,
        [
            {"id": head.loan_id, "marks": sorted(set(head.marks) - {ESTIMATED_PLAN})}
            for head in given
            if ESTIMATED_PLAN in head.marks
        ],
    )


def check_loan(values: LoanValues) -> None:
    """Refuse what cannot be true of a loan. Raises ValidationError."""
    check_texts(values)
    if not values.loan_no.strip() or not values.borrower_no.strip():
        raise ValidationError("loan_no and borrower_no must not be empty.")
    if values.status not in LOAN_STATUSES:
        raise ValidationError(f"status {values.status!r} is not one of {', '.join(LOAN_STATUSES)}.")
    if values.product_kind is not None and values.product_kind not in PRODUCT_KINDS:
        raise refused_at("/product_kind", f"product_kind is not one of {', '.join(PRODUCT_KINDS)}.")
    if values.principal_minor is not None and values.principal_minor < 0:
        raise refused_at("/principal", "principal is negative.")
    currency_exponent(values.currency)
    if values.zone is not None:
        zone_named(values.zone)
    if values.disbursed_on and values.maturity_on and values.maturity_on < values.disbursed_on:
        raise refused_at("/maturity_on", "maturity_on is before disbursed_on.")
    read_terms(values.contract)


def _problem(values: LoanValues, head: queries.LoanHead | None, source_version: int | None) -> DomainError | None:
    try:
        check_loan(values)
    except DomainError as error:
        return error
    if head is None:
        return None
    if head.currency != values.currency:
        return CurrencyMismatchError(f"Loan {values.loan_no} is in {head.currency}, not {values.currency}.")
    if source_version is not None and head.source_version is not None and source_version < head.source_version:
        return StaleVersionError(f"source_version {source_version} is older than {head.source_version}, which is recorded.")
    return None


def plan_problem(values: PlanValues) -> DomainError | None:
    """Return why these rows cannot be a plan, or None."""
    if not values.rows:
        return ValidationError("A plan needs at least one row.")
    if len({row.row_no for row in values.rows}) != len(values.rows):
        return ValidationError("A row number occurs twice in the plan.")
    for row in values.rows:
        if min(row.due) < 0:
            return ValidationError(f"Row {row.row_no} has a negative amount.")
    if sum(row.due.total for row in values.rows) > LARGEST_PLAN_MINOR:
        return ValidationError("The rows add up to more than any loan can be.")
    return None


def _loan_row(values: LoanValues, lender: LenderRow, head: queries.LoanHead | None, now: datetime) -> dict[str, Any]:
    today, before = business_date(now, values.zone or lender.zone), None if head is None else head.cap
    cap = cap_at_signing(values.contract, values.disbursed_on, lender, today=today, before=before)
    return {
        "product": values.product,
        "product_kind": values.product_kind,
        "autopay": values.autopay,
        "currency": values.currency,
        "zone": values.zone or lender.zone,
        "status": values.status,
        "principal_minor": values.principal_minor,
        "disbursed_on": values.disbursed_on,
        "maturity_on": values.maturity_on,
        "contract": terms_at_signing(values.contract, lender),
        "cap": cap,
        "cap_unknown": cap["may_bind"],
        "marks": sorted(set(values.marks)),
    }


def _caps_told(heads: Iterable[queries.LoanHead], updated: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return loan -> borrower of those whose cap may bind and came to be known, or is known no more."""
    before = {head.id: head for head in heads}
    told = {row["id"]: before[row["id"]] for row in updated if _may_bind(row["cap"]) is not _may_bind(before[row["id"]].cap)}
    return {loan_id: head.borrower_id for loan_id, head in told.items()}


def _may_bind(cap: Mapping[str, Any] | None) -> bool:
    return bool(cap and cap.get("may_bind"))


def _ending(status: str, head: queries.LoanHead | None, now: datetime) -> dict[str, datetime | None]:
    """Return since when the loan is over by the core's word. One that was closed by being paid is not over by its word."""
    was_active = head is None or head.status == "active"
    ended_at, resumed_at = (head.ended_at, head.resumed_at) if head else (None, None)
    if was_active and status != "active":
        ended_at = now
    elif status == "active" and ended_at is not None:
        ended_at, resumed_at = None, now
    return {"ended_at": ended_at, "resumed_at": resumed_at}


def _instalment_rows(values: PlanValues, loan_id: str, borrower_id: str, anchor_no: int) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "borrower_id": borrower_id,
            "loan_id": loan_id,
            "anchor_no": anchor_no,
            "row_no": row_no,
            "due_on": due_on,
            "principal_minor": due.principal,
            "interest_minor": due.interest,
            "fees_minor": due.fees,
            "penalties_minor": due.penalties,
        }
        for row_no, due_on, due in values.rows
    ]


def _digest(content: Any) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _review(work: Work, lender: LenderRow, loan_no: str, now: datetime) -> None:
    owner = queries.find_loan_owners(work.session, lender.id, [loan_no])[loan_no]
    reminders.review(work, [owner[1]], now=now)
