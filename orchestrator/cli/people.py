"""The verbs about people: user add, ls, set, token, revoke and group; ledger; audit."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.opening import open_service, open_workspace
from orchestrator.cli.options import Output, check_positive
from orchestrator.cli.output import Format, emit_rows, print_lines, say
from orchestrator.people import LONGEST_DAYS, Quota, Role

USER_COLUMNS = ("user", "role", "group", "tokens", "quota_flops", "quota_hours", "quota_sweeps", "weight", "closed")
LEDGER_SHOWN = (
    "user", "sweep", "runs", "flops_planned", "flops_reserved", "flops_spent", "flops_refunded", "seconds_spent",
)  # fmt: skip
AUDIT_SHOWN = ("at", "user", "action", "subject", "detail", "address", "request")

User = Annotated[str, typer.Argument(metavar="USER", help="Name of the account.")]
Group = Annotated[str | None, typer.Option("--group", help="Group whose quota the account shares.")]
RoleOption = Annotated[Role | None, typer.Option("--role", help="What the account may do.")]
Token = Annotated[str, typer.Option("--token", help="What the token is called.")]
Days = Annotated[
    float | None, typer.Option("--days", max=LONGEST_DAYS, help="Days until the token expires. Default: it does not.")
]
QuotaFlops = Annotated[float | None, typer.Option("--flops", help="Quota of training FLOPs.")]
QuotaHours = Annotated[float | None, typer.Option("--hours", max=1e12, help="Quota of device-hours.")]
QuotaSweeps = Annotated[
    int | None, typer.Option("--sweeps", min=0, max=1_000_000, help="Quota of unfinished sweeps at a time.")
]


def add(
    user: User,
    role: Annotated[Role, typer.Option("--role", help="What the account may do.")] = Role.SUBMITTER,
    group: Group = None,
    token: Token = "first",
    days: Days = None,
) -> None:
    """Make an account, and print its first token.

    From the first account on, a service asks for a token, on loopback too.
    """
    from orchestrator.use_cases.accounts import add_user

    check_positive("--days", days)
    client = open_service()
    given = (user, role, group or "", token, days)
    _hand_out(user, client.add_user(*given) if client else add_user(open_workspace(), *given))


def token(
    user: User,
    token: Annotated[str, typer.Option("--token", help="What the token is called.")],
    days: Days = None,
) -> None:
    """Make another token of an account, and print it."""
    from orchestrator.use_cases.accounts import add_token

    check_positive("--days", days)
    client = open_service()
    _hand_out(user, client.add_token(user, token, days) if client else add_token(open_workspace(), user, token, days))


def change(
    user: User,
    role: RoleOption = None,
    group: Group = None,
    flops: QuotaFlops = None,
    hours: QuotaHours = None,
    sweeps: QuotaSweeps = None,
    weight: Annotated[
        float | None,
        typer.Option("--weight", min=0.01, max=100, help="Share of the devices beside others; 1 at first."),
    ] = None,
) -> None:
    """Change the role, the group, the quota or the weight of an account."""
    from orchestrator.use_cases.accounts import change_user

    check_positive("--weight", weight)
    quota, client = _quota(flops, hours, sweeps), open_service()
    if client:
        client.change_user(user, role=role, group=group, flops=flops, hours=hours, sweeps=sweeps, weight=weight)
    else:
        change_user(open_workspace(), user, role, group, quota, weight)
    say(f"user {user} is changed")


def revoke(
    user: User,
    token: Annotated[str | None, typer.Option("--token", help="The only token to revoke.")] = None,
) -> None:
    """Revoke a token, or close an account with all of its tokens.

    Its sweeps stay, and an admin can steer them.
    """
    from orchestrator.use_cases.accounts import revoke as end

    client = open_service()
    if client:
        client.revoke(user, token)
    else:
        end(open_workspace(), user, token)
    opens = f"isoflop user add {user} --token NAME opens it again, with a token of a new name"
    say(f"token {token} of {user} is revoked" if token else f"user {user} is closed; {opens}")


def group(
    name: Annotated[str, typer.Argument(metavar="GROUP", help="Name of the group.")],
    flops: QuotaFlops = None,
    hours: QuotaHours = None,
    sweeps: QuotaSweeps = None,
) -> None:
    """Set the quota that the accounts of a group share."""
    from orchestrator.use_cases.accounts import set_group

    quota, client = _quota(flops, hours, sweeps), open_service()
    if client:
        client.set_group(name, flops=flops, hours=hours, sweeps=sweeps)
    else:
        set_group(open_workspace(), name, quota)
    say(f"group {name} is changed")


def list_users(output: Output = Format.TABLE) -> None:
    """List the accounts with their tokens and quotas, then the groups."""
    from orchestrator.use_cases.accounts import users_json

    client = open_service()
    rows = client.users() if client else users_json(open_workspace(reading=True))
    if not rows and output is Format.TABLE:
        say("no account yet; make the first with: isoflop user add NAME --role admin")
        return
    emit_rows(rows, list(USER_COLUMNS), output, importance=USER_COLUMNS)


def ledger(
    user: Annotated[str | None, typer.Option("--user", help="Only what this user pays for.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show who planned, reserved, spent and got back how much.

    A line for each sweep. In FLOPs and in device-seconds, planned = reserved + spent + refunded.
    """
    from orchestrator.use_cases.ledgers import LEDGER_COLUMNS, ledger_rows

    client = open_service()
    rows = client.ledger() if client else ledger_rows(open_workspace(reading=True))
    rows = [row for row in rows if user in (None, row["user"])]
    columns = LEDGER_SHOWN if output is Format.TABLE else LEDGER_COLUMNS
    emit_rows(rows, columns, output, importance=LEDGER_SHOWN)


def audit(output: Output = Format.TABLE) -> None:
    """Show who changed what, from where and when, the latest first.

    Entries are never changed or deleted.
    """
    from orchestrator.use_cases.ledgers import AUDIT_COLUMNS, audit_rows

    client = open_service()
    rows = client.audit() if client else audit_rows(open_workspace(reading=True))
    columns = AUDIT_SHOWN if output is Format.TABLE else AUDIT_COLUMNS
    emit_rows(rows, columns, output, importance=AUDIT_SHOWN)


def _hand_out(user: str, secret: str) -> None:
    """Print a new token alone on standard output, and what to do with it."""
    print_lines([secret])
    say(f"this token of {user} is shown once: set ISOFLOP_TOKEN to it, or log in with it on the page")


def _quota(flops: float | None, hours: float | None, sweeps: int | None) -> Quota:
    """A quota as it was typed. Raises BadParameter."""
    check_positive("--flops", flops)
    check_positive("--hours", hours)
    return Quota(flops, None if hours is None else hours * 3600, sweeps)
