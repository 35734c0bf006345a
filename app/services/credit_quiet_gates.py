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
from app.persistence.queries.credit_continuations import find_given, find_spoken_of
from app.persistence.queries.lenders import get_lender
from app.services.credit_gates import ACT, CreditRecord, ask_reports, reads_more
from app.services.law_packs import pack_for

_GIVEN_AT, _ATTEMPTS = "given_at", "contact_attempts"
_UNSAID_ROLE = "third_party_collector"
"""What the vocabulary says of a lender whose role nobody stated."""


def ask_month(
    session: Session,
    loans: Sequence[Any],
    records: Mapping[str, CreditRecord],
    *,
    now: datetime,
    rules: BureauRules,
) -> dict[str, ReportGate]:
    """Return what `ask_reports` does of these records, for loans of one lender as `queries.credit_snapshots` gives them."""
    good = [loan for loan in loans if loan.id in records and records[loan.id].kind == POSITIVE]
    groups = _groups(session, good, records, now)
    alone = {member: ids[0] for ids in groups for member in ids[1:]}
    asked = {loan_id: record for loan_id, record in records.items() if loan_id not in alone}
    gates = dict(ask_reports(session, list(asked), now=now, records=asked, rules=rules))
    for member, first in alone.items():
        if first in gates:
            gates[member] = replace(gates[first], loan_id=member)
    return gates


def _groups(session: Session, loans: Sequence[Any], records: Mapping[str, CreditRecord], now: datetime) -> list[list[str]]:
    """Return the loans that have one answer, together; those with a story of their own are in none."""
    if not loans:
        return []
    lender = get_lender(session, loans[0].lender_id)
    packs = {country: pack_for(country or lender.jurisdiction).pack for country in {loan.country for loan in loans}}
    plain = [loan for loan in loans if _tells_groups_apart_by_little(packs[loan.country], lender.role)]
    contacts = any(_reads(packs[loan.country], lender.role, _ATTEMPTS) for loan in plain)
    borrowers = {loan.borrower_id for loan in plain}
    spoken_of = find_spoken_of(session, borrowers, contacts=contacts)
    given = find_given(session, borrowers, now)
    found: dict[Any, list[str]] = defaultdict(list)
    for loan in plain:
        if loan.borrower_id in spoken_of:
            continue
        record = records[loan.id]
        key = (
            loan.country, loan.product_kind, loan.currency, loan.zone, loan.borrower_zone, record.status_code,
            record.first_delinquency_on, given.get(loan.borrower_id),
        )  # fmt: skip
        found[key].append(loan.id)
    return list(found.values())


def _tells_groups_apart_by_little(pack: LawPack, role: str | None) -> bool:
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
