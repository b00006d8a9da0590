"""Runs and sweeps: recipe + method + dataset + seed → trained model, predictions, Result.

Imports no other wing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "evaluate": ["Evaluator"],
        "pipeline": ["run"],
        "spec": ["RunSpec"],
        "sweep": ["Grid"],
        "trained": ["TrainedRun", "load_run"],
    },
)
