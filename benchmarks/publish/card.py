"""The card of a published model: the YAML header that the Hub reads, and the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from ...coconut.methods import METHODS
from ...coconut.tokens import BEGIN_THOUGHT, END_THOUGHT, LATENT, PAUSE
from ...leaderboard.aggregate import aggregate
from ...leaderboard.export.target import model_name
from ...leaderboard.result import Result, SeedResult
from ...leaderboard.samples import Sample
from ..recipe import Recipe

CITATION = """```bibtex
@article{hao2024coconut,
  title   = {Training Large Language Models to Reason in a Continuous Latent Space},
  author  = {Hao, Shibo and Sukhbaatar, Sainbayar and Su, DiJia and Li, Xian and Hu, Zhiting and
             Weston, Jason and Tian, Yuandong},
  journal = {arXiv preprint arXiv:2412.06769},
  year    = {2024}
}
```"""


def model_card(
    repo: str,
    row: Result,
    recipe: Recipe | None,
    samples: Mapping[int, list[Sample]],
    index: Mapping[str, Any],
    dataset_repo: str | None,
) -> str:
    """Write the text of ``README.md``: YAML between dashes, then Markdown.

    Args:
        repo: Name of the model repository, org/name.
        row: Result of the run, of one seed.
        recipe: Recipe of the run; None if it was not kept.
        samples: Seed -> predictions with the questions.
        index: The entry ``model-index`` of the header.
        dataset_repo: Dataset repository with the questions of the run.
    """
    own = recipe is not None and recipe.model.pretrained is None
    header: dict[str, Any] = {
        **({"license": "apache-2.0"} if own else {}),  # pretrained weights have a license of their own
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["latent-reasoning", "coconut-bench", f"coconut-bench-{row.method}"],
        **({"datasets": [dataset_repo]} if dataset_repo else {}),
        **index,
    }
    text = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=100)
    entry = row.seeds[0]
    parts = [
        _start(row, entry),
        _results(repo, row),
        _usage(repo, row, recipe, samples),
        _training(row, entry),
    ]
    return f"---\n{text}---\n\n" + "\n\n".join([*parts, CITATION]) + "\n"


def _start(row: Result, entry: SeedResult) -> str:
    method = METHODS[row.method].description if row.method in METHODS else row.method
    quick = (
        "\n\n**A trial run (`--quick`) at about a hundredth of the work, not a result.**" if row.quick else ""
    )
    return f"""# {model_name(row)}, seed {entry.seed}

`{row.method}` ({method}), trained with recipe `{row.recipe.name}` of coconut-bench on {row.dataset.name}
{row.dataset.version}, wording {row.dataset.surface}; {row.base_model.parameters or 0:,} parameters, from
`{row.base_model.name}`. Trained to compare methods of latent reasoning on one kind of question; it answers no
others.{quick}"""


def _results(repo: str, row: Result) -> str:
    means, entry = aggregate(row), row.seeds[0]
    interval = means.interval
    lines = [
        f"| exact match | {entry.test.counts}, {100 * means.accuracy:.1f} % "
        f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}] |",
        f"| language tokens a question | {entry.tokens.language:g} |",
        f"| continuous thoughts a question | {entry.tokens.thoughts:g} |",
        f"| forward passes a question | {entry.tokens.forward_passes:g} |",
    ]
    if entry.twins is not None:
        lines.insert(1, f"| both twins right | {entry.twins.counts} |")
    for hops, score in (entry.by_hops or {}).items():
        lines.append(f"| exact match at {hops} hops | {score.counts} |")
    rows = "\n".join(lines)
    return f"""## Result

{row.dataset.n:,} questions of the {row.dataset.split} split (sha256 of the canonical rows
`{row.dataset.content_hash}`); 95 % interval.

| | |
|---|---|
{rows}

`leaderboard.json` is the row, `predictions/` has every answer; all numbers are recomputed from them with:

    hf download {repo} --local-dir model
    coconut-bench leaderboard check --leaderboard model/leaderboard.json"""


def _usage(repo: str, row: Result, recipe: Recipe | None, samples: Mapping[int, list[Sample]]) -> str:
    load = f"""## Use

Needs the package coconut-bench, which registers the model type `coconut` with transformers.

```python
from transformers import AutoTokenizer
from coconut_bench.coconut.modeling import CoconutForCausalLM

tokenizer = AutoTokenizer.from_pretrained("{repo}")
model = CoconutForCausalLM.from_pretrained("{repo}")
"""
    prompt = _prompt(row, recipe, samples)
    if prompt is None or recipe is None:
        return load + "```"
    return f"""{load}
prompt = {prompt!r}
inputs = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
written = model.generate(**inputs, max_new_tokens={recipe.max_new_tokens}, do_sample=False)
print(tokenizer.decode(written[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

A continuous thought is `{LATENT}` in the prompt: the model computes it there, and never writes the token."""


def _prompt(row: Result, recipe: Recipe | None, samples: Mapping[int, list[Sample]]) -> str | None:
    """Return the model's prompt for the first test question; None where it is not recorded."""
    entry = row.seeds[0]
    method = METHODS.get(row.method)
    filler = method.filler if method else None
    if recipe is None or filler is None or not samples.get(entry.seed):
        return None
    first = samples[entry.seed][0]
    count = first.prediction.thoughts or 0
    if filler == "pause":
        if entry.answered is None:
            return None
        count = entry.answered.thoughts
    fillers = (LATENT if filler == "latent" else PAUSE) * count
    is_marked = recipe.markers and (fillers or (recipe.empty_markers and filler != "none"))
    if is_marked or (method and method.delimits):
        fillers = f"{BEGIN_THOUGHT}{fillers}{END_THOUGHT}"
    return f"{first.question}\n{fillers}"


def _training(row: Result, entry: SeedResult) -> str:
    origin, machine = entry.provenance, entry.provenance.environment
    commit = f" at commit `{origin.commit}`{' with changes' if origin.dirty else ''}" if origin.commit else ""
    versions = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return f"""## Training

    {origin.command}

{origin.date}{commit}; {entry.training.seconds:.0f} seconds on {machine.hardware} ({machine.device}, threads:
{machine.threads}), Python {machine.python}, {versions}. Checkpoint: {entry.checkpoint_rule}. Recipe hash
`{row.recipe.hash}`.

Please cite the paper that the benchmark is built on:"""
