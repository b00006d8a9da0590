"""Latent reasoning measured honestly: datasets, methods, a harness and a leaderboard.

The four floors, each importing only from those above it in this list:
``generators`` (what is asked), ``coconut`` (how a model reasons and learns),
``leaderboard`` (what a result is), ``benchmarks`` (what is run).
"""

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"generators.tasks": ["create_dataset", "score_answer"]}
)

_REGISTERING = {
    "transformers.models.auto.configuration_auto": ".coconut.config",
    "transformers.models.auto.modeling_auto": ".coconut.modeling",
}
"""Module of transformers → ours, which registers with it when it is imported."""


class _AfterTransformers(MetaPathFinder):
    """Imports our module after that of transformers, so that ``import coconut_bench`` registers the model.

    transformers has no entry points for models, and importing it and torch here would take seconds.
    """

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        ours = _REGISTERING.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if ours else None
        if spec is None or spec.loader is None or ours is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            import_module(ours, __name__)

        spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


if __name__ == "coconut_bench":  # not where a tool imports the root under its folder's name, as pytest does
    sys.meta_path.insert(0, _AfterTransformers())
    for _name in [name for name in _REGISTERING if name in sys.modules]:
        import_module(_REGISTERING.pop(_name), __name__)
