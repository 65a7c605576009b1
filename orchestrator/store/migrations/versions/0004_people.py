"""accounts, tokens, groups, the audit log, and what charges reserved"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = "the audit log is append-only"
"""What a database says to whoever would change a row of the log."""
QUOTAS = ("quota_flops", sa.Float), ("quota_seconds", sa.Float), ("quota_sweeps", sa.Integer)
"""Columns of a quota."""


def upgrade() -> None:
    """Bring the schema to this version."""
    for column in ("planned_flops", "planned_seconds"):
        op.add_column("charges", sa.Column(column, sa.Float(), nullable=False, server_default="0"))
    # What earlier charges had reserved is not known: they count as if nothing had been refunded.
    op.execute("UPDATE charges SET planned_flops = flops, planned_seconds = seconds")
    _add_accounts()
    _add_audit()


def _add_accounts() -> None:
    """The tables of accounts, their groups and their tokens."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("group_name", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float(), nullable=True),
        sa.Column("weight", sa.Float(), nullable=False, server_default="1"),
        *(sa.Column(name, kind(), nullable=True) for name, kind in QUOTAS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
    )
    op.create_table(
        "account_groups",
        sa.Column("name", sa.String(length=64), nullable=False),
        *(sa.Column(name, kind(), nullable=True) for name, kind in QUOTAS),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account_groups")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_tokens_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_tokens_account_id_name")),
    )
    op.create_index(op.f("ix_tokens_account_id"), "tokens", ["account_id"])


def _add_audit() -> None:
    """The audit log, whose rows nobody changes or deletes."""
    name = sa.String().with_variant(sa.String(64), "sqlite")
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("user", name, nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String().with_variant(sa.String(255), "sqlite"), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("address", name, nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{APPEND_ONLY}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_refuses_{change.lower()} BEFORE {change} ON audit "
            f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
        )


def downgrade() -> None:
    """Take the schema back to the version before."""
    op.drop_table("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuses()")
    for table in ("tokens", "account_groups", "accounts"):
        op.drop_table(table)
    for column in ("planned_seconds", "planned_flops"):
        with op.batch_alter_table("charges") as charges:
            charges.drop_column(column)
