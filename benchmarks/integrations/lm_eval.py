"""Tasks for lm-evaluation-harness: one file for each dataset in ``lm_eval/``, and the functions they name.

    folder=$(python -m coconut_bench.benchmarks.integrations.lm_eval)
    lm_eval --include_path "$folder" --tasks coconut_bench_prosqa_fair ...

Run as a module, this prints the folder of the task files; with ``--write FOLDER`` it writes them to a folder
of yours, with those of plugins. Questions are generated on the fly, without a download.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...generators.answers import ANSWER_MARKER
from ...generators.datasets import DATASETS
from ...generators.extras import require
from ...generators.plugins import load_plugins
from ...generators.row import Dataset
from ...generators.tasks import create_dataset, score_answer

FOLDER = Path(__file__).parents[1] / "lm_eval"
SHOTS = 64  # training questions from which few-shot examples are drawn
_MODULE = "coconut_bench.benchmarks.integrations.lm_eval"
_FIRST_LINE = f"# Written by python -m {_MODULE} --write"


def load(dataset: str, size: int | None = None, seed: int = 0, surface: str | None = None, **_: Any) -> Any:
    """Generate the splits ``train`` (for few-shot examples) and ``test`` in the form that lm-eval reads.

    ``--metadata '{"size": 100, "seed": 1}'`` of lm-eval sets ``size``, ``seed`` and ``surface``.

    Args:
        dataset: Name of the dataset.
        size: Number of test questions; None for the dataset's default.
        seed: Dataset seed.
        surface: Surface of the text; None for the dataset's default.
        **_: Other metadata of lm-eval, ignored.

    Returns:
        Split -> `datasets.Dataset`.
    """
    datasets = require("datasets", "lm-evaluation-harness")
    load_plugins()
    count = DATASETS[dataset].sizes["test"] if size is None else size
    splits = {
        "train": create_dataset(dataset, seed, SHOTS, split="train", surface=surface),
        "test": create_dataset(dataset, seed, count, split="test", surface=surface),
    }
    rows = {
        split: [{**entry, "steps": entry["metadata"]["steps"]} for entry in tasks]
        for split, tasks in splits.items()
    }
    return {split: datasets.Dataset.from_list(found) for split, found in rows.items()}


def doc_to_text(doc: Mapping[str, Any]) -> str:
    """Return the question and a line break, the prompt of this package's methods.

    Args:
        doc: Entry of a split, see `load`.
    """
    return f"{doc['question']}\n"


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """Return what a few-shot example shows: one step a line, and the answer after its marker.

    Args:
        doc: Entry of a split, see `load`.
    """
    return "\n".join([*doc["steps"], f"{ANSWER_MARKER} {doc['answer']}"])


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, float]:
    """Score a model's text with `generators.tasks.score_answer`.

    Args:
        doc: Entry of a split, see `load`.
        results: The text, a list of one.

    Returns:
        exact_match -> 1 or 0.
    """
    return {"exact_match": score_answer(results[0], doc)}


def task_name(dataset: str) -> str:
    """Return the name of a dataset's task, such as ``coconut_bench_prosqa_fair``.

    Args:
        dataset: Name of the dataset.
    """
    return "coconut_bench_" + dataset.replace("-", "_")


def task_text(row: Dataset) -> str:
    """Return the task file of a dataset, as YAML.

    Args:
        row: Row of the table of datasets.
    """
    return f"""\
{_FIRST_LINE}
task: {task_name(row.name)}
tag: coconut_bench
custom_dataset: !function {_MODULE}.load
dataset_kwargs: {{dataset: {row.name}}}
training_split: train
fewshot_split: train
test_split: test
output_type: generate_until
doc_to_text: !function {_MODULE}.doc_to_text
doc_to_target: !function {_MODULE}.doc_to_target
process_results: !function {_MODULE}.process_results
target_delimiter: ""
generation_kwargs: {{until: ["\\n\\n"], do_sample: false, max_gen_toks: 256}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: {{version: {row.version}}}
"""


def write_tasks(folder: Path) -> list[Path]:
    """Write the task file of every dataset, and remove those of datasets that are no more.

    Args:
        folder: Folder of the task files.

    Returns:
        The paths of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {f"{row.name}.yaml": task_text(row) for row in DATASETS.values()}
    for path in folder.glob("*.yaml"):
        if path.name not in texts and path.read_text(encoding="utf-8").startswith(_FIRST_LINE):
            path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def main(arguments: Sequence[str]) -> None:
    """Print the folder of the task files, after writing them if that is asked.

    Args:
        arguments: None, or ``--write`` and a folder (``lm_eval`` in the current one if there is none).
    """
    if not arguments:
        print(FOLDER)
    elif arguments[0] == "--write" and len(arguments) < 3:
        load_plugins()
        folder = Path(*arguments[1:] or ["lm_eval"])
        write_tasks(folder)
        print(folder.resolve())
    else:
        sys.exit(f"Error: arguments must be none, or --write FOLDER, got {' '.join(arguments)}")


if __name__ == "__main__":
    main(sys.argv[1:])
