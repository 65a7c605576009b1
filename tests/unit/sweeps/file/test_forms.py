"""Another form of a section takes the place of the base's, in a file and by an override."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sweeps.file import compose
from sweeps.file.compose import load_sweep
from sweeps.file.forms import without_other_forms
from sweeps.file.serialise import to_dict
from sweeps.file.spec import CentreSpec, SizesSpec, SweepSpec
from tokenizer.corpus import CorpusSpec

CONF = Path(compose.__file__).parents[1] / "conf"
HEIR = "extends: demo\nname: heir\n"


@pytest.mark.parametrize(
    ("text", "centre"),
    [
        ("centre: {tokens_per_param: 30}", CentreSpec(tokens_per_param=30.0)),
        ("centre: {tokens_per_param: 30, exponent: 0.6}", CentreSpec(tokens_per_param=30.0, exponent=0.6)),
        ("centre: {params_at: {1e13: 2e5}}", CentreSpec(params_at={"1e13": 2e5}, exponent=0.48)),
        ("centre: {exponent: 0.6}", CentreSpec(params_at={"3e11": 5.5e4}, exponent=0.6)),
        ("centre: {}", CentreSpec(params_at={"3e11": 5.5e4}, exponent=0.48)),
    ],
)
def test_another_centre_replaces_that_of_the_base(text: str, centre: CentreSpec) -> None:
    demo = load_sweep(CONF / "demo.yaml")
    assert load_sweep(f"{HEIR}{text}\n") == dataclasses.replace(demo, name="heir", centre=centre)


def test_a_pair_replaces_a_ratio() -> None:
    heir = load_sweep("extends: gpu\nname: heir\ncentre: {params_at: {1e18: 1e7}}\n")
    assert heir.centre == CentreSpec(params_at={"1e18": 1e7})


def test_an_override_replaces_too() -> None:
    assert load_sweep(HEIR, ["centre={tokens_per_param: 9}"]).centre == CentreSpec(tokens_per_param=9.0)
    assert load_sweep(HEIR, ["centre.tokens_per_param=9"]).centre == CentreSpec(tokens_per_param=9.0)


def test_another_source_replaces_the_paths_of_the_base() -> None:
    assert load_sweep("extends: gpu\nname: heir\ncorpus: {source: python}\n").corpus.paths == ()
    text = load_sweep("extends: gpu\nname: heir\ncorpus: {source: text, paths: [a.txt]}\n")
    assert (text.corpus.source, text.corpus.paths) == ("text", ("a.txt",))
    assert load_sweep("extends: gpu\nname: heir\ncorpus: {max_bytes: 5}\n").corpus.paths == ("data",)


BASE = to_dict(
    SweepSpec(
        "base",
        (1e11,),
        SizesSpec(params=(10, 20)),
        recipe_overrides={"lr": 0.1},
        corpus=CorpusSpec("jsonl", ("a.jsonl",), "body"),
    )
)


@pytest.mark.parametrize(
    ("own", "params", "shapes"),
    [
        ({"shapes": [{"d_model": 8}]}, [], []),
        ({"count": 5}, [], []),
        ({"span": 3.0}, [], []),
        ({"params": [5]}, [10, 20], []),  # merged, a list replaces a list
        ({"count": 5, "params": [5]}, [10, 20], []),
    ],
)
def test_another_form_of_sizes_replaces_the_list_of_the_base(own: dict, params: list, shapes: list) -> None:
    left = without_other_forms(BASE, {"sizes": own})["sizes"]
    assert (left["params"], left["shapes"]) == (params, shapes)


def test_what_is_not_mentioned_stays() -> None:
    assert without_other_forms(BASE, {"context": 64}) == BASE
    assert without_other_forms(BASE, {"recipe": BASE["recipe"], "corpus": {"source": "jsonl"}}) == BASE


def test_another_recipe_comes_without_the_values_of_the_base_s() -> None:
    assert without_other_forms(BASE, {"recipe": "nanochat"})["recipe_overrides"] == {}


def test_another_source_reads_its_usual_key() -> None:
    corpus = without_other_forms(BASE, {"corpus": {"source": "parquet"}})["corpus"]
    assert (corpus["text_key"], corpus["paths"]) == ("text", [])
