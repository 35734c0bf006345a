"""Escalations of arrears: where each loan stands, and why a step did or did not happen."""

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
