"""What is asked: datasets of questions with their chains of thought. No torch, no network."""

from .datasets import DATASETS, Dataset, content_hash, examples, get_dataset
from .example import Example, Graph, canonical_row
from .lookup import pick

__all__ = [
    "DATASETS",
    "Dataset",
    "Example",
    "Graph",
    "canonical_row",
    "content_hash",
    "examples",
    "get_dataset",
    "pick",
]
