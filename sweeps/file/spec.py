"""The schema of the sweep file as frozen records: what a user may write, with its default and its unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from analysis.devices import find_device
from tokenizer.corpus import CorpusSpec
from tokenizer.vocabulary import TokenizerSpec


@dataclass(frozen=True)
class SizesSpec:
    """The model sizes of the grid. A plain list stands for `params` or `shapes`."""

    count: int = 7
    """Sizes on each budget's curve."""
    span: float = 4.0
    """Sizes reach from centre ÷ span to centre × span, on one ladder for all budgets."""
    params: tuple[int, ...] = ()
    """An explicit list of N instead (matmul parameters; the nearest buildable shapes are taken)."""
    shapes: tuple[dict[str, int], ...] = ()
    """An explicit list of shapes instead, each with d_model and optionally n_layers, n_heads, d_ff."""

    def __post_init__(self) -> None:
        """Lists as tuples."""
        object.__setattr__(self, "params", tuple(self.params))
        object.__setattr__(self, "shapes", tuple(self.shapes))


@dataclass(frozen=True)
class CentreSpec:
    """Where each budget's curve is centred. With neither rule, at the recipe's own tokens_per_param."""

    tokens_per_param: float | None = None
    """Centre at D/N equal to this."""
    params_at: dict[str, float] = field(default_factory=dict)
    """One pair, budget: N, through which the centre runs as a power law of C."""
    exponent: float = 0.5
    """Exponent of that power law."""


@dataclass(frozen=True)
class SeedsSpec:
    """Seeds of a cell. Above `default`, the counts hold for the centre cell of the budget only."""

    default: int = 1
    """Seeds of every cell."""
    smallest_budget: int = 1
    """Seeds of the smallest budget's centre cell."""
    largest_budget: int = 1
    """Seeds of the largest budget's centre cell."""


@dataclass(frozen=True)
class LimitsSpec:
    """Ceilings above which a plan is refused."""

    flops: float | None = None
    """Training FLOPs of the whole sweep."""
    hours: float | None = None
    """Predicted hours of the whole sweep on the workers at hand."""
    runs: int = 10_000
    """Number of runs."""


@dataclass(frozen=True)
class UntilSpec:
    """Precision of the answer at which an adaptive sweep stops, as half-widths of 95 % intervals."""

    params: float | None = None
    """Of N*, as a factor: 1.25 for ×1.25 to each side."""
    loss: float | None = None
    """Of the loss, nats per token."""


@dataclass(frozen=True)
class AdaptiveSpec:
    """Runs chosen round by round for one answer, instead of a fixed grid: see [suggest.md](suggest.md)."""

    ask: float | None = None
    """Budget of the answer, training FLOPs. With it the sweep is adaptive: `budgets` and `sizes` are the ladder of the
    runs that are chosen, up to this budget, and `seeds` has no effect."""
    until: UntilSpec = field(default_factory=UntilSpec)
    """Precision that is enough; with neither number the whole spend is used."""
    spend: float | None = None
    """Training FLOPs that all runs may spend together; required."""
    rounds: int = 8
    """Rounds of training at most, the first design among them."""

    @property
    def on(self) -> bool:
        """Whether runs are chosen round by round."""
        return self.ask is not None


@dataclass(frozen=True)
class TuneSpec:
    """A search for the recipe's settings instead of a grid, by `isoflop tune`: see [recipes.md](recipes.md#tuning)."""

    spend: float | None = None
    """Training FLOPs that all trials may spend together. With it the sweep trains trials at a few cells of its grid
    and gives no law."""
    search: tuple[str, ...] = ("batch", "lr", "embedding_lr", "weight_decay", "warmup")
    """Settings that are searched; the others stay the recipe's."""
    rounds: int = 5
    """Rounds of the search, before the one that tests the rules."""
    seed: int = 0
    """Seed of the search."""

    @property
    def on(self) -> bool:
        """Whether the sweep searches settings."""
        return self.spend is not None

    def __post_init__(self) -> None:
        """Lists as tuples."""
        object.__setattr__(self, "search", tuple(self.search))


@dataclass(frozen=True)
class SweepSpec:
    """A sweep: the grid, the data and the recipe."""

    name: str
    """Handle of the sweep: lower-case letters, digits and hyphens, at most 64."""
    budgets: tuple[float, ...] = ()
    """Training FLOPs of a run, ascending; or {from, to, count} for a geometric series."""
    sizes: SizesSpec = field(default_factory=SizesSpec)
    """Model sizes."""
    centre: CentreSpec = field(default_factory=CentreSpec)
    """Where each curve is centred."""
    recipe: str = "cpu-small"
    """Registry key of the recipe."""
    recipe_overrides: dict[str, Any] = field(default_factory=dict)
    """Single values of the recipe to replace."""
    recipes: dict[str, Any] = field(default_factory=dict)
    """Recipes of the sweep's own by name, as `isoflop tune` writes them. Where `recipe` names a file, or a recipe of
    the home, isoflop copies it to here, so that the sweep stays the same whatever becomes of the file."""
    model: dict[str, Any] = field(default_factory=dict)
    """ModelConfig fields that the recipe does not set."""
    corpus: CorpusSpec = field(default_factory=CorpusSpec)
    """Where the documents come from."""
    tokenizer: TokenizerSpec = field(default_factory=TokenizerSpec)
    """Tokenizer to train on them."""
    context: int = 128
    """Tokens of a training sequence."""
    seeds: SeedsSpec = field(default_factory=SeedsSpec)
    """Repeats with other seeds."""
    vary: dict[str, list[Any]] = field(default_factory=dict)
    """Axes with their values. One law per combination, to be compared. Axes are the recipe's values, the fields of
    `model`, `recipe`, `context`, and keys of the data such as `tokenizer.vocab`: each combination of those has its own
    dataset of the same documents, and where tokenizers differ losses are compared in bits per byte."""
    epochs_max: float = 1.0
    """Passes over the unique training tokens that a run may take; above it the cell is dropped."""
    epochs: tuple[float, ...] = (1.0,)
    """Passes with which each cell is trained, such as [1, 2, 4, 8]: above 1 it reads only so much of the corpus that it
    sees every token this often. What a repeated token is worth is fitted to these runs, see
    [experiments/repetition.md](experiments/repetition.md)."""
    numerics: str = "fp32"
    """Numerics profile of all runs: fp32 | bf16."""
    share_trunks: bool = False
    """Train what the runs of one size and seed have in common only once: each budget branches off for its cooldown.
    All budgets of a size then warm up for the same number of steps. Needs a recipe with `schedule: wsd`."""
    recipe_check: bool = False
    """Check the recipe at both ends and the centre of the smallest and the largest budget: batch ×¼ to ×4 combined
    with learning rate ×¼ to ×4, up to 84 further runs that enter no fit. A curve where the rule fails is flagged."""
    device: str = "auto"
    """Device of the workers: auto (any) | cpu | cuda (any GPU), or a kind of GPU by its name in `isoflop plan
    --device`, such as h100, a100-80g or l40s: the runs then train on workers of that kind alone."""
    limits: LimitsSpec = field(default_factory=LimitsSpec)
    """Ceilings above which a plan is refused."""
    adaptive: AdaptiveSpec = field(default_factory=AdaptiveSpec)
    """Runs chosen round by round until one answer is precise enough."""
    tune: TuneSpec = field(default_factory=TuneSpec)
    """Settings of the recipe searched instead of a grid trained."""

    @property
    def kind(self) -> str:
        """The device that its workers must have: auto, cpu, cuda, or a key of DEVICES, however the file spells it."""
        found = find_device(self.device)
        return found.name if found else self.device

    def __post_init__(self) -> None:
        """Budgets and epochs as tuples of floats."""
        object.__setattr__(self, "budgets", tuple(float(budget) for budget in self.budgets))
        object.__setattr__(self, "epochs", tuple(float(passes) for passes in self.epochs))
