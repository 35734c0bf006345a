"""Letters as they are shown to the desk and to the borrower: one noun, one path of stages, with what proves the last."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.letter_stages import STAGES, stage_of
from app.domain.served_notices import OPENED, SEEN, Proof, delivery_of
from app.persistence.db import vault
from app.persistence.queries import letter_lists as queries
from app.persistence.queries.served_notices import find_proofs
from app.services.served_notices import told_of
from app.wording.letter_kinds import find_kind

MOST_BATCHES = 50


@dataclass(frozen=True, slots=True)
class ShownProof:
    """What proves that a letter arrived. `reference`: a number of the post, who signed; personal data."""

    kind: str
    delivered_at: datetime
    by: str
    recorded_at: datetime
    attachment_id: str | None = None
    reference: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ShownLetter:
    """One letter. `kind`: of the notice that was served, of letters, or `letter` for one that is of no kind."""

    id: str
    message_id: str
    borrower_id: str
    borrower_no: str
    loan_id: str | None
    loan_no: str | None
    kind: str
    template: str
    locale: str
    jurisdiction: str
    title: str = field(repr=False)
    stage: str
    reason: str | None
    """Why it failed or was withdrawn, by the codes of docs/reasons.md."""
    pages: int
    sha256: str
    batch_id: str | None
    made_at: datetime
    printed_at: datetime | None
    sent_at: datetime | None
    """When a printer took it, or the post where it says so."""
    delivered_at: datetime | None
    returned_at: datetime | None
    opened_at: datetime | None
    proof: str | None
    proofs: tuple[ShownProof, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownBatch:
    """A batch with the letters of one lender in it, by stage."""

    id: str
    name: str
    state: str
    by: str
    created_at: datetime
    stages: dict[str, int]


def list_letters(
    reads: Connection | Session, lender_id: str, *, stage: str | None, batch_id: str | None = None,
    before: tuple[datetime, str] | None, limit: int,
) -> list[ShownLetter]:  # fmt: skip
    """Return a page of a lender's letters that have a document, newest first."""
    return _shown(
        reads, queries.page_of_lender(reads, lender_id, stage=stage, batch_id=batch_id, before=before, limit=limit)
    )


def get_letter(reads: Connection | Session, lender_id: str, letter_id: str) -> ShownLetter:
    """Return one letter of a lender. Raises NotFoundError."""
    return _one(reads, queries.find_of_lender(reads, lender_id, letter_id))


def list_own(
    reads: Connection | Session, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[ShownLetter]:
    """Return a page of the letters to a borrower that left, newest first."""
    return _shown(reads, queries.page_of_borrower(reads, borrower_id, before=before, limit=limit))


def get_own(reads: Connection | Session, borrower_id: str, letter_id: str) -> ShownLetter:
    """Return one letter to a borrower that left. Raises NotFoundError, also for another borrower's."""
    return _one(reads, queries.find_of_borrower(reads, borrower_id, letter_id))


def list_batches(reads: Connection | Session, lender_id: str) -> list[ShownBatch]:
    """Return the newest batches with letters of a lender."""
    found: dict[str, ShownBatch] = {}
    for row in queries.page_batches_of_lender(reads, lender_id, limit=MOST_BATCHES):
        batch = found.setdefault(row.id, ShownBatch(row.id, row.name, row.state, row.by, row.created_at, {}))
        stage = stage_of("queued", row.letter_state)
        batch.stages[stage] = batch.stages.get(stage, 0) + row.count
    for batch in found.values():
        ordered = {stage: batch.stages[stage] for stage in STAGES if stage in batch.stages}
        batch.stages.clear()
        batch.stages.update(ordered)
    return list(found.values())


def _one(reads: Connection | Session, row: Any) -> ShownLetter:
    if row is None:
        raise NotFoundError("There is no such letter.")
    return _shown(reads, [row])[0]


def _shown(reads: Connection | Session, rows: Sequence[Any]) -> list[ShownLetter]:
    proofs = find_proofs(reads, [row.message_id for row in rows])
    told = told_of(reads, [(row, row.notice_kind) for row in rows])
    return [_letter(row, by_ways, proofs.get(row.message_id, ())) for row, by_ways in zip(rows, told, strict=True)]


def _letter(row: Any, told: Sequence[Proof], proofs: Sequence[Any]) -> ShownLetter:
    delivered = delivery_of([*told, *((each.kind, each.delivered_at) for each in proofs)], row.returned_at)
    opened = [each.delivered_at for each in proofs if each.kind in (OPENED, SEEN)]
    stage = stage_of(row.message_state, row.letter_state, is_proven=delivered is not None)
    sealed = row.text_sealed
    text = orjson.loads(vault().open(sealed, place=f"messages.text:{row.message_id}") or "{}") if sealed else {}
    kind = find_kind(row.jurisdiction, kind=row.notice_kind, template=row.template)
    return ShownLetter(
        id=row.id,
        message_id=row.message_id,
        borrower_id=row.borrower_id,
        borrower_no=row.borrower_no,
        loan_id=row.loan_id,
        loan_no=row.loan_no,
        kind=row.notice_kind or (kind.kind if kind is not None else "letter"),
        template=row.template,
        locale=row.locale,
        jurisdiction=row.jurisdiction,
        title=text.get("title", ""),
        stage=stage,
        reason=row.state_reason if stage in ("failed", "withdrawn") else None,
        pages=row.pages,
        sha256=row.sha256,
        batch_id=row.batch_id,
        made_at=row.created_at,
        printed_at=row.printed_at,
        sent_at=row.posted_at or row.sent_at,
        delivered_at=None if delivered is None else delivered[0],
        returned_at=row.returned_at,
        opened_at=min(opened, default=None),
        proof=None if delivered is None else delivered[1],
        proofs=tuple(_proof(each) for each in proofs),
    )


def _proof(row: Any) -> ShownProof:
    place = f"delivery_proofs.reference:{row.id}"
    reference = None if row.reference_sealed is None else vault().open(row.reference_sealed, place=place)
    return ShownProof(row.kind, row.delivered_at, row.by, row.recorded_at, row.attachment_id, reference)
