"""An address that opened a link waits for the borrower's yes: on the link, until there is an endpoint.

A link that was opened under the code before has no number to compare and does not bind any more: another is made. An engine
of the code before still binds at once what it is left to look up: stop it before the web processes are changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("endpoint_links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("check_code", sa.String(length=6), nullable=True))
        batch_op.add_column(sa.Column("address_sealed", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("ended_as", sa.String(length=12), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("endpoint_links", schema=None) as batch_op:
        batch_op.drop_column("ended_as")
        batch_op.drop_column("address_sealed")
        batch_op.drop_column("check_code")
