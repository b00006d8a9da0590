"""What a measured row of the page opens to: controls, tests, hashes, and each seed's numbers, folded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..measures import Compute, Controls, Score
from ..result import Result, SeedResult
from ..store import PREDICTIONS
from .audited import guesses
from .axes import Guess, percent
from .markup import Markup, definitions, join, plain_row, tag, unbroken
from .seeds import curve_chart

CURVE = "Validation accuracy by optimizer steps; a dashed line starts a stage"
STAGES = ("Stage", "Steps", "Epochs", "Seconds", "Last loss", "Validation accuracy")


def details(row: Result, key: str, compared: Sequence[str]) -> Markup:
    """Build what a row opens to.

    Args:
        row: The row.
        key: Its key.
        compared: What the tests say of it against other rows, in sentences.

    Returns:
        Its controls, its tests, its hashes, and its seeds, folded.
    """
    data, base = row.dataset, row.base_model
    parameters = "unknown" if base.parameters is None else f"{base.parameters:,}"
    facts = definitions(
        ("Row", key),
        ("Dataset", f"{data.name} {data.version}, {data.surface}, {data.split}, {data.n} questions"),
        ("Content hash", data.content_hash),
        ("Data seed", "none" if data.seed is None else str(data.seed)),
        ("Data revision", data.revision or "none"),
        ("Recipe", f"{row.recipe.name}, {row.recipe.hash or 'no hash'}"),
        ("Numerics version", str(row.recipe.numerics or "none")),
        ("Base model", f"{base.name}, {parameters} parameters, revision {base.revision or 'none'}"),
        ("Base weights", "one model per seed" if base.per_seed else "one model for all seeds"),
    )
    tests = tag("ul", *(tag("li", unbroken(said)) for said in compared))
    lines = guesses(data)
    return join(
        *([tag("h3", "Controls"), tag("p", _controlled(row.controls))] if row.controls else []),
        *([tag("h3", "Compared with the other rows, ties first"), tests] if compared else []),
        tag("h3", "Row"),
        facts,
        tag("h3", "Seeds"),
        *(_seed(entry, lines) for entry in row.seeds),
    )


def _controlled(controls: Controls) -> str:
    seeds = ", ".join(map(str, controls.seeds))
    return f"{controls.verdict} (Seeds {seeds}; {controls.n:,} questions each.)"


def _seed(entry: SeedResult, lines: Sequence[Guess]) -> Markup:
    curve = curve_chart(entry, lines)
    return tag(
        "details",
        tag("summary", f"Seed {entry.seed}: {entry.test.counts} right ({percent(entry.test.accuracy)})"),
        tag("pre", tag("code", entry.provenance.command), tabindex="0"),
        _measurements(entry),
        _stages(entry),
        *([tag("figure", curve, tag("figcaption", CURVE))] if curve else []),
        class_="seed",
    )


def _measurements(entry: SeedResult) -> Markup:
    source, here = entry.provenance, entry.provenance.environment
    dirty = ", modified" if source.dirty else ""
    packages = ", ".join(f"{name} {version}" for name, version in sorted(here.packages.items()))
    side = entry.predictions
    link = tag("a", side.file, href=f"{PREDICTIONS}/{side.file}", download=True) if side else Markup("none")
    twins = (
        [("Twin consistency (both questions of a pair right)", _score(entry.twins))] if entry.twins else []
    )
    return definitions(
        ("Accuracy", _score(entry.test)),
        *((f"{hops} hops", _score(score)) for hops, score in (entry.by_hops or {}).items()),
        *((f"Shortcut {kind}", _score(score)) for kind, score in (entry.by_shortcut or {}).items()),
        *twins,
        ("Training", _cost(entry.training.seconds, entry.training.peak_memory)),
        *_compute(entry.compute),
        ("Inference", _cost(entry.inference.seconds, entry.inference.peak_memory)),
        ("Checkpoint", entry.checkpoint_rule),
        ("Base weights", entry.base_weights or "not recorded"),
        ("Trained weights", entry.weights or "not recorded"),
        ("Commit", f"{source.commit}{dirty}" if source.commit else "unknown"),
        ("Date", source.date),
        ("Machine", f"{here.hardware}, {here.device}, threads: {here.threads or 'unknown'}, {here.platform}"),
        ("Processes", str(here.processes)),
        ("Versions", f"Python {here.python}, {packages}"),
        ("Predictions", link),
        ("Predictions sha256", side.sha256 if side else "none"),
    )


def _stages(entry: SeedResult) -> Markup:
    if not entry.stages:
        return Markup()
    lines = (
        (
            str(stage.stage),
            str(stage.steps),
            "" if stage.epochs is None else f"{stage.epochs:g}",
            "" if stage.seconds is None else f"{stage.seconds:.0f}",
            "" if stage.loss is None else f"{stage.loss:.4g}",
            "" if stage.validation_accuracy is None else percent(stage.validation_accuracy),
        )
        for stage in entry.stages
    )
    caption = tag("caption", f"Training stages, seed {entry.seed}")
    return tag("table", caption, _stages_head(), tag("tbody", *map(plain_row, lines)), class_="stages")


@cache
def _stages_head() -> Markup:
    return tag("thead", tag("tr", *(tag("th", title, scope="col") for title in STAGES)))


def _score(score: Score) -> str:
    low, high = score.interval
    return f"{percent(score.accuracy)} ({score.counts}; {100 * low:.1f} to {100 * high:.1f})"


def _compute(found: Compute | None) -> list[tuple[str, str]]:
    known = found or Compute()
    parts = (
        ("Training FLOPs", known.training_flops),
        ("Base model's FLOPs", known.base_flops),
        ("Parameters used when answering", known.parameters),
    )
    return [(name, f"{count:,}") for name, count in parts if count is not None]


def _cost(seconds: float | None, memory: int | None) -> str:
    return ("unknown" if seconds is None else f"{seconds:.1f} s") + (
        "" if memory is None else f", {memory / 2**20:.0f} MiB peak"
    )
