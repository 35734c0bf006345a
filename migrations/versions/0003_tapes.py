"""What a core's tapes and bank statements add: its figures beside a loan, accounts of loans, standing orders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[str]:
    return sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    op.add_column("loans", sa.Column("core_as_of", sa.Date(), nullable=True))
    op.add_column("loans", sa.Column("core_figures", sa.Text(), nullable=True))
    op.create_index(
        "ix_loans_on_tape",
        "loans",
        ["lender_id", "id"],
        sqlite_where=sa.text("core_as_of IS NOT NULL"),
        postgresql_where=sa.text("core_as_of IS NOT NULL"),
    )
    op.create_table(
        "loan_accounts",
        sa.Column("lender_id", _id(), nullable=False),
        sa.Column("account_no", sa.String(length=56), nullable=False),
        sa.Column("loan_id", _id(), nullable=False),
        sa.Column("borrower_id", _id(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_loan_accounts_lender_id_lenders")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_loan_accounts_loan_id_loans")),
        sa.PrimaryKeyConstraint("lender_id", "account_no", "loan_id", name=op.f("pk_loan_accounts")),
    )
    op.create_table(
        "standing_orders",
        sa.Column("lender_id", _id(), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("account_no", sa.String(length=56), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_standing_orders_lender_id_lenders")),
        sa.PrimaryKeyConstraint("lender_id", "reference", name=op.f("pk_standing_orders")),
    )


def downgrade() -> None:
    op.drop_table("standing_orders")
    op.drop_table("loan_accounts")
    op.drop_index("ix_loans_on_tape", table_name="loans")
    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.drop_column("core_figures")
        batch_op.drop_column("core_as_of")
