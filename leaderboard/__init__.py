"""What a result is: recorded, compared, drawn. Nothing here imports torch or a model."""

from .measures import Cost, Score, Stage, Tokens
from .provenance import provenance
from .result import (
    Base,
    Dataset,
    Environment,
    Leaderboard,
    Provenance,
    QuotedResult,
    Recipe,
    Result,
    SeedResult,
    SideFile,
)
from .store import add, read
from .table import render

__all__ = [
    "Base",
    "Cost",
    "Dataset",
    "Environment",
    "Leaderboard",
    "Provenance",
    "QuotedResult",
    "Recipe",
    "Result",
    "Score",
    "SeedResult",
    "SideFile",
    "Stage",
    "Tokens",
    "add",
    "provenance",
    "read",
    "render",
]
