"""leases, holds and charges"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    with op.batch_alter_table("sweeps") as sweeps:
        sweeps.add_column(sa.Column("user", sa.String(length=64), nullable=False, server_default=""))
        sweeps.add_column(sa.Column("ceiling_flops", sa.Float(), nullable=True))
        sweeps.add_column(sa.Column("ceiling_seconds", sa.Float(), nullable=True))
        sweeps.add_column(sa.Column("held", sa.String(length=16), nullable=True))
        sweeps.add_column(sa.Column("held_reason", sa.Text(), nullable=True))
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("counted_from", sa.Integer(), nullable=False, server_default="0"))
        runs.add_column(sa.Column("restarted", sa.Integer(), nullable=False, server_default="0"))
        runs.add_column(sa.Column("micro_batch", sa.Integer(), nullable=True))
    with op.batch_alter_table("attempts") as attempts:
        attempts.add_column(sa.Column("seconds", sa.Float(), nullable=True))
    with op.batch_alter_table("drivers") as drivers:
        drivers.add_column(sa.Column("host", sa.String(length=255), nullable=False, server_default=""))
    scheduler = op.create_table(
        "scheduler",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("driver_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["driver_id"], ["drivers.id"], name=op.f("fk_scheduler_driver_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduler")),
    )
    row = {"id": 1, "identity": secrets.token_hex(8), "driver_id": None, "expires_at": 0.0, "requests": 0}
    op.bulk_insert(scheduler, [row])
    op.create_table(
        "charges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=16), nullable=False),
        sa.Column("sweep_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("flops", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_charges_run_id")),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_charges_sweep_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charges")),
    )
    for column in ("run_id", "sweep_id", "user"):
        op.create_index(op.f(f"ix_charges_{column}"), "charges", [column])


def downgrade() -> None:
    """Take the schema back to the version before."""
    op.drop_table("charges")
    op.drop_table("scheduler")
    for table, columns in (
        ("drivers", ["host"]),
        ("attempts", ["seconds"]),
        ("runs", ["counted_from", "restarted", "micro_batch"]),
        ("sweeps", ["user", "ceiling_flops", "ceiling_seconds", "held", "held_reason"]),
    ):
        with op.batch_alter_table(table) as altered:
            for column in columns:
                altered.drop_column(column)
