"""Record the hashes of every dataset of the table: ``python tests/golden/record_datasets.py``.

They may never drift within a version: run this only together with a new version of the dataset, and say in
the commit why its examples change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coconut_bench.generators import DATASETS, content_hash, examples
from coconut_bench.generators.example import SPLITS

GOLDEN = Path(__file__).with_name("datasets.json")
PREFIX = 100


def prefixes(name: str, surface: str) -> dict[str, str]:
    """Return the sha256 of the canonical rows of the first examples of each split."""
    return {split: content_hash(name, split, count=PREFIX, surface=surface) for split in SPLITS}


def whole(name: str, surface: str) -> dict[str, str]:
    """Return the sha256 of the canonical rows of each split at its default size and with seed 0."""
    return {split: content_hash(name, split, surface=surface) for split in SPLITS}


def record() -> dict[str, Any]:
    """Return what the golden file holds: dataset and version -> surface -> what -> split -> sha256."""
    return {
        f"{name} {row.version}": {
            surface: {
                "sizes": dict(row.sizes),
                "whole": whole(name, surface),
                f"first {PREFIX}": prefixes(name, surface),
                "first test question": next(examples(name, "test", surface=surface)).question,
            }
            for surface in row.surfaces
        }
        for name, row in DATASETS.items()
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(record(), indent=2) + "\n", encoding="utf-8")
