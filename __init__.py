"""Latent reasoning measured honestly: datasets, methods, a harness and a leaderboard.

The four floors, each importing only from those above it in this list:
``generators`` (what is asked), ``coconut`` (how a model reasons and learns),
``leaderboard`` (what a result is), ``benchmarks`` (what is run).
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"generators.tasks": ["create_dataset", "score_answer"]}
)
