"""Contacts that people make, with what the law and the policy said of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "manual_contacts",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("contact_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("message_class", sa.String(length=16), nullable=False),
        sa.Column("loan_ids", sa.Text(), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=True),
        sa.Column("markers", sa.Text(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("overridden", sa.Text(), nullable=False),
        sa.Column("override_reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_manual_contacts_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_manual_contacts_lender_id_lenders")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_manual_contacts_contact_id_contacts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manual_contacts")),
    )
    op.create_index("ix_manual_contacts_contact_id", "manual_contacts", ["contact_id"], unique=True)
    op.create_index("ix_manual_contacts_borrower_id", "manual_contacts", ["borrower_id", "made_at", "id"])


def downgrade() -> None:
    op.drop_table("manual_contacts")
