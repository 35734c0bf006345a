"""Stops of interest that a person asks for and another decides."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_TABLE = "interest_stop_requests"


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        _TABLE,
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("stop_id", ident, nullable=True),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("scope", sa.String(length=24), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("declined_reason", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f(f"fk_{_TABLE}_lender_id_lenders")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f(f"fk_{_TABLE}_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f(f"fk_{_TABLE}_loan_id_loans")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
    )
    op.create_index(f"ix_{_TABLE}_lender_id", _TABLE, ["lender_id", "state", "asked_at"])
    op.create_index(f"ix_{_TABLE}_loan_id", _TABLE, ["loan_id", "state"])
    op.create_index(f"ix_{_TABLE}_borrower_id", _TABLE, ["borrower_id"])


def downgrade() -> None:
    op.drop_table(_TABLE)
