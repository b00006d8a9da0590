"""What a result is: recorded, compared, drawn. Imports no torch and no model."""

from .measures import Cost, Score, Stage, Tokens
from .predictions import Prediction, Summary, read_predictions, summarize, write_predictions
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
    "Prediction",
    "Provenance",
    "QuotedResult",
    "Recipe",
    "Result",
    "Score",
    "SeedResult",
    "SideFile",
    "Stage",
    "Summary",
    "Tokens",
    "add",
    "provenance",
    "read",
    "read_predictions",
    "render",
    "summarize",
    "write_predictions",
]
