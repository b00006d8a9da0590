"""The base model's training: how the number of premises grows, and what is said of one that did not learn."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from micro import MICRO, write_recipe

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.recipe_parts import BasePart
from coconut_bench.cli import main


def grown(**changes: int) -> list[int]:
    part = BasePart.model_validate(
        MICRO["base"] | {"steps": 10, "first_premises": 3, "premises": 6, **changes}
    )
    return [part.premises_at(step) for step in range(10)]


def test_premises_grow_one_after_another_from_the_first_step_or_from_a_later_one() -> None:
    assert grown(growth_steps=6) == [3, 3, 4, 4, 5, 5, 6, 6, 6, 6]
    assert grown(growth_steps=3, growth_from=4) == [3, 3, 3, 3, 3, 4, 5, 6, 6, 6]
    assert grown(growth_steps=1) == [3, 6, 6, 6, 6, 6, 6, 6, 6, 6]


def test_the_growth_must_begin_before_the_training_ends() -> None:
    with pytest.raises(ValueError, match=r"growth_from must be below steps \(1000\), got 1000"):
        load_recipe("tiny").with_settings(["base.growth_from=1000"])


def test_a_smoke_test_has_a_hundredth_of_each_part_of_the_growth() -> None:
    base = load_recipe("tiny").base
    assert base is not None and base.quick().growth_from is None
    late = base.model_copy(update={"growth_from": 300}).quick()
    assert (late.steps, late.growth_steps, late.growth_from) == (10, 2, 3)


@pytest.mark.usefixtures("in_an_empty_folder")
def test_a_base_model_that_looks_nothing_up_is_said_to_be_of_no_use(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    command = ["run", "--method", "no-cot", "--recipe", "micro.yaml"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    [note] = [line for line in done.output.splitlines() if line.startswith("Note: from a base model that")]
    assert note.endswith("(base.steps), or more of them with few premises (base.growth_from)")
    assert "Note:" not in CliRunner().invoke(main, [*command, "--quick"]).output
