"""Datasets as tasks of inspect-ai.

    inspect eval coconut_bench/coconut_bench -T dataset=prosqa-fair -T size=100 --model …

The entry point ``inspect_ai`` of this package registers the task. Needs inspect-ai (the extra ``inspect``).
"""

from __future__ import annotations

from typing import Any

from ...generators.answers import ANSWER_MARKER
from ...generators.datasets import get_dataset
from ...generators.extras import missing
from ...generators.tasks import Entry, create_dataset, score_answer

try:
    from inspect_ai import Task, task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.scorer import CORRECT, INCORRECT, Score, Target, accuracy, grouped, scorer, stderr
    from inspect_ai.solver import TaskState, generate, prompt_template
except ImportError as error:
    raise missing("inspect_ai", __name__) from error

PROMPT = f"""{{prompt}}

Think as long as you like. End with one line that has {ANSWER_MARKER} and then the answer, worded as in
these examples, and nothing else: {{examples}}"""


@task
def coconut_bench(
    dataset: str = "prosqa-fair",
    size: int = 100,
    seed: int = 0,
    split: str = "test",
    surface: str | None = None,
) -> Any:
    """Make a task of a dataset, scored by `generators.tasks.score_answer`.

    The prompt shows three answers of training questions, without the questions.

    Args:
        dataset: Name of the dataset.
        size: Number of questions.
        seed: Dataset seed.
        split: Name of the split.
        surface: Surface of the text; None for the dataset's default.

    Returns:
        The task.

    Raises:
        ValueError: Unknown dataset, split or surface, or size out of range.
    """
    entries = create_dataset(dataset, seed, size, split=split, surface=surface)
    shown = create_dataset(dataset, seed, 6, split="train", surface=surface)
    # One of each pair of twins (contrast pairs: same premises, other query entity, other answer).
    worded = "; ".join(f"{ANSWER_MARKER} {shown[i]['answer']}" for i in (0, 2, 4))
    return Task(
        dataset=MemoryDataset([_sample(entry) for entry in entries], name=dataset),
        solver=[prompt_template(PROMPT, examples=worded), generate()],
        scorer=exact_match(),
        version=get_dataset(dataset).version,
    )


@scorer(metrics=[grouped(accuracy(), "hops"), stderr()])
def exact_match() -> Any:
    """Score the text after the last marker by exact match; report accuracy in total and by hops."""

    async def score(state: TaskState, target: Target) -> Score:
        written = state.output.completion
        right = score_answer(written, {"answer": target.text})
        return Score(value=CORRECT if right else INCORRECT, answer=written.split(ANSWER_MARKER)[-1].strip())

    return score


def _sample(entry: Entry) -> Any:
    metadata = entry["metadata"]
    return Sample(
        input=entry["question"],
        target=entry["answer"],
        id=metadata["id"],
        metadata={"hops": metadata["difficulty"]["hops"], "steps": metadata["steps"]},
    )
