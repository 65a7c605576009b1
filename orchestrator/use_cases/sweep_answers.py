"""What one sweep's runs answer: a law for each combination of varied values, with its recipe's shapes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.answers.ask import Question, Reply, ask, within_data
from analysis.answers.best_value import FEWEST_VALUES, BestValue, best_values
from analysis.answers.compare import Comparison, Side, bytes_per_token, compare
from analysis.answers.counts import Counts
from analysis.answers.next_runs import Outlook, outlook
from analysis.answers.recipe_check import with_check
from analysis.held_out import held_out
from analysis.law import Law, fit
from analysis.records import BuildableShape, LawError, Prediction, QuestionError
from analysis.suggest.course import Course
from analysis.table.table import RunTable
from analysis.wording import join_words
from model.flops import count_parameters
from orchestrator.store import RunRecord, StoredForecast, SweepRecord
from orchestrator.use_cases.export import columns_of_sets, dataset_tokens, run_table
from orchestrator.use_cases.loss_key import LOSS, MAIN, LossKey
from orchestrator.use_cases.ngrams import stored_ngrams
from orchestrator.use_cases.shapes import buildable_shape, token_cost
from orchestrator.use_cases.validation_texts import texts_of
from orchestrator.use_cases.variant import Variant, checks_of, variant_label
from sweeps.file.compose import load_sweep
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import Combination
from sweeps.plan.grid import Setting, setting_of
from sweeps.plan.rounds import course_of
from sweeps.recipes.ladder import ladder, shape

CONVENTION = "N: matmul parameters, head included, look-up not; C = D · (6 N + 6 L d T)"
"""What N and C count in every sweep."""
LARGEST = 1e10
"""Parameters of the largest of the recipe's shapes that are counted."""


class SweepAnswers:
    """What can be answered from a sweep's runs, which are read once; each law is fitted once."""

    def __init__(
        self,
        sweep: SweepRecord,
        runs: Sequence[RunRecord],
        artifacts: Path,
        forecasts: Sequence[StoredForecast] = (),
        *,
        texts: Mapping[str, str] | None = None,
        loss_key: LossKey = MAIN,
    ) -> None:
        """Answers from `runs`, those of `sweep` in the order of its plan.

        `artifacts` is the folder of its datasets; where that is on another machine, `texts` is what `texts` was there.
        `loss_key` is the loss that is answered about; `on` sets it.
        """
        self.sweep = sweep
        """The sweep."""
        self.loss_key = loss_key
        """The loss that is answered about."""
        self._stored_runs = runs
        self.runs = [loss_key.scored(run) for run in runs] if loss_key.text else runs
        """Its runs in the order of the plan, with the loss that is answered about."""
        self.stored = forecasts
        """Its stored forecasts, of whichever loss."""
        self.forecasts = loss_key.forecasts(forecasts)
        """Those of the loss that is answered about."""
        self._artifacts = artifacts
        self._texts = texts
        self._fits: dict[tuple[str, bool], Law] = {}
        self._bare: dict[str, Law] = {}
        self._others: dict[LossKey, SweepAnswers] = {}

    def __getstate__(self) -> dict[str, object]:
        """What travels to another process, as it is now: other threads may add what they find meanwhile."""
        return dict(self.__dict__) | {"_fits": dict(self._fits), "_bare": dict(self._bare), "_others": {}}

    def on(self, loss_key: str) -> SweepAnswers:
        """What the same runs answer about another of their losses, such as `loss.code`. Raises QuestionError."""
        key = LossKey.of(loss_key, self.sets) if loss_key else MAIN
        if key == self.loss_key:
            return self
        if key not in self._others:
            arguments = (self.sweep, self._stored_runs, self._artifacts, self.stored)
            self._others[key] = SweepAnswers(*arguments, texts=self._texts, loss_key=key)
        return self._others[key]

    @cached_property
    def sets(self) -> tuple[str, ...]:
        """Names of the further validation sets on which its runs are scored."""
        corpus = self.spec.corpus
        return (*(domain.name for domain in corpus.mix), *corpus.validation)

    @property
    def name(self) -> str:
        """Name and revision, `name@revision`."""
        return f"{self.sweep.name}@{self.sweep.revision}"

    @property
    def loss_keys(self) -> tuple[str, ...]:
        """Keys of the losses per token that its runs are scored by, the first of the validation text."""
        return ("", *(f"{LOSS}.{name}" for name in self.sets))

    @cached_property
    def table(self) -> pd.DataFrame:
        """All runs, one row for each, in the columns of `isoflop export`."""
        return run_table(self.sweep, self.runs)

    @cached_property
    def spec(self) -> SweepSpec:
        """The sweep as it was submitted."""
        return load_sweep(self.sweep.source, name_of_text=self.name)

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The runs of the grid by combination of varied values, in the order of the sweep file.

        Raises LawError if there is nothing to fit yet, and for a tuning.
        """
        groups: dict[str, tuple[Mapping[str, Any], list[RunRecord]]] = {}
        for run in self.runs:
            for values in run.cell.combinations if run.cell and run.role == "grid" else ():
                groups.setdefault(variant_label(values), (values, []))[1].append(run)
        if not groups and self.spec.tune.on:
            raise LawError(f"sweep {self.sweep.name} searches settings and gives no law: train one with its recipe")
        found = [Variant(values, tuple(runs), self._table(runs)) for values, runs in groups.values()]
        return tuple(sorted(found, key=lambda variant: [self._rank(a, v) for a, v in variant.values.items()]))

    def _table(self, runs: Sequence[RunRecord]) -> RunTable:
        """Some runs as a table that can be fitted. Raises LawError."""
        frame = run_table(self.sweep, runs)
        frame = frame.drop(columns=columns_of_sets(runs))
        return RunTable.from_frame(frame, convention=CONVENTION, loss_unit=self.loss_key.unit)

    def _rank(self, axis: str, value: Any) -> int:
        """Place of a value among those of the sweep file, behind them if it is not one of them."""
        values = self.spec.vary.get(axis, [])
        return values.index(value) if value in values else len(values)

    def fit(self, variant: Variant, *, holdout: bool = True) -> Law:
        """The law of a variant, with its recipe's exact FLOPs per token as a function of N; fitted once.

        With `holdout` each later budget is predicted from the smaller ones, too. Raises LawError.
        """
        # A law with its hold-out serves where none is needed, too.
        key = variant.label, holdout or (variant.label, True) in self._fits
        if key not in self._fits:
            self._fits[key] = self.completed(variant, self._fitted(variant, holdout))
        return self._fits[key]

    def completed(self, variant: Variant, law: Law) -> Law:
        """A law that was fitted to a variant's table, with its dataset's n-grams and the check of its recipe."""
        if self.loss_key == MAIN:
            law = replace(law, ngrams=stored_ngrams(self._artifacts / variant.dataset, self.setting(variant).context))
        trials = list(checks_of(variant, self.runs))
        return with_check(law, trials) if trials else law

    def _fitted(self, variant: Variant, holdout: bool) -> Law:
        """The law of its table; where that is fitted without the hold-out already, this is added alone."""
        if holdout and variant.label in self._bare:
            return held_out(self._bare[variant.label], variant.table)
        cost = token_cost(self.setting(variant))
        if holdout:
            return fit(variant.table, cost=cost)
        return self._bare.setdefault(variant.label, fit(variant.table, cost=cost, holdout=False))

    def outlook(self, label: str = "") -> Outlook | None:
        """What further runs would buy for the law of a variant; None where that cannot be said. Raises LawError."""
        variant = self.variant(label)
        law = self.fit(variant)
        with contextlib.suppress(LawError):
            return outlook(law, variant.table)
        return None

    def course(self) -> Course | None:
        """How an adaptive sweep narrowed its answer; None for a fixed grid, and before the first round is complete."""
        return course_of(self.sweep.rounds, self.spec.adaptive) if self.sweep.rounds else None

    def law(self, label: str = "") -> Law:
        """The law of a variant by its label. Raises LawError."""
        return self.fit(self.variant(label))

    def has_law(self, label: str = "") -> bool:
        """Whether the law of a variant is fitted already."""
        return (label, True) in self._fits

    def keep_law(self, label: str, law: Law) -> None:
        """Take the law of a variant that was fitted from the same runs elsewhere."""
        self._fits[label, True] = law

    def laws(self) -> dict[str, Law]:
        """The law of each variant by its label. Raises LawError."""
        return {variant.label: self.fit(variant) for variant in self.variants}

    def dataset(self, label: str = "") -> str:
        """The dataset of a variant's runs; the sweep's where the variant has none that can be fitted."""
        with contextlib.suppress(LawError):
            return self.variant(label).dataset
        return self.sweep.dataset

    def variant(self, label: str = "") -> Variant:
        """The variant with a label, which is empty if nothing varies. Raises LawError, which names the labels."""
        for variant in self.variants:
            if variant.label == label:
                return variant
        if not self.spec.vary:
            raise LawError(f"sweep {self.sweep.name} varies nothing: leave the variant out")
        known = ", ".join(variant.label for variant in self.variants)
        raise LawError(f"sweep {self.sweep.name} has a law for each of: {known}; choose one with --variant")

    def compare_values(self, axis: str, baseline: str = "", flops: float | None = None) -> list[Comparison]:
        """Each value of a varied axis against the baseline, all other axes equal.

        Args:
            axis: name of the axis.
            baseline: value to compare with; empty for the first in the sweep file.
            flops: budget of the verdicts; by default the largest that both have run.

        Raises:
            QuestionError: the sweep does not vary this axis, or not over this value.
            LawError: there is no law to compare.
        """
        values = {str(value): value for value in self.spec.vary.get(axis, [])}
        if not values:
            varied = f"it varies {join_words(self.spec.vary)}" if self.spec.vary else "it varies nothing"
            raise QuestionError(f"sweep {self.sweep.name} does not vary {axis!r}: {varied}")
        start = baseline or next(iter(values))
        if start not in values:
            raise QuestionError(f"{axis} has no value {baseline!r}: the sweep varies it over {', '.join(values)}")
        sides = {variant.label: self._side(variant, variant.label) for variant in self.variants}
        made = []
        for variant in self.variants:
            if str(variant.values[axis]) != start:
                label = replace(variant, values=dict(variant.values) | {axis: values[start]}).label
                if label in sides:
                    made.append(compare(sides[label], sides[variant.label], flops=flops))
        if not made:
            raise LawError(f"only one value of {axis} has runs: there is nothing to compare {start} with")
        return made

    def best_values(self, axis: str) -> dict[str, list[BestValue]]:
        """The best value of a varied number at each budget, by the label of the other axes' values.

        Nothing where the axis has fewer than three positive numbers with a law. Raises LawError.
        """
        groups: dict[str, list[Variant]] = {}
        for variant in self.variants:
            others = {other: value for other, value in variant.values.items() if other != axis}
            groups.setdefault(variant_label(others), []).append(variant)
        found = {}
        for label, variants in groups.items():
            values = [v.values.get(axis) for v in variants]
            numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool) and v > 0]
            if len(numbers) == len(values) >= FEWEST_VALUES:
                sides = [self._side(variant, variant.label) for variant in variants]
                found[label] = best_values(numbers, sides, self.spec.budgets)
        return found

    def side(self, label: str = "") -> Side:
        """One variant as a side of a comparison with another sweep. Raises LawError."""
        variant = self.variant(label)
        return self._side(variant, f"{self.sweep.name} {label}".strip())

    def _side(self, variant: Variant, name: str) -> Side:
        """A variant as a side of a comparison, under a name."""
        size = bytes_per_token(run_table(self.sweep, variant.runs))
        text = self.texts.get(f"{variant.dataset} {self.loss_key.set}".strip(), "")
        return Side(name, self.fit(variant, holdout=False), size, text)

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Identities of the validation texts of the datasets of the runs, as `texts_of` has them."""
        if self._texts is not None:
            return self._texts
        datasets = {str(run.config["dataset"]) for run in self.runs}
        return dict(texts_of(self._artifacts, datasets))

    def reply(self, label: str, question: Question) -> Reply:
        """A law's reply, with the nearest shapes that the recipe can build. Raises LawError, QuestionError.

        Where the optimum needs more tokens than the variant's data has, the answer is the best model for those.
        """
        variant, law = self.variant(label), self.law(label)
        reply = within_data(law, ask(law, question, self.counts(variant)), dataset_tokens(self.sweep, variant.runs))
        answer = reply.answer
        if answer is not None:
            answer = replace(answer, shape=self.shape(variant, answer.flops, answer.params))
        return replace(reply, prediction=self.with_shape(variant, reply.prediction), answer=answer)

    def with_shape(self, variant: Variant, prediction: Prediction) -> Prediction:
        """A prediction of a variant's law together with its nearest buildable shape."""
        return replace(prediction, shape=self.shape(variant, prediction.flops, prediction.params))

    def shape(self, variant: Variant, flops: float, params: float) -> BuildableShape:
        """The buildable shape of the variant's recipe nearest to N, with its own N, D and FLOPs."""
        setting = self.setting(variant)
        model = shape(setting.recipe, params, setting.vocab, setting.context, setting.parts)
        return buildable_shape(model, flops)

    def counts(self, variant: Variant) -> Counts:
        """Total and non-embedding parameters of the recipe's shapes as functions of N."""
        setting = self.setting(variant)
        rungs = ladder(setting.recipe, setting.vocab, setting.context, setting.parts, upto=LARGEST)
        counted = [count_parameters(rung) for rung in rungs]
        return Counts.from_nodes(
            [c.matmul for c in counted], [c.total for c in counted], [c.nonembedding for c in counted]
        )

    def setting(self, variant: Variant) -> Setting:
        """Recipe, parts, context and vocabulary of a variant."""
        vocab = int(variant.runs[0].config["model"]["vocab"])
        return setting_of(self.spec, vocab, Combination.of(variant.values))
