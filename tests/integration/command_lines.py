"""Any command line in any environment, for the fuzz: what is typed, where, and what it may leave behind."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints
from unittest import mock

import typer
from hypothesis import strategies as st

from orchestrator.cli.app import app
from orchestrator.cli.main import main
from orchestrator.cli.verbs import GROUPS, command_of
from tests.unit.analysis.law_tables import sweep
from tests.unit.orchestrator.cli.stored import fill_home

ODD = (
    "", " ", "-", "--", "0", "-1", "1.5", "nan", "inf", "-inf", "1e308", "1e-308", "1e400", "9" * 5000, "²", "٣", "1_0",
    "🐟", "\x1b[31mred", "a:dog:b", "[red]x[/red]", "{x}", "%s", "%2F", "?", "#", "..", "/", "/dev/null", "/dev/full",
    "/proc/self/mem", "~nouser/x", "http://[::1", "\udcff", "a b", "a'b", "x" * 300, "name@", "@", "lab@zzz", "line\nbreak",
)  # fmt: skip
"""Values that somebody once typed, or will."""
NAMES = ("lab", "varied", "young", "lab@lab00000", "small", "small.yaml", "wrong.yaml", "nothing", "demo@x")
FILES = ("runs.csv", "empty.csv", "folder", "binary.bin", "missing.csv", "small.yaml", "nofolder/file.csv", "-")
OUTPUTS = ("chart.svg", "chart.xyz", "new.json", "folder", "nofolder/new.html", "runs.csv/x.svg", "sub folder/o'k.html")
OVERRIDES = (
    "budgets=[2e6,4e6,8e6]", "budgets=[", "budgets=-1", "sizes.count=²", "seeds=1", "x", "=", "epochs_max=1e999", "limits=3",
    "name=UPPER", "context=0", "context=99999999999999999999", "corpus.paths=[missing.txt]", "vary={context: [8, 16]}",
    "model.n_layers=0", "tokenizer={kind: word}", "corpus.source=\x1b", "budgets=!!python/object:os.system", "a.b.c.d=&a *a",
    "centre.tokens_per_param=1e-300", "sizes.span=1e308", "limits.hours=nan", "numerics=fp8", f"seeds={'9' * 5000}",
)  # fmt: skip
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "ISOFLOP_HOME": ("~nouser/x", "/dev/null/x", "/proc/x", "\udcff"),
    "ISOFLOP_WORKERS": ("²", "0", "-1", "two", "9" * 5000, "1e3"),
    "ISOFLOP_GPU_SHARES": ("²", "0", "99999999999"),
    "ISOFLOP_HEAD_SECONDS": ("nan", "inf", "-1", "x"),
    "ISOFLOP_CHECKPOINT_SECONDS": ("nan", "1e400", "0"),
    "ISOFLOP_WARM_UP": ("0", "YES", "no "),
    "ISOFLOP_USER_FLOPS": ("nan", "-1", "lots"),
    "ISOFLOP_USER_HOURS": ("inf", "0"),
    "ISOFLOP_USER": ("a b", "[red]", "x" * 300),
    "ISOFLOP_DATABASE_URL": ("foo", "http://[::1", "postgresql://h:x/y", "mysql://h/y", "sqlite:///nofolder/x.db"),
    "ISOFLOP_ARTIFACTS_URL": ("foo", "nosuch://x", "http://[::1"),
    "ISOFLOP_RAY_ADDRESS": ("10.9.8.7:6379", "http://[::1", "²"),
    "ISOFLOP_URL": ("http://[::1", "foo", "http://", "http://127.0.0.1:99999", "http://127.0.0.1:9", "http://a b"),
    "ISOFLOP_TOKEN": ("é", "\n", "x"),
    "WANDB_MODE": ("OFFLINE", "off", "dryrun"),
    "WANDB_BASE_URL": ("http://[::1", "foo"),
    "COLUMNS": ("0", "-1", "²", "9" * 5000, "x", "1"),
    "NO_COLOR": ("1",),
    "HTTP_PROXY": ("http://127.0.0.1:9", "foo["),
    "TMPDIR": ("/nonexistent",),
}
"""Values of variables that cannot be right, or are unusual; each is also tried empty."""
LEFT_OUT = {"doctor", "profile", "tokenizer train", "tokenizer compare"}
"""Verbs that measure the machine, or read whole corpora: `test_odd_values.py` and `test_tokenizers.py` have theirs."""
NEVER = {"--yes", "--help", "--install-completion", "--show-completion"}
WRITTEN = {"--out", "--to", "--runs", "--trace"}
"""Options that name a file to write."""


@dataclass(frozen=True)
class Typed:
    """A command line and what is set in its environment."""

    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def outputs(self) -> list[str]:
        """The files that it was asked to write."""
        pairs = zip(self.words, self.words[1:], strict=False)
        return [value.partition("sqlite:///")[2] or value for word, value in pairs if word in WRITTEN]


def _values(name: str, kind: str, choices: tuple[str, ...]) -> st.SearchStrategy[str]:
    """What is typed for a parameter: something fitting, or something odd."""
    if name in WRITTEN:
        fitting: tuple[str, ...] = OUTPUTS
    elif choices:
        fitting = choices
    elif kind == "number":
        fitting = ("1", "3", "1e12", "5e11", "0.3", "7")
    elif kind == "path" or name == "csv":
        fitting = FILES
    elif name == "overrides":
        fitting = OVERRIDES
    elif name in ("--device", "--recipe", "--law", "--numerics"):
        fitting = ("h100", "cpu", "cpu-small", "besiroglu2024", "fp32")
    else:
        fitting = (*NAMES, "0", "context=64", "context", "loss")
    return st.one_of(st.sampled_from(fitting), st.sampled_from(fitting), st.sampled_from(ODD))


def _parameter(parameter: Any, hint: Any) -> st.SearchStrategy[list[str]]:
    """The words of one option or argument."""
    option = parameter.param_type_name == "option"
    name = max(parameter.opts, key=len) if option else parameter.name
    kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type)]
    many = "list" in str(hint)
    if option and bool in kinds:
        return st.just([name])
    choices = [str(value) for kind in kinds if issubclass(kind, Enum) for value in kind]
    values = _values(name, "path" if Path in kinds else "number" if {int, float} & set(kinds) else "", tuple(choices))
    some = st.lists(values, min_size=1, max_size=2) if many else values.map(lambda value: [value])
    return some.map(lambda given: [word for value in given for word in ([name, value] if option else [value])])


@st.composite
def typed(draw: st.DrawFn) -> Typed:
    """A verb with some of its parameters, in an environment with some variables."""
    verb = draw(st.sampled_from([verb for verbs in GROUPS.values() for verb in verbs if verb.name not in LEFT_OUT]))
    command = command_of(typer.main.get_command(app), verb.name)
    hints = get_type_hints(verb.function)
    parameters = [p for p in command.params if p.name in hints and not NEVER & set(p.opts)]
    sweep = draw(st.integers(0, 3)) > 0  # most verbs need a sweep, though its argument is not required
    others = draw(st.lists(st.sampled_from([p.name for p in parameters]), max_size=3)) if parameters else []
    wanted = [p for p in parameters if p.required or p.name in others or (sweep and p.name in ("sweep", "sweeps"))]
    words = [word for parameter in wanted for word in draw(_parameter(parameter, hints[parameter.name]))]
    names = draw(st.lists(st.sampled_from(sorted(VARIABLES)), max_size=2, unique=True)) if draw(st.booleans()) else []
    return Typed((*verb.name.split(), *words), {name: draw(st.sampled_from(("", *VARIABLES[name]))) for name in names})


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Stage:
    """Folders for commands: a home with sweeps, a working folder with files, the user's own, and a temporary one."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def default_home(self) -> Path:
        """The home where ISOFLOP_HOME is empty."""
        return self.root / "user" / ".local" / "share" / "isoflop"

    @property
    def cwd(self) -> Path:
        return self.root / "cwd"

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """A clean environment, with these variables set."""
        clean = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.root / "user"),
            "WANDB_MODE": "disabled",
        }
        clean |= {"TMPDIR": str(self.root / "tmp"), "ISOFLOP_HOME": str(self.home)}
        return clean | dict(variables)

    def left_behind(self) -> set[str]:
        """Every file and folder outside the home, and outside the one that is taken where ISOFLOP_HOME is empty."""
        found = (path for name in ("cwd", "user", "tmp") for path in (self.root / name).rglob("*"))
        return {str(path) for path in found if not path.is_relative_to(self.default_home)}

    def run(self, command: Typed) -> Ended:
        """Carry a command out in this process. Whatever it raises is a defect."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        with (
            mock.patch.dict(os.environ, self.environment(command.variables), clear=True),
            mock.patch.object(sys, "argv", ["isoflop", *command.words]),
            mock.patch.object(tempfile, "tempdir", None),
            contextlib.chdir(self.cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = _exit_code()
        return Ended(code, _text(out), _text(err))


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    raise AssertionError("the command did not end")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined,no-any-return]


def make_stage(root: Path) -> Stage:
    """A stage with three sweeps, a table, a sweep file, and files that are none of these."""
    stage = Stage(root)
    for name in ("home", "cwd/folder", "user", "tmp"):
        (root / name).mkdir(parents=True)
    fill_home(stage.home)
    sweep(seed=1).to_csv(stage.cwd / "runs.csv", index=False)
    (stage.cwd / "empty.csv").write_text("")
    (stage.cwd / "binary.bin").write_bytes(bytes(range(256)))
    (stage.cwd / "text.txt").write_text(
        "\n\n".join(f"the {i}th cat sat on mat number {i * 7}. " * 20 for i in range(300))
    )
    (stage.cwd / "small.yaml").write_text(
        "name: small\nbudgets: [2e6, 4e6, 8e6]\nsizes: {count: 3, span: 2}\ncentre: {tokens_per_param: 10}\ncontext: 16\n"
        "corpus: {source: text, paths: [text.txt], validation_fraction: 0.2}\ntokenizer: {kind: byte}\nepochs_max: 4\n"
    )
    (stage.cwd / "wrong.yaml").write_text("name: [red]\nbudgetz: 1\n")
    return stage


@contextlib.contextmanager
def nothing_trains() -> Iterator[None]:
    """No workers, no measurement, no reading of the installed Python sources, and nobody to wait for."""
    from orchestrator.cluster.ray_session import ClusterError
    from orchestrator.use_cases import planning
    from orchestrator.use_cases.execution import Execution
    from tokenizer.corpus import CorpusError

    prepare = planning.prepare

    def no_sources(corpus: Any, *rest: Any) -> Any:
        if corpus.source == "python":
            raise CorpusError("corpus: no Python sources in this test")
        return prepare(corpus, *rest)

    no_workers = mock.Mock(side_effect=ClusterError("no workers in this test"))
    measured = mock.Mock(side_effect=lambda request: {"step_seconds": [0.01] * len(request["shapes"])})
    with (
        mock.patch.object(Execution, "scheduling", no_workers),
        mock.patch("orchestrator.scheduling.speed._measure", measured),
        mock.patch.object(planning, "prepare", no_sources),
        mock.patch("orchestrator.use_cases.following.ALONE_SECONDS", 0.0),
        mock.patch("orchestrator.use_cases.following.FOLLOW_SECONDS", 0.0),
    ):
        yield
