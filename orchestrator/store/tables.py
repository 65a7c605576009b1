"""The database schema. Alembic's migrations bring a database to it; only this folder reads and writes it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

SCHEMA = "0007"
"""The migration whose result these tables are."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite's integers have 64 bits and its texts no limit whatever the type says, and to change a type there copies the
# table: its columns keep the types that they were made with.
Count: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""Type of what is counted: tokens, steps, sequences, attempts."""


def _name(length: int) -> TypeEngine[str]:
    """Type of a name that others give, which may be longer than anybody expects."""
    return String().with_variant(String(length), "sqlite")


sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("revision", String(16), nullable=False),
    Column("source", Text, nullable=False, doc="the sweep as canonical YAML"),
    Column("dataset", String(64), nullable=False),
    Column("unique_tokens", Count, nullable=False),
    Column("dropped", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("submitted_at", Float, nullable=False, doc="seconds since the epoch, of the latest submission"),
    Column("user", _name(64), nullable=False, server_default=""),
    Column("ceiling_flops", Float),
    Column("ceiling_seconds", Float),
    Column("held", String(16), doc="paused | cancelled; null is active"),
    Column("held_reason", Text, doc="why it is held; of an active sweep, what it waits for"),
    Column(
        "rounds", JSON(none_as_null=True), doc="what an adaptive sweep decided, a round each; null for a fixed grid"
    ),
    UniqueConstraint("name", "revision"),
    Index(None, "name", "submitted_at"),
)
"""One row a revision of a sweep; the name is a handle on the revision submitted last."""

runs = Table(
    "runs",
    metadata,
    Column("id", String(16), primary_key=True, doc="content hash of the configuration"),
    Column("config", JSON, nullable=False),
    Column("flops", Float, nullable=False),
    Column("predicted_seconds", Float),
    Column("state", String(16), nullable=False, index=True),
    Column("fence", Count, nullable=False, default=0, doc="number of the latest attempt"),
    Column("loss", Float),
    Column("bits_per_byte", Float),
    Column("seconds", Float, doc="training seconds over all attempts, without evaluation"),
    Column("result", JSON),
    Column("error", Text),
    Column("device", _name(128)),
    Column("finished_at", Float),
    Column("counted_from", Count, nullable=False, server_default="0", doc="attempts up to this one are forgiven"),
    Column("restarted", Count, nullable=False, server_default="0", doc="attempts up to this one are of a former rerun"),
    Column("micro_batch", Count, doc="sequences of a forward pass after memory ran out"),
    Column("alone", Integer, nullable=False, server_default="0", doc="whether a share of a GPU was too small for it"),
)
"""One row a run, shared by all sweeps that hold it."""

sweep_runs = Table(
    "sweep_runs",
    metadata,
    Column("sweep_id", ForeignKey("sweeps.id"), primary_key=True),
    Column("run_id", ForeignKey("runs.id"), primary_key=True, index=True),
    Column("position", Count, nullable=False),
    Column("role", String(16), nullable=False, doc="grid | check | validation"),
    Column("cell", JSON, nullable=False, doc="budget, size, recipe and shape as planned"),
)
"""Which runs a sweep consists of, in the plan's order."""

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("number", Count, primary_key=True),
    Column("driver_id", ForeignKey("drivers.id"), nullable=False),
    Column("worker", _name(64), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("cause", String(16)),
    Column("detail", Text),
    Column("seconds", Float, doc="for which it held its device, by a monotonic clock"),
    Column("flops", Float, doc="training FLOPs of the run when it ended, earlier attempts included"),
)
"""One row for each execution of a run."""

drivers = Table(
    "drivers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("boot_id", _name(64), nullable=False),
    Column("processes", JSON, nullable=False, doc="[pid, create time, name] of the driver's and Ray's processes"),
    Column("folder", Text, nullable=False, doc="Ray's temporary folder"),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("host", _name(255), nullable=False, server_default=""),
)
"""One row for each process that scheduled; one that did not end names what it may have left behind."""

scheduler = Table(
    "scheduler",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("identity", String(32), nullable=False, doc="of this database, so that workers of others are left alone"),
    Column("driver_id", ForeignKey("drivers.id"), doc="the fencing token: who may hand out runs"),
    Column("expires_at", Float, nullable=False, doc="by the database's clock"),
    Column("requests", Count, nullable=False, doc="grows whenever a user asks for something"),
)
"""One row: the lease of the one scheduler."""

charges = Table(
    "charges",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),
    Column("sweep_id", ForeignKey("sweeps.id"), nullable=False, index=True),
    Column("user", _name(64), nullable=False, index=True),
    Column("flops", Float, nullable=False, doc="reserved; spent once settled"),
    Column("seconds", Float, nullable=False, doc="device-seconds, reserved; spent once settled"),
    Column("settled_at", Float),
    Column("after_attempt", Count, nullable=False, server_default="0", doc="it pays for the attempts after this one"),
    Column("planned_flops", Float, nullable=False, server_default="0", doc="training FLOPs ever reserved by it"),
    Column("planned_seconds", Float, nullable=False, server_default="0", doc="device-seconds ever reserved by it"),
)
"""What runs may take from the ceilings, and took."""

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False, doc="reader | submitter | admin"),
    Column("group_name", String(64), nullable=False, doc="whose quota it shares; empty for none"),
    Column("made_at", Float, nullable=False),
    Column("closed_at", Float, doc="since when none of its tokens is let in"),
    Column("weight", Float, nullable=False, server_default="1", doc="of its share of the devices beside others'"),
    Column("quota_flops", Float),
    Column("quota_seconds", Float, doc="device-seconds"),
    Column("quota_sweeps", Integer, doc="unfinished sweeps at a time"),
)
"""One row for each user of a service."""

groups = Table(
    "account_groups",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("quota_flops", Float),
    Column("quota_seconds", Float, doc="device-seconds"),
    Column("quota_sweeps", Integer, doc="unfinished sweeps at a time"),
)
"""Quotas that the accounts of a group share."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True, doc="SHA-256 of the token, which itself is not stored"),
    Column("made_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    UniqueConstraint("account_id", "name"),
)
"""What users show to be let in."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("user", _name(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", _name(255), nullable=False, doc="the sweep, account or group that was changed"),
    Column("detail", Text, nullable=False),
    Column("address", _name(64), nullable=False),
    Column("request", String(32), nullable=False),
)
"""Every change that somebody asked for. Triggers refuse to change or delete a row."""

forecasts = Table(
    "forecasts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id"), nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("law_id", String(64), nullable=False),
    Column("flops", Float, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("prediction", JSON, nullable=False),
    Column("scored_at", Float),
    Column("loss", Float),
    Column("error", Float, doc="actual minus predicted loss"),
    Column("interval_score", Float),
    Column("inside", Integer),
    UniqueConstraint("run_id", "law_id"),
)
"""Stored predictions, made before their run was trained and scored when it landed."""

boards = Table(
    "boards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("user", _name(64), nullable=False, doc="who opened it"),
    Column("metric", String(16), nullable=False, doc="bits-per-byte | forecast"),
    Column("corpus", String(64), nullable=False, doc="content hash of the corpus; of the dataset for forecasts"),
    Column("flops", Float, nullable=False, doc="most training FLOPs of a run, or of all runs behind a forecast"),
    Column("unique_tokens", Count),
    Column("group_name", String(64), nullable=False, doc="whose members may enter; empty for everybody"),
    Column("entries", Integer, nullable=False, doc="most of one member"),
    Column("opened_at", Float, nullable=False),
    Column("closes_at", Float, nullable=False),
    Column("closed_at", Float, doc="set once, and never again"),
    Column("text", Text, nullable=False, doc="the hidden validation file, which nothing shows"),
    Column("target", Float, doc="budget that is forecast, FLOPs"),
    Column("target_shown", Integer, nullable=False, doc="whether it is shown before the board closes"),
    Column("baseline", JSON(none_as_null=True)),
    Column("outcome", JSON(none_as_null=True), doc="what decides on forecasts; null before it is known"),
)
"""Leaderboards."""

board_entries = Table(
    "board_entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("board_id", ForeignKey("boards.id"), nullable=False, index=True),
    Column("user", _name(64), nullable=False),
    Column("entered_at", Float, nullable=False),
    Column("runs", JSON, nullable=False, doc="ids of runs that differ by their seed alone"),
    Column("sweep", Text, nullable=False, doc="whose law made the forecast; empty where it was typed"),
    Column("flops", Float, doc="as counted again"),
    Column("scores", JSON, nullable=False, doc="bits per byte of each run"),
    Column("forecast", JSON(none_as_null=True), doc="N, D, loss and its interval"),
)
"""What members entered, checked and scored; never changed."""

calibrations = Table(
    "calibrations",
    metadata,
    Column("machine", _name(64), primary_key=True),
    Column("key", _name(64), primary_key=True),
    Column("measured_at", Float, nullable=False),
    Column("data", JSON, nullable=False),
)
"""What a machine was measured to do."""
