"""what is entered on a board of forecasts is called a forecast"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    with op.batch_alter_table("board_entries") as entries:
        entries.alter_column("foretold", new_column_name="forecast")


def downgrade() -> None:
    """Take the schema back to the version before."""
    with op.batch_alter_table("board_entries") as entries:
        entries.alter_column("forecast", new_column_name="foretold")
