"""Synthetic results for the tests of the leaderboard; their numbers are made up and stand nowhere else."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from coconut_bench.leaderboard import (
    Base,
    Compute,
    Cost,
    Dataset,
    Environment,
    Prediction,
    Provenance,
    Recipe,
    Result,
    SeedResult,
    Stage,
    summarize,
    write_predictions,
)

QUESTIONS = 200


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def predictions(
    is_right: Callable[[int], bool], n: int = QUESTIONS, thoughts: int = 2, written: int = 2
) -> list[Prediction]:
    """Answers to questions 0…n-1, which are twins in pairs and of 2 or 3 hops."""
    return [
        Prediction(
            id=f"test-{index}",
            prediction=str(index % 7 if is_right(index) else 9),
            answer=str(index % 7),
            correct=is_right(index),
            language_tokens=written,
            thoughts=thoughts,
            forward_passes=written + thoughts,
            hops=2 + index % 4 // 2,
            twin=f"pair-{index // 2}",
        )
        for index in range(n)
    ]


def provenance(command: str = "coconut-bench run --method coconut") -> Provenance:
    return Provenance(
        command=command,
        commit="ab" * 20,
        dirty=False,
        date="2026-01-02T03:04:05Z",
        environment=Environment(
            python="3.11.7",
            packages={"torch": "2.13.0", "coconut-bench": "0.1.0"},
            platform="Linux",
            hardware="a processor, 2 cores",
            device="cpu",
            threads=2,
        ),
    )


def entry(seed: int, answered: Sequence[Prediction], folder: Path | None = None) -> SeedResult:
    """One seed's entry; with ``folder`` its side file is written there."""
    return SeedResult(
        seed=seed,
        **summarize(answered)._asdict(),
        training=Cost(seconds=400.0 + seed, peak_memory=1 << 29),
        inference=Cost(seconds=3.5),
        compute=Compute(training_flops=10**14 + seed, base_flops=10**13, parameters=495_872),
        stages=[
            Stage(stage=0, steps=800, epochs=5.0, loss=0.25, validation_accuracy=0.9),
            Stage(stage=1, steps=1000, loss=0.125),
        ],
        checkpoint_rule="best validation accuracy in the last stage",
        predictions=write_predictions(answered, folder) if folder else None,
        provenance=provenance(f"coconut-bench run --method coconut --seed {seed}"),
    )


def result(
    seeds: dict[int, Sequence[Prediction]] | None = None,
    *,
    method: str = "coconut",
    recipe: str = "tiny",
    quick: bool = False,
    folder: Path | None = None,
    dataset: str = "synthetic",
) -> Result:
    """A measured row; by default one seed that answers 9 of 10 questions."""
    answered = seeds if seeds is not None else {0: predictions(lambda index: index % 10 != 0)}
    n = len(next(iter(answered.values())))
    return Result(
        dataset=Dataset(
            name=dataset,
            version="1.0.0",
            surface="symbolic",
            split="test",
            n=n,
            content_hash=digest(f"{dataset} {n}"),
            seed=0,
        ),
        method=method,
        recipe=Recipe(name=recipe, hash=digest(recipe)),
        base_model=Base(name="tiny base", parameters=400_000, revision=digest("base")),
        quick=quick,
        seeds=[entry(seed, answered[seed], folder) for seed in sorted(answered)],
    )
