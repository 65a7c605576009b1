"""What is in a corpus: documents, tokens, what was left out and why, scripts, samples, budgets it is enough for."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import numpy as np

from model.flops import count_parameters, flops_per_token
from orchestrator.use_cases.recipes import recipes_of
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.file.placing import placing
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.grid import buildable, centre, setting_of
from tokenizer.building import TOKENIZER_FILE
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.dataset import prepare
from tokenizer.loading import load_tokenizer
from tokenizer.progress import Report
from tokenizer.shards import Manifest, Shards

PASSES: Final = (1, 4)
"""Passes over the training text: each token once, and as often as costs little (Muennighoff et al. 2023)."""
SAMPLED_TOKENS: Final = 1_000_000
"""Training tokens at the beginning, a random choice of documents, whose characters are counted."""
SAMPLES: Final = 3
"""Documents whose beginning is shown."""
SAMPLE_CHARACTERS: Final = 200
"""Characters of it."""
_LEAST, _MOST = 1e6, 1e30
"""FLOPs between which the largest budget is sought."""


@dataclass(frozen=True, slots=True)
class Enough:
    """The largest budget for which the training text is enough."""

    passes: int
    """Passes over it."""
    flops: float
    """Training FLOPs of a run at the centre of that budget."""
    params: int
    """Its matmul parameters."""
    tokens: int
    """Its training tokens."""


@dataclass(frozen=True, slots=True)
class Described:
    """What is in a corpus."""

    manifest: Manifest
    """Of its dataset."""
    recipe: str
    """By which the budgets were found."""
    scripts: dict[str, float]
    """Share of each script among the letters, by the first word of their names in Unicode, the largest first."""
    samples: tuple[str, ...]
    """Beginnings of documents."""
    budgets: tuple[Enough, ...]
    """For PASSES; none where the recipe can build no model."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        made = self.manifest
        tokens = made.train_tokens + made.validation_tokens
        size = made.train_bytes + made.validation_bytes
        return {
            "dataset": made.dataset,
            "documents": made.train_documents + made.validation_documents,
            "bytes": size,
            "tokens": tokens,
            "train_tokens": made.train_tokens,
            "validation_tokens": made.validation_tokens,
            "bytes_per_token": size / tokens,
            "cleaning": made.cleaning,
            "scripts": self.scripts,
            "samples": list(self.samples),
            "domains": {
                name: facts | {"share_by_size": facts["tokens"] / made.train_tokens}
                for name, facts in made.domains.items()
            },
            "sets": made.sets,
            "recipe": self.recipe,
            "budgets": [asdict(one) for one in self.budgets],
        }


def sweep_of(corpus: CorpusSpec) -> SweepSpec:
    """The demo's sweep with another corpus. Raises CorpusError."""
    return replace(load_sweep("name: corpus\nextends: demo\n"), corpus=corpus)


def describe_sweep(path: Path, overrides: Sequence[str], workspace: Workspace, say: Report) -> Described:
    """`describe` the corpus of a sweep's file. Raises SweepError, too."""
    spec = load_sweep(path, overrides, recipes=recipes_of(workspace.home))
    with placing(path, overrides):
        return describe(spec, workspace, say)


def describe(spec: SweepSpec, workspace: Workspace, say: Report) -> Described:
    """Prepare the corpus of a sweep as the sweep would, and look at it.

    Raises:
        CorpusError, TokenizerError, ShardError.
    """
    root, choose = workspace.home.artifacts, workspace.preparation.choose
    shards = prepare(spec.corpus, spec.tokenizer, root, say, choose=choose)
    texts = _texts(shards)
    budgets = tuple(_enough(spec, shards.manifest, passes) for passes in PASSES)
    samples = tuple(text.strip()[:SAMPLE_CHARACTERS] for text in texts[:SAMPLES])
    return Described(shards.manifest, spec.recipe, _scripts(texts), samples, budgets)


def _texts(shards: Shards) -> list[str]:
    """The first training documents, of each domain its own: in the order of their hashes, so a random choice."""
    tokenizer = load_tokenizer(shards.path / TOKENIZER_FILE)
    sizes = [facts["tokens"] for _, facts in sorted(shards.manifest.domains.items())] or [len(shards.train)]
    texts: list[list[str]] = []
    for begin, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        tokens = shards.train[begin : begin + min(size, SAMPLED_TOKENS // len(sizes))]
        parts = np.split(tokens, np.flatnonzero(tokens == tokenizer.bos_id))
        texts.append([tokenizer.decode(part.tolist()) for part in parts if len(part)])
    return [text for one_of_each in zip_longest(*texts) for text in one_of_each if text is not None]


@lru_cache(maxsize=1 << 16)
def _script(char: str) -> str:
    """The script of a letter, such as Latin; empty for what is none."""
    return unicodedata.name(char, "unknown").split()[0].capitalize() if char.isalpha() else ""


def _scripts(texts: Sequence[str]) -> dict[str, float]:
    """Share of each script among the letters, the largest first."""
    counts: Counter[str] = Counter()
    for text in texts:
        for char, count in Counter(text).items():
            counts[_script(char)] += count
    del counts[""]
    total = max(1, counts.total())
    return {script: count / total for script, count in counts.most_common()}


def _enough(spec: SweepSpec, made: Manifest, passes: int) -> Enough:
    """The largest budget whose run at the centre of the curve takes at most so many passes. Raises PlanError."""
    setting = setting_of(spec, made.vocab, NOTHING_VARIED)
    low, high = _LEAST, _MOST
    found = Enough(passes, 0.0, 0, 0)
    while high / low > 1.001:
        budget = (low * high) ** 0.5
        model = buildable(setting, centre(spec, setting, budget))
        tokens = budget / flops_per_token(model)
        if tokens <= passes * made.unique_tokens:
            low, found = budget, Enough(passes, budget, count_parameters(model).matmul, int(tokens))
        else:
            high = budget
    return found
