"""Models on the Hub, against a double of it (`hub_double`): what was trained answers as it did."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_double import HubDouble, serving
from hub_double_client import Client, talking_to
from micro import write_recipe
from transformers import AutoTokenizer

from coconut_bench.benchmarks.recipe import load_recipe
from coconut_bench.benchmarks.run.evaluate import recipe_encoder
from coconut_bench.benchmarks.run.pipeline import run
from coconut_bench.benchmarks.run.spec import RunSpec
from coconut_bench.coconut.methods import get_method
from coconut_bench.generators.datasets import examples
from coconut_bench.leaderboard import Result, read_predictions

REPO = "org/micro"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the micro recipe with markers around its thoughts."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COCONUT_BENCH_CACHE", str(root / "cache"))
        run(RunSpec(load_recipe(str(write_recipe(root, markers=True))), "coconut", 0, False), root / "run")
    return root / "run"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDouble]:
    with serving(tmp_path_factory.mktemp("hub")) as double:
        yield double


@pytest.fixture(scope="module")
def client(hub: HubDouble, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client after the run was published."""
    with talking_to(f"http://127.0.0.1:{hub.port}", tmp_path_factory.mktemp("home")) as client:
        argv = ("--version", "1.0.0", "--dataset-repo", "org/questions", "--yes")
        done = client.command("publish", trained, "--repo", REPO, *argv)
        assert done.code == 0, done.error
        yield client


def test_the_cards_lines_give_the_prompt_and_the_answer_of_the_run(client: Client, trained: Path) -> None:
    side_file = Result.model_validate_json((trained / "result.json").read_bytes()).seeds[0].predictions
    assert side_file is not None
    card = client.python(f"from huggingface_hub import ModelCard; print(ModelCard.load({REPO!r}).text)")
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    told = (
        "import json; prompt = inputs['input_ids'][0].tolist(); answer = written[0, len(prompt):].tolist();"
        "print(json.dumps([type(model).__name__, prompt, len(answer), tokenizer.decode(answer)]))"
    )
    name, prompt, length, text = json.loads(client.python(f"{code}\n{told}").splitlines()[-1])
    tokenizer = AutoTokenizer.from_pretrained(trained / "model")
    recipe = load_recipe(str(trained / "recipe.yaml"))
    encoder, schedule = recipe_encoder(recipe, tokenizer), recipe.schedule(get_method("coconut"))
    first = next(examples("prosqa-tiny", "test"))
    assert name == "CoconutForCausalLM"
    assert prompt == encoder.row(encoder.segments([first])[0], schedule, 2).prompt
    recorded = next(
        prediction
        for prediction in read_predictions(side_file, trained / "predictions")
        if prediction.id == first.id
    )
    assert length == recorded.language_tokens
    assert recorded.prediction in text
    assert prompt.count(encoder.ids.latent) == recorded.thoughts == 2


def test_the_hubs_own_reader_finds_the_result_and_the_check_recomputes_it(
    client: Client, trained: Path, tmp_path: Path
) -> None:
    row = json.loads((trained / "result.json").read_bytes())
    printed = client.python(
        f"""
import json, yaml, pathlib
from huggingface_hub import ModelCard, snapshot_download
data = ModelCard.load({REPO!r}).data
folder = pathlib.Path(snapshot_download({REPO!r}, revision="v1.0.0", local_dir={str(tmp_path)!r}))
[entry] = yaml.safe_load((folder / ".eval_results" / "prosqa-tiny.yaml").read_text())
found = {{result.metric_type: result.metric_value for result in data.eval_results}}
print(json.dumps([str(folder), found, data.datasets, entry["dataset"], entry["value"]]))
"""
    )
    folder, found, datasets, dataset, value = json.loads(printed)
    assert found["accuracy"] == value == row["seeds"][0]["test"]["accuracy"]
    assert found["thoughts"] == 2
    assert datasets == ["org/questions"]
    assert dataset == {"id": "org/questions", "task_id": "prosqa-tiny"}
    checked = client.command("leaderboard", "check", "--leaderboard", Path(folder) / "leaderboard.json")
    assert checked.code == 0, checked.output + checked.error
    assert str(trained.parent) not in (Path(folder) / "config.json").read_text()


def test_a_model_goes_up_once_and_a_tag_without_its_commit_cannot_be(
    client: Client, hub: HubDouble, trained: Path, tmp_path: Path
) -> None:
    repository = hub.repositories["model", REPO]
    assert repository.refs("tags") == {"v1.0.0": repository.resolve("main")}
    same = ("publish", trained, "--repo", REPO, "--dataset-repo", "org/questions", "--yes")
    assert "nothing to do" in client.command(*same, "--version", "1.0.0").output
    assert "nothing to do" in client.command(*same).output
    other = client.command("publish", trained, "--repo", REPO, "--version", "1.0.0", "--yes")
    assert other.code == 2
    assert "with other content" in other.error
    unfinished = tmp_path / "unfinished"
    (unfinished / "model").mkdir(parents=True)
    refused = client.command("publish", unfinished, "--repo", REPO, "--version", "1.0.0", "--dry-run")
    assert refused.code == 2
    assert "must be a folder made by `coconut-bench generate`" in refused.error
