"""How credit reports, their snapshots and corrections are told at the desk and to the borrower."""

from typing import Any

from marshmallow import Schema, fields

from app.domain import credit_corrections, credit_snapshots
from app.domain.credit_bureaus import ALL, FORMATS, NEGATIVE_ONLY, STATES
from app.domain.credit_gates import KINDS, MARKED, WITHHELD
from app.domain.money import Money
from app.persistence.db import vault
from app.services.credit_words import decline_reason_of
from app.web.fields import DateField, IdField, InstantField, MoneyField

_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_COUNTS = {"description": "How many, by code."}


class CreditBureauSchema(Schema):
    """That the lender reports to a bureau, or asked to."""

    id = IdField(required=True)
    bureau = fields.String(required=True)
    format = fields.String(required=True, metadata={"enum": list(FORMATS)})
    furnisher_code = fields.String(required=True)
    furnisher_name = fields.String(required=True)
    furnisher_address = fields.String(required=True)
    reports = fields.String(required=True, metadata={"enum": [ALL, NEGATIVE_ONLY]})
    while_disputed = fields.String(required=True, metadata={"enum": [WITHHELD, MARKED]})
    lead_days = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    requested_by = fields.String(required=True)
    requested_at = InstantField(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)


class CreditBureausSchema(Schema):
    """All that was ever set, newest first."""

    items = fields.List(fields.Nested(CreditBureauSchema), required=True)


class CreditCountsSchema(Schema):
    """What a snapshot came to."""

    furnished = fields.Integer(required=True)
    withheld = fields.Integer(required=True)
    by_kind = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, metadata=_COUNTS)
    by_status = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, metadata=_COUNTS)
    by_reason = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, metadata=_COUNTS)
    by_mark = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, metadata=_COUNTS)


class CreditSnapshotSchema(Schema):
    """A month of reports to one bureau, frozen."""

    id = IdField(required=True)
    bureau = fields.String(required=True)
    format = fields.String(required=True, metadata={"enum": list(FORMATS)})
    as_of = DateField(required=True)
    state = fields.String(required=True, metadata={"enum": list(credit_snapshots.STATES)})
    counts = fields.Nested(CreditCountsSchema, required=True)
    omitted = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True,
        metadata={"description": "Left out of the file, since a gate had shut after the freezing; by reason."},
    )  # fmt: skip
    chain_sha256 = fields.String(required=True, metadata={"description": "Over all its rows, in the order of loans."})
    previous_id = IdField(required=True, allow_none=True)
    made_by = fields.String(required=True)
    made_at = InstantField(required=True)
    frozen_at = InstantField(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)
    decline_reason = fields.String(required=True, allow_none=True)
    file_sha256 = fields.String(required=True, allow_none=True)
    file_records = fields.Integer(required=True, allow_none=True)
    filed_at = InstantField(required=True, allow_none=True)
    submitted_at = InstantField(required=True, allow_none=True)
    submission_reference = fields.String(required=True, allow_none=True)
    answered_at = InstantField(required=True, allow_none=True)


class CreditSnapshotsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(CreditSnapshotSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class CreditRowSchema(Schema):
    """One loan in a snapshot: what is furnished, or why nothing is."""

    snapshot_id = IdField(required=True)
    as_of = DateField(required=True)
    bureau = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(credit_snapshots.STATES)})
    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)
    kind = fields.String(required=True, allow_none=True, metadata={"enum": [*KINDS, None]})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it is not; null: it is furnished."})
    rule = fields.String(required=True, allow_none=True, metadata={"description": "Of the law, or what is lacking."})
    omitted = fields.String(required=True, allow_none=True, metadata={"description": "Why the file leaves it out."})
    rejected = fields.String(required=True, allow_none=True, metadata={"description": "The bureau's code, if it did."})
    notice_message_id = fields.String(required=True, allow_none=True)
    mark = fields.String(required=True, allow_none=True, metadata={"description": "XB disputed; XC, XH after it."})
    status = fields.String(required=True)
    first_delinquency_on = DateField(required=True, allow_none=True)
    history = fields.String(required=True)
    overdue = MoneyField(required=True, allow_none=True)
    balance = MoneyField(required=True, allow_none=True)


class CreditRowsSchema(Schema):
    """A page, by loan."""

    items = fields.List(fields.Nested(CreditRowSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class CreditLoanSchema(Schema):
    """What was frozen of one loan, newest first, and what was put right."""

    items = fields.List(fields.Nested(CreditRowSchema), required=True)


class CreditCorrectionSchema(Schema):
    """A correction or deletion of what was furnished."""

    id = IdField(required=True)
    loan_no = fields.String(required=True)
    bureau = fields.String(required=True)
    as_of = DateField(required=True, metadata={"description": "Of the report that it puts right."})
    kind = fields.String(required=True, metadata={"enum": [credit_corrections.CORRECTION, credit_corrections.DELETION]})
    code = fields.String(required=True)
    reason = fields.String(required=True, metadata={"enum": list(credit_corrections.REASONS)})
    old = fields.Dict(keys=fields.String(), required=True)
    new = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    evidence = fields.Dict(keys=fields.String(), required=True)
    state = fields.String(required=True, metadata={"enum": list(credit_corrections.MOVES)})
    proposed_by = fields.String(required=True)
    proposed_at = InstantField(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)
    filed_at = InstantField(required=True, allow_none=True)


class CreditCorrectionsSchema(Schema):
    """Newest first, at most 200."""

    items = fields.List(fields.Nested(CreditCorrectionSchema), required=True)


BUREAU_EXAMPLE = {
    "id": _ID, "bureau": "PBOC", "format": "pboc", "furnisher_code": "91310000123456", "furnisher_name": "Acme",
    "furnisher_address": "310000", "reports": "all", "while_disputed": "withheld", "lead_days": 10, "state": "waiting",
    "requested_by": "staff:Ann", "requested_at": "2026-03-02T09:00:00Z", "decided_by": None, "decided_at": None,
}  # fmt: skip
SNAPSHOT_EXAMPLE = {
    "id": _ID, "bureau": "PBOC", "format": "pboc", "as_of": "2026-02-28", "state": "made",
    "counts": {
        "furnished": 2, "withheld": 1, "by_kind": {"negative": 1, "positive": 1}, "by_status": {"2": 1, "N": 1},
        "by_reason": {"OPEN_DISPUTE": 1}, "by_mark": {},
    },
    "omitted": {}, "chain_sha256": "0" * 64, "previous_id": None, "made_by": "staff:Ann",
    "made_at": "2026-03-02T09:00:00Z", "frozen_at": "2026-03-02T09:01:00Z", "decided_by": None, "decided_at": None,
    "decline_reason": None, "file_sha256": None, "file_records": None, "filed_at": None, "submitted_at": None,
    "submission_reference": None, "answered_at": None,
}  # fmt: skip
ROW_EXAMPLE = {
    "snapshot_id": _ID, "as_of": "2026-02-28", "bureau": "PBOC", "state": "made", "loan_id": _ID, "loan_no": "CN-1001",
    "borrower_no": "B-1001", "kind": "negative", "reason": None, "rule": None, "omitted": None, "rejected": None,
    "notice_message_id": _ID, "mark": None, "status": "2", "first_delinquency_on": "2026-01-31", "history": "21N",
    "overdue": {"amount_minor": 10000, "currency": "CNY"}, "balance": {"amount_minor": 20000, "currency": "CNY"},
}  # fmt: skip
CORRECTION_EXAMPLE = {
    "id": _ID, "loan_no": "CN-1001", "bureau": "PBOC", "as_of": "2026-02-28", "kind": "deletion", "code": "214",
    "reason": "identity_theft", "old": {"status": "2"}, "new": None, "evidence": {}, "state": "proposed",
    "proposed_by": "system", "proposed_at": "2026-03-02T09:00:00Z", "decided_by": None, "decided_at": None,
    "filed_at": None,
}  # fmt: skip
_NO_COUNTS: dict[str, Any] = {
    "furnished": 0, "withheld": 0, "by_kind": {}, "by_status": {}, "by_reason": {}, "by_mark": {},
}  # fmt: skip


def snapshot_view(row: Any, omitted: Any) -> dict[str, Any]:
    """Return a snapshot as it is told."""
    told = {"decline_reason": decline_reason_of(vault(), row), "counts": {**_NO_COUNTS, **row.counts}}
    return {**row._mapping, **told, "omitted": dict(omitted)}


def row_view(row: Any) -> dict[str, Any]:
    """Return a row of a snapshot as it is told, with its sums as money."""
    told = dict(row._mapping)
    account = told.pop("account") or {}
    for name in ("overdue", "balance"):
        minor = account.get(f"{name}_minor")
        told[name] = None if minor is None else Money(minor, row.currency)
    told["kind"] = told["kind"] or None
    return told
