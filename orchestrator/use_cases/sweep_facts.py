"""What is known of a sweep's runs besides its law: how many are done, its data, and how its forecasts came out."""

from __future__ import annotations

from orchestrator.store import RunRecord
from orchestrator.use_cases.export import unique_tokens
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.trust import Facts
from orchestrator.use_cases.variant import variant_label


def facts_of_sweep(answers: SweepAnswers, variant: str = "") -> Facts:
    """What is known of the runs of one variant of a sweep."""
    sweep = answers.sweep
    name = " ".join(filter(None, (sweep.name, variant, answers.loss_key.text)))
    runs = [run for run in answers.runs if run.role == "grid" and _is_of(run, variant)]
    scored = [forecast for forecast in answers.forecasts if forecast.inside is not None]
    return Facts(
        name,
        done=sum(run.answered for run in runs),
        planned=len(runs),
        sweep=sweep.name,
        unique_tokens=unique_tokens(sweep, runs[0]) if runs else sweep.unique_tokens,
        epochs_max=answers.spec.epochs_max,
        forecasts_scored=len(scored),
        forecasts_inside=sum(bool(forecast.inside) for forecast in scored),
    )


def _is_of(run: RunRecord, variant: str) -> bool:
    combinations = run.cell.combinations if run.cell else ()
    return not variant or any(variant_label(values) == variant for values in combinations)
