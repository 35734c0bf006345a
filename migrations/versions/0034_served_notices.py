"""Notices of law that were served, and how that is known; when a letter was printed, posted, delivered, or came back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_LEADING_LOAN = """
    UPDATE letters SET loan_id = (
        SELECT d.loan_id FROM decisions d JOIN messages m ON m.contact_id = d.contact_id
        WHERE m.id = letters.message_id
        ORDER BY CASE WHEN d.outcome = 'SENT' THEN 0 ELSE 1 END, d.id LIMIT 1
    )
"""
_TIMES = ("printed_at", "posted_at", "delivered_at", "returned_at")


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "served_notices",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("message_id", ident, nullable=False),
        sa.Column("said_sha256", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_served_notices")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_served_notices_borrower_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_served_notices_loan_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_served_notices_message_id")),
    )
    op.create_index("ix_served_notices_key", "served_notices", ["key"], unique=True)
    op.create_index("ix_served_notices_loan_id", "served_notices", ["loan_id", "kind"])
    op.create_index("ix_served_notices_borrower_id", "served_notices", ["borrower_id"])
    op.create_index("ix_served_notices_message_id", "served_notices", ["message_id"], unique=True)
    op.create_table(
        "delivery_proofs",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("message_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=False),
        sa.Column("reference_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("attachment_id", ident, nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_proofs")),
        sa.UniqueConstraint("message_id", "kind", name=op.f("uq_delivery_proofs_message_id_kind")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_delivery_proofs_borrower_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_delivery_proofs_message_id")),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachments.id"], name=op.f("fk_delivery_proofs_attachment_id")),
    )
    op.create_index("ix_delivery_proofs_borrower_id", "delivery_proofs", ["borrower_id"])
    for name in _TIMES:
        op.add_column("letters", sa.Column(name, sa.BigInteger(), nullable=True))
    with op.batch_alter_table("letters") as letters:
        letters.add_column(sa.Column("answer_by", sa.Date(), nullable=True))
        letters.add_column(sa.Column("lender_id", ident, nullable=True))
        letters.add_column(sa.Column("loan_id", ident, nullable=True))
        letters.create_foreign_key("fk_letters_lender_id", "lenders", ["lender_id"], ["id"])
        letters.create_foreign_key("fk_letters_loan_id", "loans", ["loan_id"], ["id"])
    op.create_index("ix_letters_lender_id", "letters", ["lender_id", "created_at", "id"])
    op.execute(_LEADING_LOAN)
    op.execute("UPDATE letters SET lender_id = (SELECT l.lender_id FROM loans l WHERE l.id = letters.loan_id)")
    for name, state in (("delivered_at", "delivered"), ("returned_at", "returned"), ("posted_at", "in_transit")):
        op.execute(f"UPDATE letters SET {name} = changed_at WHERE state = '{state}'")  # noqa: S608


def downgrade() -> None:
    op.drop_index("ix_letters_lender_id", "letters")
    with op.batch_alter_table("letters") as letters:
        letters.drop_constraint("fk_letters_loan_id", type_="foreignkey")
        letters.drop_constraint("fk_letters_lender_id", type_="foreignkey")
        letters.drop_column("loan_id")
        letters.drop_column("lender_id")
        letters.drop_column("answer_by")
    for name in reversed(_TIMES):
        op.drop_column("letters", name)
    op.drop_table("delivery_proofs")
    op.drop_table("served_notices")
