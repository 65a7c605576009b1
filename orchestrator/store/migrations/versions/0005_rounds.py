"""the rounds of adaptive sweeps"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    op.add_column("sweeps", sa.Column("rounds", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Take the schema back to the version before."""
    with op.batch_alter_table("sweeps") as sweeps:
        sweeps.drop_column("rounds")
