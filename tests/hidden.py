"""Packages that are installed, hidden as if they were not; also from the processes that a test starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

VARIABLE = "HIDDEN_PACKAGES"


class Without(MetaPathFinder):
    """All finders, for which some packages are not installed."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names, self.finders = frozenset(names), list(sys.meta_path)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.names:
            return None
        found = (finder.find_spec(fullname, path, target) for finder in self.finders)
        return next((spec for spec in found if spec is not None), None)

    def find_distributions(self, context: DistributionFinder.Context) -> Iterator[Distribution]:
        """Versions of what is installed (``importlib.metadata`` asks the finders, too)."""
        for finder in self.finders:
            yield from getattr(finder, "find_distributions", lambda _: ())(context)


def hide(names: Iterable[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide packages from this process, and by a ``sitecustomize`` in ``folder`` from those that it starts."""
    hidden = set(names)
    for loaded in [one for one in sys.modules if one.partition(".")[0] in hidden]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(sys, "meta_path", [Without(hidden)])
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        "import os, sys\nfrom hidden import VARIABLE, Without\n"
        "sys.meta_path[:] = [Without(os.environ[VARIABLE].split(','))]\n"
    )
    path = os.pathsep.join([str(folder), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv(VARIABLE, ",".join(sorted(hidden)))
