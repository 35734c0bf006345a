"""Days for which the law stops interest, what is above a cap, and a lender's licence with its days.

A loan carries a copy of its stops, so that a balance is read in the same statements as before.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "interest_stops",
        sa.Column("id", ident, nullable=False),
        sa.Column("stop_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("scope", sa.String(length=24), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("occasion", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=True),
        sa.Column("replaced_by", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_interest_stops_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_interest_stops_loan_id_loans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interest_stops")),
    )
    stands = sa.text("replaced_at IS NULL")
    op.create_index("ix_interest_stops_loan_id", "interest_stops", ["loan_id", "recorded_at"])
    op.create_index("ix_interest_stops_borrower_id", "interest_stops", ["borrower_id"])
    op.create_index(
        "ux_interest_stops_standing",
        "interest_stops",
        ["loan_id", "rule", "occasion"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )
    op.add_column("loans", sa.Column("stops", sa.Text(), nullable=True))
    op.add_column("loans", sa.Column("over_cap_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("loans", sa.Column("cap_unknown", sa.Boolean(), server_default=sa.false(), nullable=False))
    loans = sa.table("loans", sa.column("cap", sa.Text()), sa.column("cap_unknown", sa.Boolean()))
    op.execute(loans.update().where(loans.c.cap.like('%"may_bind":true%')).values(cap_unknown=True))
    unknown = sa.text("cap_unknown")
    op.create_index("ix_loans_cap_unknown", "loans", ["lender_id", "id"], sqlite_where=unknown, postgresql_where=unknown)
    over = sa.text("over_cap_minor > 0")
    op.create_index("ix_loans_over_cap", "loans", ["lender_id", "id"], sqlite_where=over, postgresql_where=over)
    op.add_column("lenders", sa.Column("legal_name", sa.String(length=200), nullable=True))
    op.add_column("lenders", sa.Column("licence_role", sa.String(length=16), nullable=True))
    op.add_column("lenders", sa.Column("licensed_from", sa.Date(), nullable=True))
    op.add_column("lenders", sa.Column("licensed_until", sa.Date(), nullable=True))


def downgrade() -> None:
    for name in ("licensed_until", "licensed_from", "licence_role", "legal_name"):
        op.drop_column("lenders", name)
    op.drop_index("ix_loans_over_cap", "loans")
    op.drop_index("ix_loans_cap_unknown", "loans")
    op.drop_column("loans", "cap_unknown")
    op.drop_column("loans", "over_cap_minor")
    op.drop_column("loans", "stops")
    op.drop_table("interest_stops")
