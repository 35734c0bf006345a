"""Giving and withdrawing consents. A withdrawal counts at once: what is queued against it is cancelled in that commit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.consents import Consent, ConsentValues, check_consent, check_in_app, kept_refusals, said, standing
from app.persistence.ids import new_id
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.consents import add_consents, find_consents
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders


def consents_of(reads: Connection | Session, borrower_id: str) -> dict[tuple[str, str], Consent]:
    """Return what stands, by (purpose, channel)."""
    return standing(find_consents(reads, [borrower_id]).get(borrower_id, []))


def record_consents(
    work: Work,
    borrower_id: str,
    told: Sequence[ConsentValues],
    *,
    by: str,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> list[ConsentValues]:
    """Record what a borrower gives or withdraws and decide at once; return what was new.

    What stands already is not recorded again. `by` is borrower, text, staff:NAME or operator:NAME; `evidence` says how it
    is known, without the content. Raises ValidationError at /items/N/name.
    """
    for index, values in enumerate(told):
        check_consent(values, pointer=f"/items/{index}")
    lock_agenda(work.session, [borrower_id])
    stands = consents_of(work.session, borrower_id)
    new: dict[tuple[str, str], ConsentValues] = {}
    for values in told:
        known = stands.get((values.purpose, values.channel))
        if known is None or known.given is not values.given or (values.form is not None and known.form != values.form):
            new[values.purpose, values.channel] = values
    if not new:
        return []
    add_consents(work.session, [_row(borrower_id, values, by=by, now=now, evidence=evidence) for values in new.values()])
    for values in new.values():
        action = "consent.given" if values.given else "consent.withdrawn"
        facts = {"purpose": values.purpose, "channel": values.channel}
        add_audit(work.session, at=now, actor=_actor(by, borrower_id), action=action, borrower_id=borrower_id, facts=facts)
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)
    return list(new.values())


def record_own_consents(work: Work, borrower_id: str, told: Sequence[ConsentValues], *, now: datetime) -> None:
    """Record what a borrower gives or withdraws in the app. Raises ForbiddenError for what needs a proof in writing."""
    for values in told:
        check_in_app(values)
    record_consents(work, borrower_id, told, by="borrower", now=now)


def take_from_feed(work: Work, told: Mapping[str, Sequence[ConsentValues]], *, now: datetime, origin: str) -> set[str]:
    """Record what a file or feed says of many borrowers; the caller holds their agenda rows and has them decided.

    What the borrower refused to us stays refused: return whose word was kept.
    """
    present = find_consents(work.session, [borrower_id for borrower_id, values in told.items() if values])
    rows: list[dict[str, Any]] = []
    kept: set[str] = set()
    for borrower_id, values in told.items():
        stands = standing(present.get(borrower_id, []))
        refused = kept_refusals(stands, values)
        if refused:
            kept.add(borrower_id)
        rows += [
            _row(borrower_id, each, by=origin, now=now, evidence=None)
            for each in values
            if each not in refused and said(stands, each.purpose, each.channel) is not each.given
        ]
    add_consents(work.session, rows)
    return kept


def _row(
    borrower_id: str, values: ConsentValues, *, by: str, now: datetime, evidence: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "borrower_id": borrower_id,
        "purpose": values.purpose,
        "channel": values.channel,
        "given": values.given,
        "form": values.form,
        "recorded_at": now,
        "origin": by[:40],
        "evidence": dict(evidence) if evidence else None,
    }


def _actor(by: str, borrower_id: str) -> str:
    return f"borrower:{borrower_id}" if by in ("borrower", "text") else by
