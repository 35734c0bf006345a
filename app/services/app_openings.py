"""Which notices that their addressees opened in the app count as delivered: by kind, country, and consent at that moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.consents import standing
from app.persistence.queries.consents import find_consents
from app.persistence.queries.law_cases import find_governing
from app.services.law_packs import pack_for
from app.wording.app_openings import ALWAYS, WITH_CONSENT, opening_rule


@dataclass(frozen=True, slots=True)
class Opening:
    """A notice about a loan that was opened. `kind` None: a letter that is of no kind."""

    borrower_id: str
    loan_id: str | None
    kind: str | None
    at: datetime


def counting(reads: Connection | Session, openings: Sequence[Opening]) -> set[Opening]:
    """Return those that prove delivery: by the law where the borrower is, else the lender; a few statements for all."""
    if not openings:
        return set()
    governing = {
        row.id: pack_for(row.country or row.jurisdiction).pack.jurisdiction
        for row in find_governing(reads, {each.loan_id for each in openings if each.loan_id is not None})
    }
    rules = {each: opening_rule(governing.get(each.loan_id or "", ""), each.kind) for each in openings}
    found = {each for each, rule in rules.items() if rule.counts == ALWAYS}
    asked = [each for each, rule in rules.items() if rule.counts == WITH_CONSENT]
    consents = find_consents(reads, {each.borrower_id for each in asked}) if asked else {}
    for each in asked:
        until = [said for said in consents.get(each.borrower_id, ()) if said.recorded_at <= each.at]
        if any(said.given and said.purpose == rules[each].consent for said in standing(until).values()):
            found.add(each)
    return found
