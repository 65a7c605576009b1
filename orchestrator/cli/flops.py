"""The verb `flops`: where the FLOPs of a token go, and the N* that each way of counting reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.wording import format_count, format_flops
from orchestrator.cli import options
from orchestrator.cli.destination import check_destination
from orchestrator.cli.options import Output, Variant, check_positive
from orchestrator.cli.output import Format, emit_json, emit_rows, say
from orchestrator.cli.sources import Source

if TYPE_CHECKING:
    from analysis.answers.conventions import ConventionOptimum, Floats, Loss
    from model.config import ModelConfig

DECADES = tuple(10.0**power for power in range(5, 13))
"""Sizes N shown by default, parameters."""
POINTS = 140
"""Sizes along the chart."""
PUBLISHED_BUDGETS = (1e14, 1e16, 1e18, 1e20, 1e22, 1e24)
"""Budgets at which a published law answers by default, FLOPs."""
NARROW = 256
"""Below this width OLMo's ladder continues with heads of 16, down to the sizes that small sweeps train."""
MOST = 10_000_000
"""Largest vocabulary and longest context."""
LARGEST = 3e12
"""N at which ladders end, parameters."""

MaybeRecipe = Annotated[
    str, typer.Option("--recipe", help="Recipe whose shapes are used. Default: OLMo's, from width 16.")
]
Parts = Annotated[
    list[str] | None,
    typer.Option("--model", help="Part of the model, such as kv_heads=4 or mlp=relu2; several may be given."),
]
LawName = Annotated[str, typer.Option("--law", help="Published law to use where neither sweep nor table is given.")]


def flops(
    sweep: options.MaybeSweep = None,
    csv: options.Csv = None,
    params: Annotated[list[float] | None, typer.Option("--params", help="Sizes N; several may be given.")] = None,
    budgets: Annotated[
        list[float] | None, typer.Option("--flops", help="Budgets at which N* is compared; several may be given.")
    ] = None,
    law: LawName = "besiroglu2024",
    recipe: MaybeRecipe = "",
    model: Parts = None,
    vocab: Annotated[int, typer.Option("--vocab", min=2, max=MOST, help="Entries of the vocabulary.")] = 4096,
    context: Annotated[int, typer.Option("--context", min=2, max=MOST, help="Tokens of a sequence.")] = 1024,
    variant: Variant = "",
    out: options.Chart = None,
    output: Output = Format.TABLE,
) -> None:
    """Show where FLOPs go, and N* in each way of counting.

    The FLOPs of a token are split into attention, MLP and head by size; N* and its exponent follow each convention.

    A sweep answers with its own law and shapes, a table with its law; without either, a published law answers.
    """
    check_positive("--params", *(params or ()))
    check_positive("--flops", *(budgets or ()))
    if out is not None:
        check_destination("--out", out, makes_folders=True)
    if sweep is not None and model:
        raise typer.BadParameter("a sweep has its own parts: leave --model out", param_hint="--model")
    subject = _ask(sweep, csv, law, variant, _Ladder(recipe, vocab, context, _parts(model or ())))
    rows = [_size_row(shape) for shape in subject.nearest(params or DECADES)]
    found = subject.optima(budgets or subject.budgets)
    if out is not None:
        _draw(subject, out)
    if output is Format.JSON:
        emit_json({"sizes": rows, "law": subject.law, "conventions": [asdict(one) for one in found]})
    elif output is Format.CSV:
        emit_rows(rows, list(rows[0]), output)
    else:
        shares, compared = _shown(rows), _compared(found)
        emit_rows(shares, list(shares[0]), output, f"Shares of a token's training FLOPs. {subject.caption}")
        emit_rows(compared, list(compared[0]), output, f"N* as each convention counts it, by the law of {subject.law}")


@dataclass(frozen=True)
class _Subject:
    """A law and the ladder of shapes on which it answers."""

    law: str
    """Its name for people."""
    loss: Loss
    """The loss as a function of N and D."""
    counts: str
    """How its N is counted."""
    budgets: tuple[float, ...]
    """Budgets at which it answers by default, FLOPs."""
    rungs: tuple[ModelConfig, ...]
    """The ladder, ascending."""
    caption: str
    """Which recipe, vocabulary and context the ladder has."""

    def nearest(self, targets: Sequence[float]) -> tuple[ModelConfig, ...]:
        """The shapes nearest to sizes, each once."""
        from model.flops import count_parameters

        sizes = [(math.log(count_parameters(rung).matmul), rung) for rung in self.rungs]
        near = (min(sizes, key=lambda size: abs(size[0] - math.log(max(target, 1.0)))) for target in targets)
        return tuple(dict.fromkeys(rung for _, rung in near))

    def optima(self, budgets: Sequence[float]) -> list[ConventionOptimum]:
        """The optimum of each budget under each convention."""
        from analysis.answers.conventions import counted, optima
        from model.flops import flops_per_token_by, params_by

        sizes = [params_by(rung) for rung in self.rungs]
        costs = [flops_per_token_by(rung) for rung in self.rungs]
        return optima(self.loss, [size[self.counts] for size in sizes], counted(sizes, costs), budgets)


@dataclass(frozen=True)
class _Ladder:
    """The shapes that the options name where there is no sweep."""

    recipe: str
    """Name of the recipe; without one OLMo's, continued to narrow widths."""
    vocab: int
    """Entries of the vocabulary."""
    context: int
    """Tokens of a sequence."""
    parts: Mapping[str, object]
    """Parts of the model that the recipe leaves open."""

    def rungs(self) -> tuple[tuple[ModelConfig, ...], str]:
        """The shapes and their caption. Raises BadParameter where none can be built."""
        from sweeps.recipes.ladder import ladder
        from sweeps.recipes.registry import get_recipe

        size = (self.vocab, self.context, self.parts)
        if self.recipe:
            rungs = ladder(get_recipe(self.recipe), *size, upto=LARGEST)
        else:
            fine = get_recipe("porian-olmo", {"width_step": 16, "head_size": 16, "ff_step": 16})
            narrow = (rung for rung in ladder(fine, *size, upto=LARGEST) if rung.d_model < NARROW)
            wide = (rung for rung in ladder(get_recipe("porian-olmo"), *size, upto=LARGEST) if rung.d_model >= NARROW)
            rungs = (*narrow, *wide)
        name = self.recipe or "porian-olmo"
        if not rungs:
            raise typer.BadParameter(f"recipe {name} can build no model with these parts", param_hint="--model")
        return rungs, f"Shapes of {name}, vocabulary {self.vocab:,}, context {self.context:,}."


def _parts(texts: Sequence[str]) -> dict[str, object]:
    """The parts of a model from `key=value` texts. Raises BadParameter."""
    from sweeps.file.check_recipe import model_problems
    from sweeps.file.parse import plain_scalar
    from sweeps.file.spec import SweepSpec

    parts: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r}: write KEY=VALUE, such as kv_heads=4", param_hint="--model")
        try:
            parts[key] = plain_scalar(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--model") from None
    for problem in model_problems(SweepSpec(name="flops", model=parts)):
        named = problem.message if problem.key in problem.message else f"{problem.key} {problem.message}"
        raise typer.BadParameter(named, param_hint="--model")
    return parts


def _ask(sweep: str | None, csv: Path | None, law: str, variant: str, shapes: _Ladder) -> _Subject:
    """The law that the options name, with the ladder on which it answers. Raises LawError, NotFound."""
    from sweeps.recipes.ladder import ladder

    if sweep is None and csv is None:
        loss, name, budgets = _published(law)
        return _Subject(name, loss, "chinchilla", budgets, *shapes.rungs())
    from analysis.figures.surface import surface_loss

    source = Source(sweep, csv, variant=variant)
    fitted = source.law
    low, high = fitted.smallest_budget, fitted.largest_budget
    budgets = (low, math.sqrt(low * high), high, 10 * high, 100 * high)

    def loss_of(params: Floats, tokens: Floats) -> Floats:
        return surface_loss(fitted, params, tokens)

    if sweep is None:
        return _Subject(f"{csv}, its N taken as isoflop's", loss_of, "isoflop", budgets, *shapes.rungs())
    answers = source.answers
    s = answers.setting(answers.variant(variant))
    caption = f"Shapes of {s.recipe.name}, vocabulary {s.vocab:,}, context {s.context:,}."
    rungs = ladder(s.recipe, s.vocab, s.context, s.parts, upto=LARGEST)
    return _Subject(f"sweep {sweep}", loss_of, "isoflop", budgets, rungs, caption)


def _published(name: str) -> tuple[Loss, str, tuple[float, ...]]:
    """The loss of a published law that has a surface, its authors, and its budgets. Raises BadParameter."""
    from analysis.answers.published import PUBLISHED

    known = [law.name for law in PUBLISHED.values() if law.surface is not None]
    if name not in known:
        raise typer.BadParameter(f"no published surface {name!r}; known: {', '.join(known)}", param_hint="--law")
    return PUBLISHED[name].losses, PUBLISHED[name].source.partition(",")[0], PUBLISHED_BUDGETS


def _size_row(model: ModelConfig) -> dict[str, Any]:
    """A shape, its counts, the FLOPs of its parts, and F/N in every convention."""
    from model.flops import count_parameters, flops_by_part, flops_per_token, flops_per_token_by
    from sweeps.plan.plan import describe

    counts, total = count_parameters(model), flops_per_token(model)
    return {
        "shape": describe(model),
        "params": counts.matmul,
        "params_total": counts.total,
        "params_nonembedding": counts.nonembedding,
        "flops_per_token": total,
        "share": {part: value / total for part, value in flops_by_part(model).items()},
        "flops_per_param": {name: value / counts.matmul for name, value in flops_per_token_by(model).items()},
    }


def _shown(rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows of sizes as a table shows them."""
    return [
        {
            "N": format_count(row["params"]),
            "all": format_count(row["params_total"]),
            "shape": row["shape"],
            "FLOPs per token": format_flops(row["flops_per_token"]),
            **{part.replace("attention_", "att. "): f"{share:.1%}" for part, share in row["share"].items()},
            **{f"F/N {name}": f"{value:.2f}" for name, value in row["flops_per_param"].items()},
        }
        for row in rows
    ]


def _compared(found: Sequence[ConventionOptimum]) -> list[dict[str, str]]:
    """One row per convention: N* and the local exponent at each budget."""
    rows: dict[str, dict[str, str]] = {}
    for one in found:
        row = rows.setdefault(one.convention, {"convention": one.convention})
        known = math.isfinite(one.params)
        row[f"N* at {format_flops(one.flops)}"] = format_count(one.params) if known else "–"
    for one in found:
        shown = f"{one.exponent:.3f}" if math.isfinite(one.exponent) else "–"
        rows[one.convention][f"exponent {format_flops(one.flops)}"] = shown
    return list(rows.values())


def _draw(subject: _Subject, out: Path) -> None:
    """Both charts into one file."""
    from analysis.figures import save
    from analysis.figures.flops import Size, flops_picture
    from model.flops import count_parameters, flops_by_part
    from sweeps.plan.plan import describe

    models = subject.nearest([10 ** (5 + 7 * step / (POINTS - 1)) for step in range(POINTS)])
    sizes = [Size(count_parameters(m).matmul, flops_by_part(m), describe(m), m.n_layers) for m in models]
    low, high = subject.budgets[0], subject.budgets[-1]
    budgets = [low * (high / low) ** (step / 32) for step in range(33)]
    save(flops_picture(sizes, subject.optima(budgets), subject.law, subject.caption), out)
    say(f"written: {out}")
