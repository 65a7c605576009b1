"""Makes isoflop's processes import isoflop's packages, whatever else is called `model` or `analysis` on the path.

The wheel also installs this file as `isoflop_own_packages`, with `isoflop.pth`, which Python runs when it starts. So it
works for every entry point: the command, and `python -m model.train` in a folder that has a `model.py` of its own.
Other processes of the environment are left alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

PACKAGES = ("analysis", "model", "orchestrator", "sweeps", "tokenizer")
"""The top-level packages of isoflop."""
WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
"""Options of Python that are followed by a value."""


class OwnPackages:
    """Finds isoflop's packages in the first folder of the module path that has all of them."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where one of the packages is; None for any other module."""
        if path is not None or name not in PACKAGES:
            return None
        folder = next(filter(_is_isoflop, sys.path), None)
        return None if folder is None else PathFinder.find_spec(name, [folder], target)


def _is_isoflop(folder: str) -> bool:
    """Whether a folder of the module path holds isoflop."""
    return all(os.path.isfile(os.path.join(folder, package, "__init__.py")) for package in PACKAGES) and os.path.isfile(  # noqa: PTH113, PTH118
        os.path.join(folder, "orchestrator", "own_packages.py")  # noqa: PTH118
    )


def put_first() -> None:
    """Look for isoflop's packages before anything else on the module path."""
    if not any(isinstance(finder, type) and finder.__name__ == OwnPackages.__name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, OwnPackages)


def put_first_if_ours() -> None:
    """The same in a process that is isoflop's own, by how it was started."""
    if is_ours(sys.orig_argv):
        put_first()


def is_ours(command: Sequence[str]) -> bool:
    """Whether a command line of Python starts `isoflop` or one of the modules of its packages."""
    words = iter(command[1:])
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif word.startswith("-") and not word.startswith("--") and word.endswith("m"):
            return next(words, "").partition(".")[0] in PACKAGES
        elif not word.startswith("-"):
            return os.path.basename(word) == "isoflop"  # noqa: PTH119 - pathlib would be loaded by every Python
        elif word.startswith("-c"):
            return False
    return False
