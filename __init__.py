"""Latent reasoning measured honestly: datasets, methods, a harness and a leaderboard.

The four floors, each importing only from those above it in this list:
``generators`` (what is asked), ``coconut`` (how a model reasons and learns),
``leaderboard`` (what a result is), ``benchmarks`` (what is run).
"""

__version__ = "0.1.0"
