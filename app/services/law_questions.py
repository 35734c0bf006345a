"""Questions of law that staff ask outright: any act, any facts, with or without a loan of the book."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError, refused_at
from app.domain.law.field_types import unknown_name
from app.domain.law.results import ALLOW
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.loans import find_loan_owners
from app.services.law_gates import LawAnswer, ask_law, ask_pack
from app.services.law_packs import DEFAULT, get_pack, pack_for, vocabulary
from app.wording.law_answers import Told, told_finding, told_judgement


@dataclass(frozen=True, slots=True)
class ToldAnswer:
    """An answer in words. `note`: what must be known first, where there is such."""

    act: str
    pack: str
    pack_version: str
    verdict: str
    may_proceed: bool
    sentence: str
    until: datetime | None
    answers: tuple[Told, ...]
    """Of every rule that speaks on the act; those with something to say first."""
    unknown_facts: tuple[str, ...]
    note: str | None


def ask_in_words(
    session: Session | None,
    *,
    act: str,
    facts: Mapping[str, Any],
    now: datetime,
    jurisdiction: str | None = None,
    loan: tuple[str | None, str] | None = None,
) -> ToldAnswer:
    """Return what the law says of an act. `facts` as JSON has them; `loan`: (lender code, loan number) that the book knows.

    Raises ValidationError that points at each fact or word the vocabulary does not know, NotFoundError.
    """
    acts = vocabulary().enums["act"]
    if act not in acts:
        raise refused_at("/act", unknown_name(act, acts, "act"))
    typed = vocabulary().read_facts(facts)
    note: str | None = None
    if loan is not None and session is not None:
        answer = ask_law(session, act=act, loan_id=_loan_id(session, *loan), facts=typed, now=now)
    else:
        answer, note = _ask_of(jurisdiction or "", act, typed, now)
    judgement = answer.judgement
    ordered = sorted(judgement.findings, key=lambda finding: finding.result is ALLOW)
    return ToldAnswer(
        act=act,
        pack=answer.pack.jurisdiction if answer.pack else "",
        pack_version=answer.pack.version if answer.pack else "",
        verdict=judgement.verdict,
        may_proceed=judgement.may_proceed,
        sentence=told_judgement(judgement),
        until=judgement.until,
        answers=tuple(told_finding(finding) for finding in ordered),
        unknown_facts=answer.unknown,
        note=note,
    )


def _ask_of(jurisdiction: str, act: str, facts: Mapping[str, Any], now: datetime) -> tuple[LawAnswer, str | None]:
    if jurisdiction.upper() == DEFAULT:
        return ask_pack(get_pack(DEFAULT), act, facts, now), None
    governing = pack_for(jurisdiction)
    note = None
    if governing.is_missing:
        note = f"There is no law pack for {jurisdiction}: the house rules of the default pack stand in."
    return ask_pack(governing.pack, act, {"law_pack": governing.law_pack, **facts}, now), note


def _loan_id(session: Session, lender_code: str | None, loan_no: str) -> str:
    lender = None if lender_code is None else find_lender(session, lender_code)
    if lender is None:
        raise NotFoundError(f"There is no lender {lender_code!r}; name the one whose loan it is.")
    owner = find_loan_owners(session, lender.id, [loan_no]).get(loan_no)
    if owner is None:
        raise NotFoundError(f"There is no loan {loan_no} with this lender.")
    return owner[0]
