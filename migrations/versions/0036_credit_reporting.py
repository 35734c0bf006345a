"""Credit reporting: what was furnished of whom, frozen month by month."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_REFUSED = "what was frozen of a credit report never changes"
_KEPT = (
    "snapshot_id", "loan_id", "borrower_id", "kind", "reason", "rule", "notice_message_id", "mark", "status",
    "first_delinquency_on", "history", "last_snapshot_id", "account", "sha256",
)  # fmt: skip
_SQLITE = (
    f"CREATE TRIGGER credit_reports_are_never_deleted BEFORE DELETE ON credit_reports "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
    "CREATE TRIGGER credit_reports_are_never_changed BEFORE UPDATE ON credit_reports WHEN NEW.people_sealed IS NOT NULL OR "
    + " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _KEPT)
    + f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
)
_CHANGED = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _KEPT)
_POSTGRESQL = (
    f"""CREATE FUNCTION credit_reports_are_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'UPDATE' THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
        IF NEW.people_sealed IS NOT NULL OR {_CHANGED} THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER credit_reports_are_never_changed BEFORE UPDATE OR DELETE ON credit_reports "
    "FOR EACH ROW EXECUTE FUNCTION credit_reports_are_frozen()",
    "CREATE TRIGGER credit_reports_are_never_emptied BEFORE TRUNCATE ON credit_reports "
    "FOR EACH STATEMENT EXECUTE FUNCTION credit_reports_are_frozen()",
)


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "credit_bureaus",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("bureau", sa.String(length=24), nullable=False),
        sa.Column("format", sa.String(length=12), nullable=False),
        sa.Column("furnisher_code", sa.String(length=40), nullable=False),
        sa.Column("furnisher_name", sa.String(length=60), nullable=False),
        sa.Column("furnisher_address", sa.String(length=96), nullable=False),
        sa.Column("reports", sa.String(length=16), nullable=False),
        sa.Column("while_disputed", sa.String(length=12), nullable=False),
        sa.Column("lead_days", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("requested_by", sa.String(length=90), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_credit_bureaus_lender_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_bureaus")),
    )
    op.create_index("ix_credit_bureaus_lender_id", "credit_bureaus", ["lender_id", "requested_at"])
    op.create_index(
        "uq_credit_bureaus_enabled",
        "credit_bureaus",
        ["lender_id", "bureau"],
        unique=True,
        sqlite_where=sa.text("state = 'enabled'"),
        postgresql_where=sa.text("state = 'enabled'"),
    )
    op.create_table(
        "credit_enrolments",
        sa.Column("id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("notice_message_id", sa.String(length=36), nullable=True),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("started_by", sa.String(length=90), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(length=90), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_credit_enrolments_borrower_id")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_credit_enrolments_lender_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_credit_enrolments_loan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_enrolments")),
    )
    op.create_index("ix_credit_enrolments_borrower_id", "credit_enrolments", ["borrower_id"])
    op.create_index("ix_credit_enrolments_lender_id", "credit_enrolments", ["lender_id", "started_at", "loan_id"])
    op.create_index("ix_credit_enrolments_loan_id", "credit_enrolments", ["loan_id", "started_at"])
    op.create_index(
        "uq_credit_enrolments_loan",
        "credit_enrolments",
        ["loan_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "credit_snapshots",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("bureau_id", ident, nullable=False),
        sa.Column("bureau", sa.String(length=24), nullable=False),
        sa.Column("format", sa.String(length=12), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("previous_id", ident, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cursor", ident, nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("chain_sha256", sa.String(length=64), server_default="", nullable=False),
        sa.Column("made_by", sa.String(length=90), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("frozen_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decline_reason", sa.String(length=200), nullable=True),
        sa.Column("file_sha256", sa.String(length=64), nullable=True),
        sa.Column("file_records", sa.Integer(), nullable=True),
        sa.Column("filed_by", sa.String(length=90), nullable=True),
        sa.Column("filed_at", sa.BigInteger(), nullable=True),
        sa.Column("submitted_by", sa.String(length=90), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("submission_reference", sa.String(length=120), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["bureau_id"], ["credit_bureaus.id"], name=op.f("fk_credit_snapshots_bureau_id")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_credit_snapshots_lender_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_snapshots")),
    )
    op.create_index("ix_credit_snapshots_lender_id", "credit_snapshots", ["lender_id", "as_of"])
    op.create_index(
        "uq_credit_snapshots_as_of",
        "credit_snapshots",
        ["lender_id", "bureau", "as_of"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('declined', 'rejected')"),
        postgresql_where=sa.text("state NOT IN ('declined', 'rejected')"),
    )
    op.create_table(
        "credit_statements",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_credit_statements_borrower_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_credit_statements_loan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_statements")),
    )
    op.create_index("ix_credit_statements_borrower_id", "credit_statements", ["borrower_id", "loan_id", "made_at"])
    op.create_table(
        "credit_corrections",
        sa.Column("id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("snapshot_id", ident, nullable=False),
        sa.Column("bureau", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("proposed_by", sa.String(length=90), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("filed_in", ident, nullable=True),
        sa.Column("filed_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_credit_corrections_borrower_id")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_credit_corrections_lender_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_credit_corrections_loan_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["credit_snapshots.id"], name=op.f("fk_credit_corrections_snapshot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_corrections")),
    )
    op.create_index("ix_credit_corrections_borrower_id", "credit_corrections", ["borrower_id", "proposed_at"])
    op.create_index("ix_credit_corrections_lender_id", "credit_corrections", ["lender_id", "state", "proposed_at"])
    op.create_index(
        "uq_credit_corrections_open",
        "credit_corrections",
        ["loan_id", "bureau", "reason"],
        unique=True,
        sqlite_where=sa.text("state IN ('proposed', 'approved')"),
        postgresql_where=sa.text("state IN ('proposed', 'approved')"),
    )
    op.create_table(
        "credit_omissions",
        sa.Column("snapshot_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("omitted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_credit_omissions_loan_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["credit_snapshots.id"], name=op.f("fk_credit_omissions_snapshot_id")),
        sa.PrimaryKeyConstraint("snapshot_id", "loan_id", name=op.f("pk_credit_omissions")),
    )
    op.create_table(
        "credit_rejections",
        sa.Column("id", ident, nullable=False),
        sa.Column("snapshot_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.String(length=400), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_credit_rejections_loan_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["credit_snapshots.id"], name=op.f("fk_credit_rejections_snapshot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_rejections")),
        sa.UniqueConstraint("snapshot_id", "loan_id", "code", name=op.f("uq_credit_rejections_snapshot_id_loan_id_code")),
    )
    op.create_table(
        "credit_reports",
        sa.Column("snapshot_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("notice_message_id", sa.String(length=36), nullable=True),
        sa.Column("mark", sa.String(length=2), nullable=True),
        sa.Column("status", sa.String(length=4), nullable=False),
        sa.Column("first_delinquency_on", sa.Date(), nullable=True),
        sa.Column("history", sa.String(length=64), nullable=False),
        sa.Column("last_snapshot_id", ident, nullable=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("people_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_credit_reports_borrower_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_credit_reports_loan_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["credit_snapshots.id"], name=op.f("fk_credit_reports_snapshot_id")),
        sa.PrimaryKeyConstraint("snapshot_id", "loan_id", name=op.f("pk_credit_reports")),
    )
    op.create_index("ix_credit_reports_borrower_id", "credit_reports", ["borrower_id", "loan_id"])

    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER credit_reports_are_never_emptied ON credit_reports")
        op.execute("DROP TRIGGER credit_reports_are_never_changed ON credit_reports")
        op.execute("DROP FUNCTION credit_reports_are_frozen()")
    for table in (
        "credit_reports",
        "credit_rejections",
        "credit_omissions",
        "credit_corrections",
        "credit_statements",
        "credit_snapshots",
        "credit_enrolments",
        "credit_bureaus",
    ):
        op.drop_table(table)
