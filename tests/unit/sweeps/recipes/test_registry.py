"""Recipes of installed distributions: found by entry point, checked, and refused by the distribution's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.file.check import checked
from sweeps.file.problem import SweepError
from sweeps.file.spec import SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from sweeps.recipes import registry
from sweeps.recipes.recipe import RecipeError
from sweeps.recipes.registry import get_recipe, recipe_names

ROOT = Path(__file__).parents[4]
Install = Callable[..., None]


def example() -> str:
    """The module of docs/recipes.md."""
    page = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    return page.split("```python\n")[1].split("```")[0]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution with one module and its entry points on sys.path, as pip leaves it."""

    def add(distribution: str, module: str, code: str, **points: str) -> None:
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name.replace('_', '-')} = {module}:{value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("[isoflop.recipes]\n" + "\n".join(lines) + "\n")
        registry._offers.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    registry._offers.cache_clear()
    yield add
    registry._offers.cache_clear()


def test_documented_example_works(install: Install) -> None:
    install("my-recipes", "my_recipes_a", example(), wide_batch="WIDE_BATCH")
    assert recipe_names()[-1] == "wide-batch"
    spec = SweepSpec("t", (1e11, 3e11, 1e12), recipe="wide-batch", recipe_overrides={"per_width": 16})
    plan = make_plan(spec, DataFacts("d" * 64, 1024, 20_000_000, 200_000))
    assert plan.runs
    assert all(run.recipe == "wide-batch" for run in plan.runs)
    assert all(run.run.train.batch == max(1, run.run.model.d_model // 16) for run in plan.runs)
    assert any("where recipe wide-batch is proven" in warning for warning in plan.warnings)


def test_unknown_recipe_lists_the_installed_ones(install: Install) -> None:
    install("my-recipes", "my_recipes_b", example(), wide_batch="WIDE_BATCH")
    with pytest.raises(
        SweepError, match="the recipes are cpu-small, porian-olmo, marin-2025, nanochat, muon-small, wide-batch"
    ):
        checked(SweepSpec("t", (1e11,), recipe="wide-bat"))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("R = {}", "is not a sweeps.recipes.recipe.Recipe but dict"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("S = 1", "cannot be loaded: AttributeError"),
        ("from sweeps.recipes.cpu_small import CPU_SMALL as R", "is named 'cpu-small'"),
    ],
)
def test_unusable_recipes_name_their_distribution(install: Install, code: str, message: str) -> None:
    install("broken-recipes", f"broken_{abs(hash(code))}", code, mine="R")
    with pytest.raises(RecipeError, match="of the installed distribution broken-recipes") as caught:
        get_recipe("mine")
    assert message in str(caught.value)
    with pytest.raises(SweepError, match="broken-recipes"):
        checked(SweepSpec("t", (1e11,), recipe="mine"))
    assert get_recipe("cpu-small").name == "cpu-small", "one broken distribution does not stop the others"


def test_clashes_name_the_distributions(install: Install) -> None:
    install("shadowing", "shadowing_a", example(), cpu_small="WIDE_BATCH", twin="WIDE_BATCH")
    with pytest.raises(RecipeError, match="built in, and the installed distribution shadowing offers another"):
        get_recipe("cpu-small")
    install("second", "second_a", example(), twin="WIDE_BATCH")
    with pytest.raises(RecipeError, match="distribution second and the installed distribution shadowing"):
        get_recipe("twin")


def test_unknown_recipe_is_refused() -> None:
    with pytest.raises(RecipeError, match="cpu-small, porian-olmo"):
        get_recipe("olmo")


def test_values_of_other_recipes_are_refused_by_name() -> None:
    with pytest.raises(RecipeError, match="unknown value 'batch_exponent' of recipe marin-2025"):
        get_recipe("marin-2025", {"batch_exponent": 0.5})
    assert get_recipe("marin-2025", {"lr_constant": 0.2, "width_step": 64}).width_step == 64
