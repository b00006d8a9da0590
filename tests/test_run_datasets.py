"""Every method of the table on every dataset: trained for a step a stage, tested, filed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from micro import MICRO

from coconut_bench.cli import main
from coconut_bench.coconut.curriculum import Schedule
from coconut_bench.coconut.encoding import IGNORE, Encoder, collate
from coconut_bench.coconut.methods import METHODS
from coconut_bench.coconut.tokens import special_ids, split_words, word_tokenizer
from coconut_bench.generators import DATASETS, examples
from coconut_bench.leaderboard import read

CURRICULUM = {"stage_steps": [1, 1, 1], "extra_stage": True}
WITHOUT_BASE: dict[str, Any] = {name: value for name, value in MICRO.items() if name != "base"}


@pytest.mark.parametrize(
    "dataset",
    [pytest.param(row.name, marks=pytest.mark.slow if row.axis else ()) for row in DATASETS.values()],
)
def test_a_run_takes_every_dataset(dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    changes = {"curriculum": CURRICULUM, "batch_size": 2, "max_new_tokens": 4, "checks_in_last_stage": 1}
    Path("micro.yaml").write_text(yaml.safe_dump({**WITHOUT_BASE, **changes}))
    arguments = ["run", "--recipe", "micro.yaml", "--dataset", dataset]
    done = CliRunner().invoke(main, [*arguments, "--method", "coconut"])
    assert done.exit_code == 0, done.output
    [row] = read("leaderboard.json").measured
    assert (row.dataset.name, row.dataset.n, row.seeds[0].tokens.thoughts) == (dataset, 12, 1.0)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_encodes_every_dataset_at_every_stage(method: str, dataset: str) -> None:
    """The prompt begins with the question, the answer is learned, and nothing of it stands in the prompt."""
    asked = list(examples(dataset, "train", count=4))
    words = {word for e in asked for text in (e.question, *e.steps, e.answer) for word in split_words(text)}
    words.update(symbol for e in asked if e.graph is not None for symbol in e.graph.symbols)
    tokenizer = word_tokenizer(sorted(words))
    encoder = Encoder(tokenizer, special_ids(tokenizer), markers=True)
    schedule = Schedule(METHODS[method], last=8, thoughts_per_step=2, extra_stage=True)
    if METHODS[method].mixes and dataset.startswith("prontoqa"):  # "not sweet" is a concept
        with pytest.raises(ValueError, match="concepts of one token each, got 'not "):
            [encoder.row(parts, schedule, schedule.last) for parts in encoder.segments(asked)]
        return
    for stage in METHODS[method].stages(schedule.last):
        for parts in encoder.segments(asked):
            row = encoder.row(parts, schedule, stage)
            assert row.prompt[: len(parts.question)] == parts.question
            left = len(parts.steps) - schedule.steps_removed(stage, len(parts.steps))
            if METHODS[method].target == "frontier" and left > 0:  # a concept, then the end
                assert len(row.target) > 1 and row.target[-1] == encoder.ids.end
            else:
                assert row.target[-len(parts.answer) :] == parts.answer
            added = {
                encoder.ids.latent,
                encoder.ids.pause,
                encoder.ids.begin_thought,
                encoder.ids.end_thought,
            }
            assert set(row.prompt[len(parts.question) :]) <= added
            batch = collate([row], encoder.ids.pad)
            assert batch.labels[batch.labels != IGNORE].tolist() == row.target
