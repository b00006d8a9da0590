"""Rows start from the base model that they name, and rows of one recipe have one version of the numerics."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from leaderboard_examples import digest, predictions, result

from coconut_bench.leaderboard import Result, add
from coconut_bench.leaderboard.check import check
from coconut_bench.leaderboard.lineage import lineage_problems
from coconut_bench.leaderboard.store import read, side_files


def row(
    method: str,
    bases: Sequence[str | None],
    *,
    per_seed: bool = False,
    numerics: int | None = 2,
    folder: Path | None = None,
    dates: Sequence[str] = (),
) -> Result:
    """A row with a seed for each of ``bases``, the text that the hash of its base weights is made of."""
    made = result(
        {seed: predictions(lambda _: True) for seed in range(len(bases))}, method=method, folder=folder
    )
    seeds = [
        entry.model_copy(
            update={
                "base_weights": base and digest(base),
                "provenance": entry.provenance.model_copy(update={"date": f"2026-01-{day}T00:00:00Z"}),
            }
        )
        for entry, base, day in zip(made.seeds, bases, dates or ["01"] * len(bases), strict=True)
    ]
    return made.model_copy(
        update={
            "seeds": seeds,
            "recipe": made.recipe.model_copy(update={"numerics": numerics}),
            "base_model": made.base_model.model_copy(update={"per_seed": per_seed}),
        }
    )


CLEAN = {
    "one base for all": [row("coconut", "aaa"), row("cot", "a")],
    "one base per seed": [row("coconut", "abc", per_seed=True), row("cot", "ab", per_seed=True)],
    "not recorded": [row("coconut", [None, None], numerics=None), row("cot", [None], numerics=None)],
    "not recorded, per seed": [row("coconut", [None, None], per_seed=True)],
}


@pytest.mark.parametrize("name", CLEAN)
def test_runs_from_the_base_model_that_their_rows_name_are_no_problem(name: str) -> None:
    assert list(lineage_problems(CLEAN[name])) == []


# What is wrong → the rows, and for each problem the method, the seed, and words of the message.
WRONG = {
    "two bases in a row": (
        [row("coconut", "aba")],
        [("coconut", 1, f"must be {digest('a')[:12]}, those of the newest run from this base, got")],
    ),
    "the newest run counts": (
        [row("coconut", "aab", dates=["01", "02", "03"])],
        [("coconut", seed, f"must be {digest('b')[:12]}, ") for seed in (0, 1)],
    ),
    "a base that is known in one run only": (
        [row("coconut", ["a", None])],
        [("coconut", 1, "got not recorded")],
    ),
    "two bases in two rows": (
        [row("coconut", "aa"), row("cot", "b")],
        [("cot", 0, f"got {digest('b')[:12]}")],
    ),
    "another base for the same seed": (
        [row("coconut", "ab", per_seed=True), row("cot", "ac", per_seed=True)],
        [("cot", 1, f"must be {digest('b')[:12]}, those of the newest run with this seed from this base")],
    ),
    "a seed that did not reach the base": (
        [row("coconut", "aa", per_seed=True)],
        [("coconut", 1, f"as base_model.per_seed says, got {digest('a')[:12]}, those of seed 0")],
    ),
    "numerics without a version": (
        [row("coconut", "a"), row("cot", "a", numerics=None)],
        [("cot", 0, "recorded before the numerics had a version, unlike other rows of its recipe")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_agree_is_named(name: str) -> None:
    rows, expected = WRONG[name]
    found = list(lineage_problems(rows))
    assert len(found) == len(expected), found
    for problem, (method, seed, words) in zip(found, expected, strict=True):
        assert f" {method} on synthetic, seed {seed}: " in problem
        assert words in problem


def test_bases_of_different_revisions_may_differ() -> None:
    other = row("cot", "b")
    base = other.base_model.model_copy(update={"revision": digest("another recipe")})
    assert list(lineage_problems([row("coconut", "a"), other.model_copy(update={"base_model": base})])) == []
    unnamed = base.model_copy(update={"revision": None})
    assert list(lineage_problems([other.model_copy(update={"base_model": unnamed}), row("pause", "a")])) == []


def test_recipes_with_a_base_for_each_seed_may_differ_in_its_last_bits() -> None:
    """``tiny`` and ``tiny-leaky`` make the same base model, perhaps on other machines."""
    here, there = row("coconut", "ab", per_seed=True), row("coconut", "cd", per_seed=True)
    other = there.model_copy(update={"recipe": there.recipe.model_copy(update={"name": "another"})})
    assert list(lineage_problems([here, other])) == []
    assert len(list(lineage_problems([here, there.model_copy(update={"method": "cot"})]))) == 2


def test_another_processor_may_make_other_last_bits() -> None:
    here, there = row("coconut", "ab", per_seed=True), row("cot", "cd", per_seed=True)
    assert len(list(lineage_problems([here, there]))) == 2
    for cores, problems in (("a processor with AVX2, 2 cores", 0), ("a processor, 64 cores", 2)):
        moved = [
            entry.model_copy(
                update={
                    "provenance": entry.provenance.model_copy(
                        update={
                            "environment": entry.provenance.environment.model_copy(update={"hardware": cores})
                        }
                    )
                }
            )
            for entry in there.seeds
        ]
        assert len(list(lineage_problems([here, there.model_copy(update={"seeds": moved})]))) == problems


def test_the_check_says_what_to_run_again(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    mixed = row("coconut", "ab", folder=tmp_path / "run").model_copy(update={"quick": True, "thoughts": 1})
    add(path, mixed, predictions=tmp_path / "run")
    (problem,) = check(read(path), side_files(path))
    assert mixed.seeds[1].predictions
    assert problem.startswith(f"{mixed.key} coconut on synthetic, seed 1: base_weights must be ")
    assert problem.endswith(
        f"({mixed.seeds[1].predictions.file}); run again: "
        "coconut-bench run --method coconut --recipe tiny --seed 1 --thoughts 1 --quick --replace"
    )
