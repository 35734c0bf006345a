"""Funders as the core, or the desk, tells of them: sealed, found by their number."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson

from app.domain.book import PutResult
from app.domain.errors import DomainError
from app.domain.funding import FunderValues
from app.persistence.ids import new_id
from app.persistence.models.funding import FunderRow
from app.persistence.models.lenders import LenderRow
from app.persistence.queries import funding as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault

_SEALED = ("name", "email", "account")


@dataclass(frozen=True, slots=True)
class OpenFunder:
    """A funder's personal data, opened."""

    name: str
    email: str | None
    account: str | None


def put_funders(
    work: Work, lender: LenderRow, batch: Sequence[FunderValues], *, by: str, now: datetime
) -> list[PutResult | DomainError]:
    """Make funders, or bring them up to these values; the same again changes nothing. Each number at most once."""
    known = queries.find_funder_heads(work.session, lender.id, {values.funder_no for values in batch})
    results: list[PutResult | DomainError] = []
    for values in batch:
        try:
            values.check()
        except DomainError as error:
            results.append(error)
            continue
        head = known.get(values.funder_no)
        told = orjson.dumps(asdict(values), option=orjson.OPT_SORT_KEYS).decode()
        digest = work.vault.mac("content", told)
        if head is not None and head.content_hash == digest:
            results.append(PutResult(head.id))
            continue
        funder_id = head.id if head else new_id()
        row = work.session.get_one(FunderRow, funder_id) if head else FunderRow(id=funder_id, lender_id=lender.id)
        row.funder_no, row.kind, row.locale, row.content_hash = values.funder_no, values.kind, values.locale, digest
        if values.account != (open_funder(work.vault, row).account if head else None):
            row.account_by = by[:90]
        for name in _SEALED:
            sealed = work.vault.seal(getattr(values, name), place=_place(name, funder_id))
            setattr(row, f"{name}_sealed", sealed)
        row.recorded_at, row.version = now, head.version + 1 if head else 1
        work.session.add(row)
        if head:
            work.session.flush()  # one number may be told twice in a batch
        known[values.funder_no] = queries.FunderHead(funder_id, digest, row.version)
        results.append(PutResult(funder_id, created=head is None, changed=True))
    work.session.flush()
    changed = sum(1 for each in results if isinstance(each, PutResult) and each.changed)
    if changed:
        facts = {"lender_id": lender.id, "funders": changed}
        add_audit(work.session, at=now, actor=by, action="funding.funders_put", borrower_id=None, facts=facts)
    return results


def open_funder(ring: Vault, row: Any) -> OpenFunder:
    """Return a funder's personal data."""
    return OpenFunder(
        ring.open(row.name_sealed, place=_place("name", row.id)) or "",
        ring.open(row.email_sealed, place=_place("email", row.id)),
        open_account(ring, row.id, row.account_sealed),
    )


def open_account(ring: Vault, funder_id: str, sealed: bytes | None) -> str | None:
    """Return where a funder's payouts go."""
    return ring.open(sealed, place=_place("account", funder_id))


def masked_account(account: str | None) -> str | None:
    """Return the last four characters, as a list shows it."""
    return None if account is None else f"…{account[-4:]}"


def _place(name: str, funder_id: str) -> str:
    return f"funders.{name}:{funder_id}"
