"""Reports to authorities and associations under a named legal basis."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "register_files",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("register", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=90), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_register_files_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_files")),
        sa.UniqueConstraint("lender_id", "register", "number", name=op.f("uq_register_files_lender_id_register_number")),
    )
    op.create_table(
        "register_reports",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("register", sa.String(length=40), nullable=False),
        sa.Column("basis", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("content_sha256", sa.String(length=64), nullable=True),
        sa.Column("notice_message_id", ident, nullable=True),
        sa.Column("notice_kind", sa.String(length=40), nullable=False),
        sa.Column("notice_delivered_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.String(length=90), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("declined_reason", sa.String(length=200), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=True),
        sa.Column("keep_until", sa.Date(), nullable=True),
        sa.Column("mark", sa.String(length=2), nullable=True),
        sa.Column("removal_reason", sa.String(length=24), nullable=True),
        sa.Column("removal_due_on", sa.Date(), nullable=True),
        sa.Column("removed_by", sa.String(length=90), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_register_reports_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_register_reports_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_register_reports_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_reports")),
    )
    op.create_index("ix_register_reports_borrower_id", "register_reports", ["borrower_id", "asked_at"])
    op.create_index("ix_register_reports_lender_id", "register_reports", ["lender_id", "state", "id"])
    op.create_index(
        "uq_register_reports_live",
        "register_reports",
        ["loan_id", "register"],
        unique=True,
        sqlite_where=sa.text("state IN ('waiting', 'standing')"),
        postgresql_where=sa.text("state IN ('waiting', 'standing')"),
    )
    op.create_table(
        "register_report_events",
        sa.Column("id", ident, nullable=False),
        sa.Column("report_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("register", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=90), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("file_id", ident, nullable=True),
        sa.Column("left_out", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["register_reports.id"], name=op.f("fk_register_report_events_report_id_register_reports")
        ),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_register_report_events_lender_id_lenders")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["register_files.id"], name=op.f("fk_register_report_events_file_id_register_files")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_report_events")),
    )
    op.create_index("ix_register_report_events_file_id", "register_report_events", ["file_id", "id"])
    op.create_index("ix_register_report_events_report_id", "register_report_events", ["report_id", "at"])
    op.create_index(
        "ix_register_report_events_unfiled",
        "register_report_events",
        ["lender_id", "register", "id"],
        sqlite_where=sa.text("file_id IS NULL"),
        postgresql_where=sa.text("file_id IS NULL"),
    )
    op.create_index(
        "ix_register_report_events_untold",
        "register_report_events",
        ["id"],
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("register_report_events")
    op.drop_table("register_reports")
    op.drop_table("register_files")
