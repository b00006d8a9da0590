"""Single settings of a recipe, changed by a file that extends it or on the command line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from micro import write_recipe
from tiny_models import encoder

from coconut_bench.benchmarks.overrides import merged, short
from coconut_bench.benchmarks.recipe import Recipe, load_recipe
from coconut_bench.benchmarks.run.choice import default_recipe
from coconut_bench.benchmarks.run.recorded import recorded_recipe
from coconut_bench.benchmarks.run.training import token_removal
from coconut_bench.cli import main
from coconut_bench.coconut.methods import get_method
from coconut_bench.generators import examples
from coconut_bench.leaderboard import read
from coconut_bench.leaderboard.store import SHIPPED

BOMB = "[&a0 [x], " + ", ".join(f"&a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(7)) + "]"


def extended(folder: Path, **fields: Any) -> Recipe:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"description": "mine", **fields}))
    return load_recipe(str(path))


def test_a_file_changes_a_setting_at_any_depth_and_keeps_the_others(tmp_path: Path) -> None:
    tiny = load_recipe("tiny")
    mine = extended(
        tmp_path, extends="tiny", optimizer={"lr": 0.5}, model={"config": {"num_hidden_layers": 4}},
        base={"optimizer": {"warmup": 3}},
    )  # fmt: skip
    assert mine.optimizer == tiny.optimizer.model_copy(update={"lr": 0.5})
    assert mine.model.config == {**(tiny.model.config or {}), "num_hidden_layers": 4}
    assert mine.base and tiny.base
    assert mine.base.optimizer == tiny.base.optimizer.model_copy(update={"warmup": 3})
    assert mine.hash != tiny.hash


def test_another_name_and_the_other_of_two_replace_what_was_there(tmp_path: Path) -> None:
    mine = extended(
        tmp_path, extends="tiny", optimizer={"name": "adamw", "lr": 0.1}, validate_every=None,
        checks_in_last_stage=2, curriculum={"stage_epochs": [1, 1, 1]},
        data={"name": "prosqa-tiny", "train": 640},
    )  # fmt: skip
    assert (mine.optimizer.name, mine.optimizer.betas) == ("adamw", (0.9, 0.999))
    assert (mine.curriculum.stage_steps, mine.curriculum.lengths) == (None, (1, 1, 1))
    assert mine.curriculum.lr_scales == (1.0, 1.0, 0.4)
    assert (mine.data.train, mine.data.test) == (640, 1000)
    other = extended(tmp_path, extends="tiny", data={"name": "prosqa", "surface": "symbolic"}, base=None)
    assert (other.data.test, other.base) == (None, None)
    assert extended(tmp_path, extends="tiny", checks_in_last_stage=2).validate_every is None


def test_merging_changes_neither_of_its_arguments() -> None:
    old, new = {"a": {"b": 1, "c": {"d": 2}}}, {"a": {"c": {"e": 3}}}
    assert merged(old, new) == {"a": {"b": 1, "c": {"d": 2, "e": 3}}}
    assert (old, new) == ({"a": {"b": 1, "c": {"d": 2}}}, {"a": {"c": {"e": 3}}})


def test_the_command_line_changes_settings_with_json_and_yaml_values() -> None:
    tiny = load_recipe("tiny")
    mine = tiny.with_settings(
        [
            "optimizer.lr=3e-4",
            "curriculum.stage_steps=[1, 2, 3]",
            "base.seed=run",
            "markers=true",
            "base.steps=5",
        ]
    )
    assert (mine.optimizer.lr, mine.optimizer.muon_lr) == (3e-4, tiny.optimizer.muon_lr)
    assert (mine.curriculum.stage_steps, mine.markers, mine.name) == ((1, 2, 3), True, "tiny")
    assert mine.base and mine.base.steps == 5
    assert mine.hash not in (tiny.hash, tiny.with_settings(["optimizer.lr=1e-4"]).hash)
    assert tiny.with_settings(["optimizer.lr=0.001"]).hash == tiny.hash
    assert tiny.with_settings([]) is tiny
    other = tiny.with_settings(["data.name=prosqa-tiny-3hop"])
    assert (other.data.surface, other.data.wording, other.answer_marker) == (None, "symbolic", False)
    assert tiny.with_settings(["model.config.num_hidden_layers=4"]).model.config != tiny.model.config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"model.config.x={'[' * 990}{']' * 990}", "nesting must be at most 50 levels"),
        (f"model.config.x={'[' * 5_000}", "nesting must be at most 50 levels"),
        (f"model.config.x={BOMB}", "aliases must stand for at most 100,000 values"),
        ("optimizer.lrr=3", "unknown setting of optimizer 'lrr' (did you mean 'lr'?)"),
        ("optimiser.lr=3", "'optimiser' (did you mean 'optimizer'?)"),
        ("name=mine", "'name'"),
        ("optimizer.lr=fast", "optimizer.lr: Input should be a valid number"),
        ("optimizer.lr=-1", "optimizer.lr: Input should be greater than 0"),
        ("micro_batch_size=automatic", "micro_batch_size: input should be a valid integer"),
        ("micro_batch_size=0", "greater than or equal to 1, or be auto, got 0"),
        ("base.seed=walk", "or be run, got 'walk'"),
        ("batch_size=true", "batch_size: must not be true or false, got True"),
        ("optimizer.lr=yes", "optimizer.lr: must not be true or false"),
        ("group_by_length=1001", "less than or equal to 1000"),
        ("curriculum.stage_steps=[]", "stage_steps or stage_epochs must name at least one stage, got []"),
        ("optimizer.lr.x=1", "lr has no settings of its own"),
        ("optimizer.lr", "-o must be key=value"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_one_line(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["run", "--method", "cot", "-o", text])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("in_an_empty_folder")
def test_a_run_with_other_settings_is_another_row_in_a_folder_of_its_own(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    more = ["-o", "optimizer.lr=1e-3", "-o", "curriculum.thoughts_per_step=2"]
    for settings in ([], more):
        done = CliRunner().invoke(
            main, ["run", "--method", "coconut", "--recipe", "micro.yaml", "--quick", *settings]
        )
        assert done.exit_code == 0, done.output
    folders = sorted(path.name for path in Path("runs").iterdir())
    assert folders == ["micro-coconut-0-lr-1e-3-thoughts_per_step-2-quick", "micro-coconut-0-quick"]
    plain, changed = sorted(
        read("leaderboard.json").measured, key=lambda row: row.seeds[0].tokens.thoughts or 0
    )
    assert plain.recipe.hash != changed.recipe.hash
    assert short(more[1::2]) == "-lr-1e-3-thoughts_per_step-2"


def test_a_rule_about_several_settings_does_not_repeat_the_recipe() -> None:
    with pytest.raises(ValueError, match="exactly one of") as error:
        load_recipe("tiny").with_settings(["validate_every=null"])
    assert str(error.value) == (
        "-o validate_every=null: recipe must have exactly one of checks_in_last_stage and validate_every"
    )


def test_a_run_on_another_dataset_has_a_base_that_fits() -> None:
    tiny, made_for = load_recipe("tiny"), load_recipe("tiny-3hop")
    assert tiny.base and made_for.base
    fitted = tiny.with_dataset("prosqa-tiny-3hop")
    assert fitted.base == tiny.base.model_copy(update={"premises": made_for.base.premises})
    assert tiny.with_dataset("prosqa-tiny").hash == tiny.hash
    assert made_for.with_dataset("prosqa-tiny").base == made_for.base
    assert default_recipe("prosqa-tiny-3hop") == ("tiny-3hop", "it is made for prosqa-tiny-3hop")
    assert default_recipe("prosqa-tiny") == ("tiny", "")
    assert default_recipe("prosqa-tiny-leaky") == ("tiny-leaky", "it is made for prosqa-tiny-leaky")


@pytest.mark.parametrize("option", ["-o ", "-o", "--override ", "--override="])
def test_a_recorded_command_gives_the_recipe_again(option: str) -> None:
    shipped = read(SHIPPED).measured[0]
    entry = shipped.seeds[0]
    command = f"{entry.provenance.command} {option}optimizer.lr=0.5"
    changed = load_recipe(shipped.recipe.name).with_settings(["optimizer.lr=0.5"])
    row = shipped.model_copy(
        update={
            "recipe": shipped.recipe.model_copy(
                update={"hash": changed.hash, "numerics": shipped.recipe.numerics}
            ),
            "seeds": [
                entry.model_copy(
                    update={"provenance": entry.provenance.model_copy(update={"command": command})}
                )
            ],
        }
    )
    assert recorded_recipe(row) == changed


def test_smoothing_shortens_what_any_method_writes_of_its_chain() -> None:
    """iCoT's own part goes first; without a setting it alone is smoothed, with the published λ."""
    data: Any = SimpleNamespace(valid=list(examples("prosqa-tiny", "valid", count=2)))
    plain = load_recipe("tiny")
    smoothed = plain.with_settings(["curriculum.smoothing=2"])
    found = {}
    for recipe in (plain, smoothed):
        for name in ("cot", "coconut", "icot"):
            method = get_method(name)
            plans = recipe.schedule(method).plan(recipe.curriculum.stage_steps or (), recipe.curriculum.rates)
            removal = token_removal(method, recipe, data, encoder(markers=False), plans, None)
            found[name, recipe is smoothed] = removal and (removal.smoothing, removal.scheduled(1000) > 0)
    assert found == {
        ("cot", False): None, ("coconut", False): None, ("icot", False): (4.0, True),
        ("cot", True): (2.0, False), ("coconut", True): (2.0, False), ("icot", True): (2.0, True),
    }  # fmt: skip
