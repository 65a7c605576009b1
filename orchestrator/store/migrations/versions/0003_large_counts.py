"""large counts, and what attempts and charges pay for"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COUNTS = {
    "sweeps": ("unique_tokens",),
    "runs": ("fence", "counted_from", "restarted", "micro_batch"),
    "sweep_runs": ("position",),
    "attempts": ("number",),
    "scheduler": ("requests",),
}
"""Columns that grow beyond 32 bits."""
NAMES = {
    "sweeps": {"user": 64},
    "runs": {"device": 128},
    "attempts": {"worker": 64},
    "drivers": {"boot_id": 64, "host": 255},
    "charges": {"user": 64},
    "calibrations": {"machine": 64, "key": 64},
}
"""Columns with names that others give, and their former lengths."""


def upgrade() -> None:
    """Bring the schema to this version."""
    if op.get_bind().dialect.name == "postgresql":  # SQLite limits neither
        for table, columns in COUNTS.items():
            for column in columns:
                op.alter_column(table, column, type_=sa.BigInteger(), existing_type=sa.Integer())
        for table, lengths in NAMES.items():
            for column, length in lengths.items():
                op.alter_column(table, column, type_=sa.String(), existing_type=sa.String(length))
    count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("runs", sa.Column("alone", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("flops", sa.Float(), nullable=True))
    op.add_column("charges", sa.Column("after_attempt", count, nullable=False, server_default="0"))
    # An open charge pays for the attempts that counted until now.
    op.execute(
        "UPDATE charges SET after_attempt = (SELECT counted_from FROM runs WHERE runs.id = charges.run_id) "
        "WHERE settled_at IS NULL"
    )


def downgrade() -> None:
    """Take the schema back to the version before."""
    for table, column in (("charges", "after_attempt"), ("attempts", "flops"), ("runs", "alone")):
        with op.batch_alter_table(table) as altered:
            altered.drop_column(column)
    if op.get_bind().dialect.name == "postgresql":
        for table, columns in COUNTS.items():
            for column in columns:
                op.alter_column(table, column, type_=sa.Integer(), existing_type=sa.BigInteger())
        for table, lengths in NAMES.items():
            for column, length in lengths.items():
                op.alter_column(table, column, type_=sa.String(length), existing_type=sa.String())
