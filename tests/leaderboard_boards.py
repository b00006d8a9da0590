"""Synthetic leaderboards of any size, for tests of load and for timing commands by hand.

python tests/leaderboard_boards.py FOLDER 60 120 480 2000 10000
"""

import os
import random
import sys
from itertools import product
from pathlib import Path

from leaderboard_examples import digest, entry, predictions, result

from coconut_bench.leaderboard import Leaderboard, Prediction, Recipe, Result, read
from coconut_bench.leaderboard.store import SHIPPED, dump, side_files

METHODS = ("coconut", "cot", "icot", "no-cot", "pause")


def write_board(path: Path, rows: int, *, questions: int = 20, seeds: int = 1, datasets: int = 1) -> Path:
    """Write a valid leaderboard: ``rows`` measured rows with predictions of their own, and the quoted ones.

    Accuracies are spread evenly from 50 to 100 %. Rows differ in method and recipe, as a sweep's do.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made: list[Result] = []
    names = product(range(rows // (len(METHODS) * datasets) + 1), range(datasets), METHODS)
    for number, (recipe, data, method) in zip(range(rows), names, strict=False):
        name = f"sweep-{recipe}"
        first = made[0] if made else result(seeds_of(0, rows, questions, 1))
        dataset = first.dataset.model_copy(update={"name": f"data-{data}", "content_hash": digest(str(data))})
        answered = seeds_of(number, rows, questions, seeds)
        change = {
            "dataset": dataset,
            "method": method,
            "recipe": Recipe(name=name, hash=digest(name)),
            "seeds": [entry(seed, answers, side_files(path)) for seed, answers in answered.items()],
        }
        made.append(first.model_copy(update=change))
    made.sort(key=lambda row: (row.dataset.name, row.recipe.name, row.method))
    path.write_text(dump(Leaderboard(rows=[*made, *read(SHIPPED).quoted])), encoding="utf-8")
    return path


def seeds_of(number: int, rows: int, questions: int, seeds: int) -> dict[int, list[Prediction]]:
    """Seed → the answers of row ``number``, drawn anew for each."""
    share = 1 - number / (2 * rows)
    found = {}
    for seed in range(seeds):
        draw = random.Random(f"{number} {seed}")
        wrong = set(draw.sample(range(questions), round((1 - share) * questions)))
        found[seed] = predictions(lambda index, wrong=wrong: index not in wrong, questions)
    return found


if __name__ == "__main__":
    os.fsync = lambda descriptor: None  # ten thousand files need not outlive a power cut
    for size in sys.argv[2:]:
        print(write_board(Path(sys.argv[1]) / size / "leaderboard.json", int(size)))
