"""What the routes answer, as types: from these the OpenAPI document has its schemas, and clients their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NotRequired

from pydantic import JsonValue, TypeAdapter
from typing_extensions import TypedDict

from orchestrator.scheduling.progress import Progress
from orchestrator.use_cases.export import TableRow

Interval = list[float | None]
"""Low and high end; null where it is open."""
Anything = dict[str, JsonValue]
"""An object whose keys depend on what was asked."""


class Named(TypedDict):
    """What names a sweep."""

    name: str
    revision: str
    user: str
    submitted_at: float
    finished: bool


class Shown(TypedDict):
    """What a sweep has besides its progress."""

    source: str
    rounds: list[Anything]
    dropped: list[Anything]
    runs: list[Anything]


class Taken(TypedDict):
    """What a submission says besides the progress."""

    dropped: list[Anything]
    warnings: list[str]


class Stored(TypedDict):
    """A sweep as it is stored."""

    sweep: Anything
    runs: list[Anything]
    forecasts: list[Anything]
    texts: dict[str, str]


class Planned(TypedDict):
    """A plan and what is expected of it."""

    sweep: str
    verdict: Anything
    runs: list[Anything]
    dropped: list[Anything]
    recipe_check: Anything
    noise: Anything
    warnings: list[str]
    totals: Anything
    expected: list[Anything]
    hours: Anything
    adaptive: NotRequired[Anything]


class Attempt(TypedDict):
    """An attempt of a run."""

    number: int
    worker: str
    started_at: float
    ended_at: float | None
    cause: str | None
    detail: str | None
    seconds: float | None
    flops: float | None


class Run(TypedDict):
    """A run."""

    id: str
    config: Anything
    flops: float
    flops_spent: float | None
    predicted_seconds: float | None
    state: str
    loss: float | None
    bits_per_byte: float | None
    seconds: float | None
    result: Anything | None
    error: str | None
    device: str | None
    micro_batch: int | None
    attempts: list[Attempt]


class Point(TypedDict):
    """A point of a run's curve."""

    attempt: int
    tokens: float
    step: NotRequired[int]
    flops: NotRequired[float | None]
    seconds: NotRequired[float | None]
    loss: NotRequired[float | None]
    validation_loss: NotRequired[float | None]
    lr: NotRequired[float | None]


class Forecast(TypedDict):
    """A stored forecast, and how it came out."""

    run_id: str
    law_id: str
    flops: float
    made_at: float
    prediction: Anything
    scored_at: float | None
    loss: float | None
    error: float | None
    interval_score: float | None
    inside: bool | None


class Fit(TypedDict):
    """A law and what it rests on."""

    law_id: str
    curves: list[Anything]
    refusals: dict[str, Anything]
    holdout: list[Anything]
    excluded: list[JsonValue]
    noise: Anything
    warnings: list[str]
    convention: str
    loss_unit: str
    laws: dict[str, Anything]
    lack_of_fit: dict[str, Anything | None]


class Prediction(TypedDict):
    """The optimal model at a budget, and the answer under a constraint."""

    flops: float
    params: float
    tokens: float
    loss: float
    params_interval: Interval
    tokens_interval: Interval
    loss_interval: Interval
    run_interval: Interval | None
    largest_budget: float
    extrapolation: float
    place: str
    confidence: str
    estimators: list[Anything]
    convention: str
    loss_unit: str
    law_id: str
    warnings: list[str]
    shape: Anything | None
    published: list[Anything]
    answer: NotRequired[Anything]


class Comparisons(TypedDict):
    """How much more compute one side needs than the other."""

    comparisons: list[Anything]


class LedgerRow(TypedDict):
    """What a user planned, reserves, spent and got back for a sweep, in FLOPs and in device-seconds."""

    user: str
    sweep: str
    revision: str
    runs: int
    flops_planned: float
    flops_reserved: float
    flops_spent: float
    flops_refunded: float
    seconds_planned: float
    seconds_reserved: float
    seconds_spent: float
    seconds_refunded: float


class Change(TypedDict):
    """An entry of the audit log."""

    id: int
    at: str
    user: str
    action: str
    subject: str
    detail: str
    address: str
    request: str


class Account(TypedDict):
    """Whom a token lets in."""

    name: str
    role: str
    group: str
    quota: Anything
    used: Anything


ANSWERS: Final[Mapping[str, tuple[Any, ...]]] = {
    "list_sweeps": (list, Named, Progress),
    "get_sweep": (Named, Progress, Shown),
    "submit_sweep": (Named, Progress, Taken),
    "get_records": (Stored,),
    "plan": (Planned,),
    "list_runs": (list, TableRow),
    "get_run": (Run,),
    "curve": (list, Point),
    "log": (list, Anything),
    "get_forecasts": (list, Forecast),
    "get_fit": (Fit,),
    "get_prediction": (Prediction,),
    "get_values": (Comparisons,),
    "get_comparison": (Comparisons,),
    "get_chart": (Anything,),
    "ledger": (list, LedgerRow),
    "audit": (list, Change),
    "account": (Account,),
    "list_users": (list, Anything),
    "health": (dict[str, str],),
    "readiness": (dict[str, bool],),
}
"""By operation id: the types whose fields an answer has together; after `list`, each of its rows has them."""


def schema_json(operation: str, found: dict[str, Any]) -> dict[str, Any]:
    """The schema of what an operation answers; what it refers to is added to those that were `found`."""
    parts = [each for each in ANSWERS[operation] if each is not list]
    made = [TypeAdapter(each).json_schema(ref_template="#/components/schemas/{model}") for each in parts]
    whole: dict[str, Any] = {"type": "object", "title": "".join(part["title"] for part in made if "title" in part)}
    for part in made:
        found |= part.pop("$defs", {})
        for key, value in part.items():
            if key == "properties":
                whole[key] = whole.get(key, {}) | value
            elif key == "required":
                whole[key] = whole.get(key, []) + value
            elif key == "additionalProperties":
                whole[key] = value
    if whole["title"]:
        found[whole["title"]] = whole
        whole = {"$ref": f"#/components/schemas/{whole['title']}"}
    else:
        del whole["title"]
    return {"type": "array", "items": whole} if list in ANSWERS[operation] else whole
