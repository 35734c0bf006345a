"""Changes of contact data that wait for proof and for their cool-off; payments and waivers of the desk."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('proposed', 'cooling_off')")
_KEPT = sa.text("keeps_until IS NOT NULL")
_COUNTS = sa.text("state IN ('waiting', 'booked')")


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")

    def owned(table: str) -> list[sa.ForeignKeyConstraint]:
        owners = {"borrower_id": "borrowers", "loan_id": "loans", "lender_id": "lenders"}
        return [
            sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
            for column, other in owners.items()
            if (table, column) != ("contact_changes", "loan_id")
        ]

    op.create_table(
        "desk_payments",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("method", sa.String(length=12), nullable=False),
        sa.Column("receipt", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("is_another", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("requested_by", sa.String(length=90), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("reversed_by", sa.String(length=90), nullable=True),
        sa.Column("reversed_at", sa.BigInteger(), nullable=True),
        sa.Column("entry_id", ident, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        *owned("desk_payments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_payments")),
    )
    op.create_index(
        "uq_desk_payments_receipt", "desk_payments", ["lender_id", "receipt"], unique=True, sqlite_where=_COUNTS,
        postgresql_where=_COUNTS,
    )  # fmt: skip
    op.create_index("ix_desk_payments_borrower_id", "desk_payments", ["borrower_id", "requested_at"])
    op.create_index("ix_desk_payments_lender_id", "desk_payments", ["lender_id", "state", "requested_at"])
    op.create_table(
        "waivers",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), nullable=False),
        sa.Column("fees_minor", sa.BigInteger(), nullable=False),
        sa.Column("penalties_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("requested_by", sa.String(length=90), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("declined_reason", sa.String(length=200), nullable=True),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("entry_id", ident, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        *owned("waivers"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waivers")),
    )
    op.create_index("ix_waivers_borrower_id", "waivers", ["borrower_id", "requested_at"])
    op.create_index("ix_waivers_loan_id", "waivers", ["loan_id", "state", "effective_on"])
    op.create_index("ix_waivers_lender_id", "waivers", ["lender_id", "state", "requested_at"])
    op.create_table(
        "desk_entries",
        sa.Column("entry_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=True),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("receipt", sa.String(length=64), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("told_as", sa.String(length=120), nullable=True),
        sa.Column("reversed_at", sa.BigInteger(), nullable=True),
        *owned("desk_entries"),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_desk_entries")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_desk_entries_lender_id_reference")),
    )
    op.create_index("ix_desk_entries_loan_id", "desk_entries", ["loan_id"])
    op.create_table(
        "contact_changes",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("new_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("new_digest", sa.String(length=64), nullable=False),
        sa.Column("old_digest", sa.String(length=64), nullable=True),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("proposed_by", sa.String(length=90), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("challenge_id", ident, nullable=True),
        sa.Column("codes_sent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("prove_until", sa.BigInteger(), nullable=False),
        sa.Column("proof", sa.String(length=12), nullable=True),
        sa.Column("proved_by", sa.String(length=90), nullable=True),
        sa.Column("proved_at", sa.BigInteger(), nullable=True),
        sa.Column("grounds_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("effective_at", sa.BigInteger(), nullable=True),
        sa.Column("took_effect_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=90), nullable=True),
        sa.Column("ended_reason", sa.String(length=40), nullable=True),
        sa.Column("keeps_until", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        *owned("contact_changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_changes")),
    )
    op.create_index(
        "uq_contact_changes_open", "contact_changes", ["borrower_id", "kind"], unique=True, sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_index("ix_contact_changes_borrower_id", "contact_changes", ["borrower_id", "proposed_at"])
    op.create_index(
        "ix_contact_changes_kept", "contact_changes", ["borrower_id"], sqlite_where=_KEPT, postgresql_where=_KEPT
    )
    # With their defaults for code of the version before, which writes none of them.
    op.add_column("loans", sa.Column("desk_untold_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("otp_challenges", sa.Column("purpose", sa.String(length=16), server_default="sign_in", nullable=False))
    op.add_column("otp_challenges", sa.Column("address_kind", sa.String(length=8), server_default="phone", nullable=False))


def downgrade() -> None:
    for table, column in (("otp_challenges", "address_kind"), ("otp_challenges", "purpose"), ("loans", "desk_untold_minor")):
        op.drop_column(table, column)  # in place: a copy of the table could not be put where rows of others point
    for name in ("contact_changes", "desk_entries", "waivers", "desk_payments"):
        op.drop_table(name)
