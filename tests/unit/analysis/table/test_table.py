"""RunTable: what is read, what is excluded, and every way a table can be refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.budgets import group
from analysis.table.table import MAX_ROWS, RunTable, describe_excluded


def frame(budgets: tuple[float, ...] = (1e18, 3e18, 1e19), sizes: int = 5) -> pd.DataFrame:
    rows = []
    for flops in budgets:
        for params in np.geomspace(1e8, 1e9, sizes):
            rows.append({"flops": flops, "params": params, "tokens": flops / 6 / params, "loss": 3 + params / flops})
    return pd.DataFrame(rows)


def test_budgets_come_from_their_column_where_there_is_one() -> None:
    data = frame()
    data["budget"] = data["flops"]
    data["flops"] *= np.random.default_rng(0).uniform(0.99, 1.01, len(data))
    table = RunTable.from_frame(data)
    assert table.budgets.tolist() == [1e18, 3e18, 1e19]
    assert np.bincount(table.budget).tolist() == [5, 5, 5]


def test_budgets_come_from_gaps_not_from_rounding() -> None:
    """1.5e19 and 2.4e19 round to one significant figure as 2e19."""
    table = RunTable.from_frame(frame((1.5e19, 2.4e19, 9.6e19)))
    assert np.allclose(table.budgets, [1.5e19, 2.4e19, 9.6e19])


def test_scattered_budgets_are_split_at_their_largest_gaps() -> None:
    data = frame((1e18, 2e18, 4e18), sizes=9)
    data["flops"] *= np.exp(np.random.default_rng(1).uniform(-0.12, 0.12, len(data)))
    table = RunTable.from_frame(data)
    assert np.bincount(table.budget).tolist() == [9, 9, 9]


def test_tokens_may_be_absent() -> None:
    table = RunTable.from_frame(frame().drop(columns="tokens"))
    assert not table.tokens_given
    assert np.allclose(table.tokens, table.flops / 6 / table.params)
    assert any("no tokens" in warning for warning in table.warnings)


def test_column_names_can_be_given() -> None:
    renamed = frame().rename(columns={"flops": "C", "params": "N", "tokens": "D", "loss": "eval/loss"})
    table = RunTable.from_frame(renamed, flops="C", params="N", tokens="D", loss="eval/loss")
    assert table == RunTable.from_frame(frame())


def test_unfinished_runs_are_excluded_and_listed() -> None:
    data = frame()
    data["run"] = [f"r{i}" for i in range(len(data))]
    data["state"] = "done"
    data.loc[3, "state"] = "failed"
    data.loc[7, "loss"] = np.nan
    table = RunTable.from_frame(data)
    assert len(table) == 13
    assert [(row["run"], row["reason"]) for row in table.excluded] == [
        ("r3", "state is failed"),
        ("r7", "the loss is no finite number"),
    ]


def test_rows_entered_twice_count_once_but_seeds_count_each() -> None:
    data = pd.concat([frame(), frame().iloc[:2]])
    table = RunTable.from_frame(data)
    assert len(table) == 15
    assert [row["reason"] for row in table.excluded] == ["repeats another row"] * 2
    seeds = pd.concat([frame().assign(seed=0), frame().iloc[:2].assign(seed=1)])
    assert len(RunTable.from_frame(seeds)) == 17


def test_the_digest_ignores_the_order_of_rows_and_sees_a_changed_loss() -> None:
    data = frame()
    shuffled = data.sample(frac=1, random_state=3)
    assert RunTable.from_frame(data).digest == RunTable.from_frame(shuffled).digest
    changed = data.copy()
    changed.loc[0, "loss"] += 1e-6
    assert RunTable.from_frame(data).digest != RunTable.from_frame(changed).digest


def test_trunks_group_runs_and_missing_trunks_do_not() -> None:
    data = frame()
    data["trunk"] = ["a", "a", None, "b", ""] * 3
    trunk = RunTable.from_frame(data).trunk
    assert trunk[0] == trunk[1] == trunk[5]
    assert len({trunk[2], trunk[4], trunk[7], trunk[9]}) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop(columns="loss"), "no column loss. The table has: flops, params, tokens. Name .* --loss-key"),
        (lambda d: d.rename(columns={"params": "Parameters"}), "no column params .nearest: Parameters"),
        (lambda d: d.rename(columns={"loss": "val_loss"}), "nearest: val_loss"),
        (lambda d: d.iloc[:0], "no rows"),
        (lambda d: d.assign(params=-d.params), "column params: no positive number in rows 1, 2, 3, 4 and 11 more"),
        (
            lambda d: d.assign(flops=d.flops.where(d.index != 4)),
            "column flops: no positive number in row 5, such as nan",
        ),
        (lambda d: d.assign(tokens=d.tokens.where(d.index != 4, np.inf)), "row 5, such as inf"),
        (lambda d: d.assign(loss=d.loss.where(d.index != 4, 0.0)), "column loss: no positive number in row 5"),
        (lambda d: d.assign(params="many"), "column params: no number in rows .* such as 'many'"),
        (lambda d: d.assign(loss="diverged"), "column loss: no number"),
        (lambda d: d.assign(params=[f"{n:,.0f}" for n in d.params]), "without thousands separators"),
        (lambda d: d.assign(loss=[f"{x:.3f}".replace(".", ",") for x in d.loss]), "with a decimal point"),
        (lambda d: d.assign(params=[f"{n / 1e6:.0f}M" for n in d.params]), "in full, such as 1.5e9"),
        (lambda d: d.assign(loss=True), "holds bool values"),
        (lambda d: d.assign(loss=3.0), "all losses are equal"),
        (lambda d: d.assign(loss=np.nan), "none of the 15 rows"),
        (lambda d: d.assign(state="failed"), "none of the 15 rows .*state is failed"),
        (lambda d: pd.concat([d] * (MAX_ROWS // 15 + 1)), "training curves"),
        (lambda d: pd.concat([d, d[["loss"]]], axis=1), "more than one column is called loss"),
        (lambda d: d.assign(budget=1e3), "column budget: rows 1, 2, 3, 4 and 11 more cost over 2 times"),
        (lambda d: d.assign(params=d.params.where(d.index != 4, 1e13)), "C / .N D. is .* in row 5 and 6 at the median"),
    ],
)
def test_a_bad_table_is_refused_with_the_reason(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LawError, match=message):
        RunTable.from_frame(change(frame()))


UNITS = [
    (lambda d: d.assign(flops=np.log10(d.flops)), "flops is a log10"),
    (
        lambda d: d.assign(flops=np.log(d.flops), params=np.log(d.params), tokens=np.log(d.tokens)),
        "a natural logarithm",
    ),
    (lambda d: d.assign(params=d.params / 1e9), "params is in billions"),
    (lambda d: d.assign(params=d.params / 1e3), "params is in thousands"),
    (lambda d: d.assign(tokens=d.tokens / 1e6), "tokens is in millions"),
    (
        lambda d: d.assign(params=d.params / 1e6, tokens=d.tokens / 1e9),
        "params is in millions .* tokens is in billions",
    ),
    (lambda d: d.assign(flops=d.flops / 1e12), "flops is in TFLOPs"),
    (lambda d: d.assign(flops=d.flops / 8.64e19), "petaFLOP/s-days"),
    (lambda d: d.drop(columns="tokens").assign(params=d.params / 1e6), "params is in millions"),
    (lambda d: d.assign(flops=d.flops * 1e22), "units of one"),
    (lambda d: d.assign(flops=d.flops / 1e21), "cannot be flops"),
]


@pytest.mark.parametrize(("change", "message"), UNITS)
def test_other_units_are_refused_and_named(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LawError, match=message):
        RunTable.from_frame(change(frame()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(tokens=d.tokens * 20), "far from 6"),
        (lambda d: d.rename(columns={"params": "tokens", "tokens": "params"}), "not swapped"),
        (lambda d: d.assign(loss=np.exp(d.loss)), "perplexity"),
        (lambda d: d.assign(budget="small"), "budgets were found by gaps"),
    ],
)
def test_what_may_be_meant_is_a_warning(change, message: str) -> None:  # type: ignore[no-untyped-def]
    table = RunTable.from_frame(change(frame()))
    assert any(message in warning for warning in table.warnings)
    assert not RunTable.from_frame(frame()).warnings


def test_a_run_that_blew_up_is_left_out_by_name() -> None:
    table = RunTable.from_frame(frame().assign(loss=lambda d: d.loss.where(d.index != 3, 1e6)))
    assert len(table) == 14
    assert describe_excluded(table.excluded).startswith("1 row was left out: row 4 (its loss is over 100 times")


def test_runs_equal_but_for_rounding_are_one() -> None:
    table = RunTable.from_frame(pd.concat([frame(), frame().assign(loss=lambda d: d.loss * (1 + 1e-10))]))
    assert len(table) == 15
    assert "row 16, row 17, row 18, row 19, row 20 and 10 more" in describe_excluded(table.excluded)


def test_the_last_points_of_training_curves_are_the_finished_runs() -> None:
    data = frame()
    points = []
    for share in (0.25, 0.5, 1.0):
        part = data.assign(run=[f"r{i}" for i in range(15)], schedule="cosine", flops=data.flops * share)
        points.append(part.assign(tokens=part.tokens * share, loss=part.loss + 1 - share))
    table = RunTable.from_frame(pd.concat(points).sample(frac=1, random_state=0))
    assert sorted(table.loss) == pytest.approx(sorted(data.loss))
    assert np.allclose(table.budgets, [1e18, 3e18, 1e19])
    assert table.curves is not None and len(table.curves.loss) == 45
    assert table.select(table.budget == 0).curves is None
    assert table.digest != RunTable.from_frame(data.assign(run=[f"r{i}" for i in range(15)])).digest


@pytest.mark.parametrize("ratio", [1.3, 2.0, 3.0])
@pytest.mark.parametrize("scatter", [0.0, 1e-9, 0.01, 0.05])
def test_budgets_are_told_apart_by_their_gaps(ratio: float, scatter: float) -> None:
    for seed in range(5):
        shift = np.random.default_rng(seed).uniform(1 - scatter, 1 + scatter, 60)
        labels, budgets, clear = group(np.repeat(1e18 * ratio ** np.arange(6), 10) * shift)
        assert clear
        assert np.array_equal(labels, np.repeat(np.arange(6), 10))
        assert budgets == pytest.approx(1e18 * ratio ** np.arange(6), rel=scatter + 1e-12)


def test_budgets_that_no_gap_tells_apart_are_said_to_be_unclear() -> None:
    flops = np.geomspace(1e18, 1e20, 60)
    _, budgets, clear = group(flops)
    assert not clear
    data = frame().iloc[:1].loc[np.zeros(60, dtype=int)]
    data = data.assign(flops=flops, tokens=flops / 6e8, params=1e8, loss=np.linspace(4, 3, 60))
    table = RunTable.from_frame(data)
    assert len(table.budgets) == len(budgets)
    assert any("No gaps" in warning for warning in table.warnings)


GOOD = frame().to_csv(index=False)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("utf-16"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        ("\n\n" + GOOD.replace("flops,params", " flops , params")).encode(),
    ],
)
def test_every_usual_writing_of_a_table_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    assert RunTable.read_csv(path) == RunTable.from_frame(frame())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,b\n1,2\n", "no column flops; no column params; no column loss"),
        (b"flops,params,tokens,loss\n", "no rows"),
        (GOOD.split("\n", 1)[1].encode(), "holds numbers: put a header line"),
        (GOOD.encode("utf-16-le"), "looks like UTF-16"),
        (GOOD.encode().replace(b"flops", b"fl\xe9ps"), "not text in UTF-8"),
        (np.random.default_rng(0).bytes(3000), "binary file"),
        (b"\x1f\x8b" + bytes(50), "gzip"),
        (b"PK\x03\x04" + bytes(50), "Excel"),
        (b'{"flops": [1]}', "JSON or HTML"),
        (GOOD.encode() + b"1,2,3,4,5,6\n", "line 17, saw 6"),
        (GOOD.replace("\n", ",7\n").encode().replace(b"loss,7", b"loss"), "rows have more fields than its first line"),
        (b"# mine\n" + GOOD.encode(), "first line, '# mine', has one name"),
        (GOOD.replace(",", " ").encode(), "separate names and fields by commas"),
        (GOOD.encode() + b'"1e18,2,3\n', "do not fit its header"),
        (GOOD.encode().replace(b"tokens", b"loss"), "more than one column is called loss"),
        (GOOD.replace(",", ";").replace(".", ",").encode(), "decimal point"),
        (b"a" * 200_000, "first line is longer"),
        (GOOD.encode() + b"1e18,1e8,-5,3\n", "column tokens: no positive number in row 17"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(LawError, match=rf"runs\.csv: .*{message}"):
        RunTable.read_csv(path)


def test_a_folder_and_a_missing_file_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LawError, match="is a folder"):
        RunTable.read_csv(tmp_path)
    with pytest.raises(LawError, match="no such file"):
        RunTable.read_csv(tmp_path / "absent.csv")


def test_a_million_rows_are_refused_before_any_work() -> None:
    with pytest.raises(LawError, match="1,000,000 runs"):
        RunTable.from_frame(pd.DataFrame(np.ones((1_000_000, 4)), columns=["flops", "params", "tokens", "loss"]))


def mixed(column: str, values: list[object]) -> list[str]:
    data = frame().assign(**{column: (values * 15)[:15]})
    return [warning for warning in RunTable.from_frame(data).warnings if "arithmetic" in warning]


def test_runs_of_several_devices_or_numerics_are_flagged_with_how_many_of_each() -> None:
    (told,) = mixed("device", ["NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB"])
    assert "several kinds of device: 10 on NVIDIA H100 80GB HBM3 and 5 on NVIDIA A100-SXM4-80GB" in told
    (told,) = mixed("numerics", ["bf16", "bf16", "bf16", "bf16", "fp32"])
    assert "several numerics profiles: 12 with bf16 and 3 with fp32" in told
    (told,) = mixed("device", ["H100", "A100", None])
    assert "5 on H100, 5 on A100 and 5 unknown" in told


@pytest.mark.parametrize("values", [["H100"], ["H100", None], ["cuda:0", "cuda:1"], [0, 1], [None], [" H100", "H100 "]])
def test_one_kind_of_device_is_not_flagged(values: list[object]) -> None:
    assert mixed("device", values) == []


def test_runs_that_enter_no_fit_flag_nothing_and_warnings_change_no_identity() -> None:
    data = frame().assign(state="done", device="H100")
    data.loc[3, ["state", "device"]] = ["failed", "A100"]
    pure = RunTable.from_frame(data)
    assert not [warning for warning in pure.warnings if "arithmetic" in warning]
    data.loc[4, "device"] = "A100"
    table = RunTable.from_frame(data)
    assert table.digest == pure.digest and len(table.warnings) == len(pure.warnings) + 1
