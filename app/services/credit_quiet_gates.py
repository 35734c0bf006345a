"""The gates of good reports about people of whom nothing is on file: asked once for all that the law cannot tell apart.

A good report is stopped by an identity theft, a missing consent or another rule of the pack. Where a borrower has no hold,
dispute, notice, wish or fact of the core, the answer depends on the lender, the product, the country, what was consented to
and the status alone: one loan of each such group is asked (`credit_gates.ask_reports`), and its answer is that of all.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.domain.credit_gates import POSITIVE, BureauRules, ReportGate
from app.domain.law.packs import LawPack
from app.persistence.queries.credit_quiet_gates import find_given, find_groupable, find_spoken_of
from app.services.credit_gates import ACT, CreditRecord, ask_reports, reads_more
from app.services.law_packs import pack_for

_GIVEN_AT, _ATTEMPTS = "given_at", "contact_attempts"
_UNSAID_ROLE = "third_party_collector"
"""What the vocabulary says of a lender whose role nobody stated."""


def ask_month(
    session: Session,
    records: Mapping[str, CreditRecord],
    *,
    now: datetime,
    rules: BureauRules | None,
    loans: Sequence[Any] | None = None,
) -> dict[str, ReportGate]:
    """Return what `ask_reports` does of these records, loan -> what is about to be furnished of it.

    `rules` as there: None is the strictest of the bureaus at which the lender is enabled. `loans`: rows of
    `queries.credit_snapshots` of whoever has read them already, of all that is asked about.
    """
    good = {loan_id for loan_id, record in records.items() if record.kind == POSITIVE}
    known = find_groupable(session, good) if loans is None else [loan for loan in loans if loan.id in good]
    groups = _groups(session, known, records, now)
    alone = {member: ids[0] for ids in groups for member in ids[1:]}
    asked = {loan_id: record for loan_id, record in records.items() if loan_id not in alone}
    gates = dict(ask_reports(session, list(asked), now=now, records=asked, rules=rules))
    for member, first in alone.items():
        if first in gates:
            gates[member] = replace(gates[first], loan_id=member)
    return gates


def _groups(session: Session, loans: Sequence[Any], records: Mapping[str, CreditRecord], now: datetime) -> list[list[str]]:
    """Return the loans that have one answer, together; those with a story of their own are in none."""
    packs = {
        (loan.country, loan.jurisdiction): pack_for(loan.country or loan.jurisdiction).pack
        for loan in {(loan.country, loan.jurisdiction): loan for loan in loans}.values()
    }
    plain = [loan for loan in loans if _tells_little_apart(packs[loan.country, loan.jurisdiction], loan.role)]
    if not plain:
        return []
    contacts = any(_reads(packs[loan.country, loan.jurisdiction], loan.role, _ATTEMPTS) for loan in plain)
    borrowers = {loan.borrower_id for loan in plain}
    spoken_of = find_spoken_of(session, borrowers, contacts=contacts)
    given = find_given(session, borrowers, now)
    found: dict[Any, list[str]] = defaultdict(list)
    for loan in plain:
        if loan.borrower_id in spoken_of:
            continue
        record = records[loan.id]
        key = (
            loan.lender_id, loan.country, loan.product_kind, loan.currency, loan.zone, loan.borrower_zone,
            record.status_code, record.first_delinquency_on, given.get(loan.borrower_id),
        )  # fmt: skip
        found[key].append(loan.id)
    return list(found.values())


def _tells_little_apart(pack: LawPack, role: str | None) -> bool:
    """Return whether the pack looks at nothing but what a group shares: not at ledgers, nor at when a consent was given."""
    return not reads_more(pack) and not _reads(pack, role, _GIVEN_AT)


@lru_cache(maxsize=256)
def _reads(pack: LawPack, role: str | None, name: str) -> bool:
    """Return whether a rule on the act, for lenders of that role, names a fact or a field of one."""
    role = role or _UNSAID_ROLE
    return any(
        name in str([test.document for test in rule.tests])
        for rule in pack.rules
        if ACT in rule.applies_when.acts and (not rule.applies_when.lender_roles or role in rule.applies_when.lender_roles)
    )
