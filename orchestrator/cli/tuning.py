"""The verb that searches a recipe's settings: tune."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.wording import format_count, format_flops, plural
from orchestrator.cli.destination import check_destination, write_text
from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output, Overrides, SweepFile, check_positive
from orchestrator.cli.output import Format, emit_json, emit_rows, print_table, say
from orchestrator.cli.planning import confirmed, sweep_path, train_or_follow

if TYPE_CHECKING:
    from orchestrator.store import SweepRecord
    from orchestrator.use_cases.planning import Planned
    from orchestrator.use_cases.tuning import TunedRecipe
    from orchestrator.use_cases.workspace import Workspace

_RULE_COLUMNS = ("setting", "value", "factor", "params", "params_half", "tokens", "tokens_half")


def tune(
    sweep: SweepFile,
    overrides: Overrides = None,
    spend: Annotated[
        float | None,
        typer.Option("--spend", help="Training FLOPs that all trials may spend. Default: a dozen trials of each cell."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="NAME", help="Name of the recipe. Default: the sweep's.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the recipe to this file, NAME.yaml.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before starting.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Search batch, rates, weight decay and warmup; write a recipe.

    Trials at the ends and the centre of a small and a middle budget give power laws of N and D, which a cell that was
    left out tests. Typed again, it continues where it stopped. Exit code 1 if the rules fail their test.
    """
    from orchestrator.use_cases.tuning import Tuning

    check_positive("--spend", spend)
    if out is not None:
        check_destination("--out", out)
    workspace = open_workspace()
    tuning = Tuning(workspace)
    name = tuning.recipe_name(sweep_path(sweep), overrides or [], recipe)
    planned = tuning.plan(sweep_path(sweep), overrides or [], spend)
    _show_search(planned)
    if not yes and not confirmed(planned):
        raise typer.Exit(130)
    record = train_or_follow(workspace, planned, "the trials")
    found = tuning.recipe(record, name)
    if found is None:
        _say_unfinished(workspace, record)
        raise typer.Exit(1)
    if out is not None:
        write_text(out, found.path.read_text(encoding="utf-8"))
    show_recipe(found, output)
    say(f"next:\n  {_following(sweep, overrides or [], planned, name)}")
    raise typer.Exit(0 if found.found.test.verdict == "passes" else 1)


def _say_unfinished(workspace: Workspace, record: SweepRecord) -> None:
    """Say why there is no recipe."""
    from orchestrator.use_cases.tuning import unfinished

    for line in unfinished(workspace, record):
        say(line)


def _show_search(planned: Planned) -> None:
    """Print the first round: how many trials of each cell, and what they cost."""
    from orchestrator.use_cases.tuning import cells_of

    rows = [
        {
            "budget": format_flops(cell.budget),
            "place": cell.place,
            "N": format_count(cell.matmul),
            "D": format_count(cell.tokens),
            "shape": cell.shape,
            "batch": cell.start.batch * cell.model.context,
            "lr": f"{cell.start.lr:.3g}",
        }
        for cell in cells_of(planned)
    ]
    print_table(rows, list(rows[0]), f"Cells of {planned.spec.name}, with the settings from which it starts")
    plan = planned.plan
    say(
        f"first round: {plural(len(plan.all_runs), 'trial')}, {format_flops(plan.flops)} of "
        f"{format_flops(planned.spec.tune.spend or 0.0)} FLOPs; searched: {', '.join(planned.spec.tune.search)}"
    )


def _following(sweep: str, overrides: list[str], planned: Planned, recipe: str) -> str:
    """The command that trains the sweep's grid with its tuned recipe, beside the grid that it has."""
    kept = [override for override in overrides if not override.startswith(("name=", "recipe", "tune"))]
    none = ["recipe_overrides={}"] if planned.spec.recipe_overrides else []
    name = f"name={planned.spec.name.removesuffix('-tune')}-tuned"
    return shlex.join(["isoflop", "run", sweep, *kept, name, f"recipe={recipe}", *none])


def show_recipe(tuned: TunedRecipe, output: Format) -> None:
    """Show a recipe: its rules, the cells, the test, and where it was written."""
    rows = [{"setting": name, **tuned.definition["rules"][name]} for name in tuned.found.names]
    if output is Format.JSON:
        emit_json({"recipe": tuned.name, "path": str(tuned.path), **tuned.definition})
    elif output is Format.CSV:
        emit_rows(rows, list(_RULE_COLUMNS), output)
    else:
        _show_tables(tuned)
    for edge in tuned.found.edges:
        say(f"warning: {edge}: start nearer to it, or tune again from this recipe (recipe={tuned.name})")
    say(_tested(tuned))
    say(f"written: {tuned.path}")


def _show_tables(tuned: TunedRecipe) -> None:
    """Print the rules with their intervals, and what each cell gained."""
    params, tokens = tuned.found.reference
    rules: list[dict[str, Any]] = [
        {
            "setting": name,
            "value": f"{rule.value:.4g} (×÷{rule.factor:.3g})",
            "exponent of N": f"{rule.params:+.3f} ± {rule.params_half:.2g}",
            "exponent of D": f"{rule.tokens:+.3f} ± {rule.tokens_half:.2g}",
        }
        for name, rule in zip(tuned.found.names, tuned.found.rules, strict=True)
    ]
    at = f"N = {format_count(params)} without embedding and head, D = {format_count(tokens)}"
    emit_rows(rules, list(rules[0]), Format.TABLE, f"Rules of recipe {tuned.name}: values at {at}; 95 % intervals")
    cells = [
        {
            "budget": format_flops(cell.budget),
            "place": cell.place,
            "N": format_count(cell.params),
            "trials": cell.trials,
            "diverged": cell.diverged,
            "start": _loss(cell.start_loss),
            "best": _loss(cell.best_loss),
            "expected": _loss(cell.lowest),
        }
        for cell in tuned.found.cells
    ]
    title = "Losses of the cells: the start's, the best trial's, and expected of the rules"
    emit_rows(cells, list(cells[0]), Format.TABLE, title)


def _loss(loss: float | None) -> str:
    return "–" if loss is None else f"{loss:.3f}"


def _tested(tuned: TunedRecipe) -> str:
    """The test of the rules in a sentence."""
    test = tuned.found.test
    where = f"{format_flops(test.flops)} FLOPs, N {format_count(test.params)}, which was left out"
    if test.gap is None or test.rule_loss is None:
        return f"test at {where}: the rules have no loss"
    return (
        f"test at {where}: the rules {'pass' if test.verdict == 'passes' else 'fail'}: loss {test.rule_loss:.3f}, "
        f"{test.gap:.3f} above the best of {plural(test.runs, 'run')} around it, where {test.threshold:.3f} is allowed"
    )
