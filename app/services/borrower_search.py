"""Staff look for a borrower of their lender: by phone, e-mail, number, reference or name.

Nothing is searched but keyed hashes and numbers (docs/adr: what search terms tell). Each search is counted against an exact
limit per person and hour and leaves an audit row with its kinds and how many were found, never with what was typed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.domain.errors import refused_at
from app.domain.masks import masked_email, masked_name
from app.persistence.db import vault
from app.persistence.queries import borrower_search as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrower_search import MOST_CANDIDATES, Match, Term
from app.persistence.queries.lenders import get_jurisdiction
from app.persistence.unit_of_work import peeking, unit_of_work
from app.persistence.vault import Vault
from app.services.borrower_hits import MOST_HITS, BorrowerHit, SearchAnswer
from app.services.borrower_people import mask_phone
from app.services.desk_positions import positions_today
from app.services.limits import Limit, count
from app.services.search_words import LONGEST_TEXT, Words, needs_region, read_words

SEARCHES = Limit("desk_search", 240, timedelta(hours=1))
"""Of one member of staff: four a minute, all through an hour of calls."""
_SHARED = frozenset({"phone_last4"})
"""Search terms, besides words of a name, that many have."""
_NAMES_NOBODY = frozenset({"phone_last4", "name"})
"""Kinds that tell nobody apart: of a name found by them alone, only what was typed and first letters are shown."""
_MOST_NUMBERS = 3
_OPEN = ("active",)


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who looks. `by` as the audit trail names them."""

    by: str
    lender_id: str
    region: str | None = None
    """Where phone numbers without a country are dialled: ISO 3166; None: in the lender's jurisdiction."""


def search(text: str, *, kind: str | None = None, searcher: Searcher, now: datetime) -> SearchAnswer:
    """Return up to `MOST_HITS` borrowers of the lender. The request holds no connection while this runs.

    Raises ValidationError, RateLimitedError.
    """
    if len(text) > LONGEST_TEXT:
        raise refused_at("/text", f"text is longer than {LONGEST_TEXT} characters.")
    ring = vault()
    with peeking() as reads:
        region = searcher.region
        if region is None and needs_region(text, kind):
            region = get_jurisdiction(reads, searcher.lender_id)
        words = read_words(ring, text, kind, region=region)
        matches, cut = _matches(reads, words, searcher.lender_id)
        found: dict[str, set[str]] = defaultdict(set)
        for match in matches:
            found[match.borrower_id].add(_KIND_OF.get(match.kind, match.kind))
        chosen = list(found)[:MOST_HITS]
        kept = {key: found[key] for key in chosen}
        hits = _hits(reads, ring, kept, words, searcher.lender_id, now) if chosen else []
    answer = SearchAnswer(hits, list(words.kinds), cut or len(found) > MOST_HITS)
    with unit_of_work() as work:
        count(work, SEARCHES, f"{searcher.lender_id} {searcher.by}", now=now)
        facts = {"kinds": answer.kinds, "hits": len(answer.hits), "has_more": answer.has_more}
        add_audit(work.session, at=now, actor=searcher.by, action="borrower.searched", borrower_id=None, facts=facts)
    return answer


_KIND_OF = {"name_token": "name", "name_han": "name", "bank_reference": "payment_reference"}


def _matches(reads: Connection, words: Words, lender_id: str) -> tuple[list[Match], bool]:
    """Return who was found, and whether the index of a common word was left before its end."""
    common = [*words.name, *(term for term in words.any_of if term.kind in _SHARED)]
    counts = dict(zip(common, queries.count_candidates(reads, common), strict=True)) if common else {}
    name: Sequence[Term] = sorted(words.name, key=lambda term: counts[term])
    found = queries.find_matches(reads, lender_id, any_of=words.any_of, all_of=name, limit=MOST_HITS + 1)
    followed = [*name[:1], *(term for term in words.any_of if term.kind in _SHARED)]
    return found, any(counts[term] > MOST_CANDIDATES for term in followed)


def _hits(
    reads: Connection, ring: Vault, found: dict[str, set[str]], words: Words, lender_id: str, now: datetime
) -> list[BorrowerHit]:
    rows = queries.load_hits(reads, lender_id, list(found), now)
    loans: dict[str, list[Any]] = defaultdict(list)
    for loan in rows["loans"]:
        loans[loan.borrower_id].append(loan)
    holds: dict[str, list[str]] = defaultdict(list)
    for hold in rows["holds"]:
        holds[hold.borrower_id].append(hold.kind)
    late = _days_past_due(reads, [loan for loan in rows["loans"] if loan.status in _OPEN], now)
    hits = [
        _hit(ring, person, found[person.id], words, loans[person.id], holds[person.id], late) for person in rows["people"]
    ]
    return sorted(hits, key=lambda hit: (not hit.active_loans, -hit.worst_days_past_due, hit.borrower_no))


def _days_past_due(reads: Connection, loans: Sequence[Any], now: datetime) -> dict[str, int]:
    return {loan_id: shown.position.days_past_due for loan_id, shown in positions_today(reads, loans, now=now).items()}


def _hit(
    ring: Vault, person: Any, by: set[str], words: Words, loans: list[Any], holds: list[str], late: dict[str, int]
) -> BorrowerHit:
    name = ring.open(person.name_sealed, place=f"borrowers.name:{person.id}")
    phone = ring.open(person.phone_sealed, place=f"borrowers.phone:{person.id}")
    email = ring.open(person.email_sealed, place=f"borrowers.email:{person.id}")
    loans = sorted(loans, key=lambda loan: (loan.status not in _OPEN, loan.loan_no))
    return BorrowerHit(
        borrower_id=person.id,
        borrower_no=person.borrower_no,
        matched_by=sorted(by),
        name_shown=None if name is None else masked_name(name, words.typed) if by <= _NAMES_NOBODY else name,
        phone_masked=None if phone is None else mask_phone(phone),
        email_masked=None if email is None else masked_email(email),
        locale=person.locale,
        flags=list(person.flags),
        loans=len(loans),
        active_loans=sum(loan.status in _OPEN for loan in loans),
        loan_nos=[loan.loan_no for loan in loans[:_MOST_NUMBERS]],
        worst_days_past_due=max((late.get(loan.id, 0) for loan in loans), default=0),
        holds=holds,
        open_disputes=sum(loan.disputed_minor is not None for loan in loans),
    )
