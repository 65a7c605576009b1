"""leaderboards and what is entered"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAME = sa.String().with_variant(sa.String(64), "sqlite")
"""A name that others give."""
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A number of tokens."""


def upgrade() -> None:
    """Bring the schema to this version."""
    op.create_table(
        "boards",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("user", NAME, nullable=False),
        sa.Column("metric", sa.String(length=16), nullable=False),
        sa.Column("corpus", sa.String(length=64), nullable=False),
        sa.Column("flops", sa.Float(), nullable=False),
        sa.Column("unique_tokens", COUNT, nullable=True),
        sa.Column("group_name", sa.String(length=64), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Float(), nullable=name == "closed_at")
            for name in ("opened_at", "closes_at", "closed_at")
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("target", sa.Float(), nullable=True),
        sa.Column("target_shown", sa.Integer(), nullable=False),
        sa.Column("baseline", sa.JSON(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boards")),
        sa.UniqueConstraint("name", name=op.f("uq_boards_name")),
    )
    op.create_table(
        "board_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("board_id", sa.Integer(), nullable=False),
        sa.Column("user", NAME, nullable=False),
        sa.Column("entered_at", sa.Float(), nullable=False),
        sa.Column("runs", sa.JSON(), nullable=False),
        sa.Column("sweep", sa.Text(), nullable=False),
        sa.Column("flops", sa.Float(), nullable=True),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("foretold", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["board_id"], ["boards.id"], name=op.f("fk_board_entries_board_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_entries")),
    )
    op.create_index(op.f("ix_board_entries_board_id"), "board_entries", ["board_id"])


def downgrade() -> None:
    """Take the schema back to the version before."""
    op.drop_table("board_entries")
    op.drop_table("boards")
