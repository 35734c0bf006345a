"""Triggers that keep what proves a notice, a report, a sale or a share as it was written; who told a funder's account.

The code only appends to these tables; a statement by hand that changes or deletes a row is refused. What a row may still be
given is named: in which file an event was handed over, and when the borrower was told of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_KEPT = {
    "served_notices": (
        "id", "borrower_id", "loan_id", "kind", "key", "channel", "message_id", "said_sha256", "by", "created_at",
    ),
    "delivery_proofs": (
        "id", "borrower_id", "message_id", "kind", "delivered_at", "reference_sealed", "attachment_id", "by", "recorded_at",
    ),
    "escalation_events": (
        "id", "escalation_id", "seq", "borrower_id", "lender_id", "loan_id", "step_key", "kind", "at", "outcome", "reason",
        "rule", "by", "facts",
    ),
    "register_files": ("id", "lender_id", "register", "number", "lines", "sha256", "made_by", "made_at"),
    "register_report_events": (
        "id", "report_id", "borrower_id", "lender_id", "register", "kind", "reason", "at", "by", "content_sealed",
        "content_sha256",
    ),
    "share_transfers": (
        "id", "lender_id", "loan_id", "giver_id", "taker_id", "units_minor", "effective_on", "reference", "content_hash",
        "recorded_on", "recorded_at", "by",
    ),
    "collateral_events": (
        "id", "thing_id", "borrower_id", "lender_id", "no", "kind", "effective_on", "recorded_at", "by", "origin",
        "reference", "from_state", "to_state", "reverses_id", "cost_kind", "amount_minor", "is_charged", "facts",
        "text_sealed",
    ),
}  # fmt: skip
"""Table -> its columns that never change."""
_FROZEN = (
    "id", "lender_id", "bureau_id", "bureau", "format", "as_of", "previous_id", "cursor", "counts", "chain_sha256",
    "made_by", "made_at", "frozen_at",
)  # fmt: skip
"""Of a month of credit reports, from its freezing on; what becomes of it afterwards is written beside."""
_REFUSED = "is append-only"


def _sqlite() -> list[str]:
    found = []
    for table, kept in _KEPT.items():
        changed = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in kept)
        abort = f"BEGIN SELECT RAISE(ABORT, '{table} {_REFUSED}'); END"
        found += [
            f"CREATE TRIGGER {table}_are_never_deleted BEFORE DELETE ON {table} {abort}",
            f"CREATE TRIGGER {table}_are_never_changed BEFORE UPDATE ON {table} WHEN {changed} {abort}",
        ]
    changed = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in _FROZEN)
    abort = f"BEGIN SELECT RAISE(ABORT, 'a frozen month {_REFUSED}'); END"
    is_frozen = "EXISTS (SELECT 1 FROM credit_snapshots WHERE id = NEW.snapshot_id AND frozen_at IS NOT NULL)"
    return [
        *found,
        f"CREATE TRIGGER credit_snapshots_are_never_deleted BEFORE DELETE ON credit_snapshots "
        f"WHEN OLD.frozen_at IS NOT NULL {abort}",
        f"CREATE TRIGGER credit_snapshots_are_never_changed BEFORE UPDATE ON credit_snapshots "
        f"WHEN OLD.frozen_at IS NOT NULL AND ({changed}) {abort}",
        f"CREATE TRIGGER credit_reports_are_never_added BEFORE INSERT ON credit_reports WHEN {is_frozen} {abort}",
    ]


def _postgresql() -> list[str]:
    found = []
    for table, kept in _KEPT.items():
        changed = " OR ".join(f'NEW."{name}" IS DISTINCT FROM OLD."{name}"' for name in kept)
        found.append(
            f"""CREATE FUNCTION {table}_stay() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP <> 'UPDATE' THEN RAISE EXCEPTION '{table} {_REFUSED}'; END IF;
                IF {changed} THEN RAISE EXCEPTION '{table} {_REFUSED}'; END IF;
                RETURN NEW;
            END $$"""
        )
        found += _guards(table, f"{table}_stay")
    changed = " OR ".join(f'NEW."{name}" IS DISTINCT FROM OLD."{name}"' for name in _FROZEN)
    found.append(
        f"""CREATE FUNCTION credit_snapshots_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'TRUNCATE' THEN RAISE EXCEPTION 'a frozen month {_REFUSED}'; END IF;
            IF TG_OP = 'DELETE' THEN
                IF OLD.frozen_at IS NOT NULL THEN RAISE EXCEPTION 'a frozen month {_REFUSED}'; END IF;
                RETURN OLD;
            END IF;
            IF OLD.frozen_at IS NOT NULL AND ({changed}) THEN RAISE EXCEPTION 'a frozen month {_REFUSED}'; END IF;
            RETURN NEW;
        END $$"""
    )
    found += _guards("credit_snapshots", "credit_snapshots_stay")
    found += [
        f"""CREATE FUNCTION credit_reports_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM credit_snapshots WHERE id = NEW.snapshot_id AND frozen_at IS NOT NULL) THEN
                RAISE EXCEPTION 'a frozen month {_REFUSED}';
            END IF;
            RETURN NEW;
        END $$""",  # noqa: S608
        "CREATE TRIGGER credit_reports_are_never_added BEFORE INSERT ON credit_reports "
        "FOR EACH ROW EXECUTE FUNCTION credit_reports_stay()",
    ]
    return found


def _guards(table: str, function: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_are_never_changed BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
        f"CREATE TRIGGER {table}_are_never_emptied BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
    ]


def upgrade() -> None:
    op.add_column("funders", sa.Column("account_by", sa.String(length=90), nullable=True))
    for statement in _sqlite() if op.get_bind().dialect.name == "sqlite" else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    tables = (*_KEPT, "credit_snapshots")
    if op.get_bind().dialect.name == "sqlite":
        for table in tables:
            op.execute(f"DROP TRIGGER {table}_are_never_changed")
            op.execute(f"DROP TRIGGER {table}_are_never_deleted")
        op.execute("DROP TRIGGER credit_reports_are_never_added")
    else:
        op.execute("DROP TRIGGER credit_reports_are_never_added ON credit_reports")
        op.execute("DROP FUNCTION credit_reports_stay()")
        for table in tables:
            op.execute(f"DROP TRIGGER {table}_are_never_changed ON {table}")
            op.execute(f"DROP TRIGGER {table}_are_never_emptied ON {table}")
            op.execute(f"DROP FUNCTION {table}_stay()")
    op.drop_column("funders", "account_by")
