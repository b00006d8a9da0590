"""The card of a published dataset: the header that the Hub reads, and what a reader should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from ..audit.report import LEAKS, Report
from ..audit.rules import EFFORTS
from ..datasets import get_dataset
from ..dial import address_at
from ..wordings.table import PAPERS

# Column → the type in the header's notation, and what it holds.
COLUMNS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "id": ({"dtype": "string"}, "dataset, version, surface, split, seed and index"),
    "question": ({"dtype": "string"}, "the premises, then the question"),
    "steps": ({"list": "string"}, "the chain of thought, one premise used a step"),
    "answer": ({"dtype": "string"}, "what is to be written"),
    "hops": ({"dtype": "int32"}, "how many steps the answer is away"),
    "twin": (
        {"dtype": "string"},
        "id of the question with the same premises, another query entity, the other answer; or null",
    ),
    "idx_to_symbol": ({"list": "string"}, "the names of the graph's nodes"),
    "edges": ({"list": {"list": "int32"}}, "the premises as pairs of indices into them"),
    "root": ({"dtype": "int32"}, "the query entity"),
    "target": ({"dtype": "int32"}, "the candidate that follows"),
    "neg_target": ({"dtype": "int32"}, "the one that does not"),
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


_TWINS = """, and every question has a twin: a contrast pair with the same premises, another query entity and
the other answer"""
_BETWEEN = "\n\n"  # no backslash in an f-string's braces before Python 3.12


class _WithoutAnchors(yaml.SafeDumper):
    """Writes repeated values out, because the Hub's own reader may not know anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class CardSplit(NamedTuple):
    """A split on the Hub.

    Attributes:
        name: Its name there.
        file: Its file there.
        examples: The number of rows.
        in_memory: Bytes in memory (Arrow).
        packed: Bytes of the file.
    """

    name: str
    file: str
    examples: int
    in_memory: int
    packed: int


class Section(NamedTuple):
    """One config of a dataset on the Hub.

    Attributes:
        name: Its name.
        manifest: The manifest of its folder.
        splits: Its splits.
        audit: What the audit found, None where there are too few questions.
    """

    name: str
    manifest: Mapping[str, Any]
    splits: Sequence[CardSplit]
    audit: Report | None

    @property
    def command(self) -> str:
        """The command that generates the same rows again."""
        config = self.manifest["config"]
        sizes = {split: entry["examples"] for split, entry in self.manifest["splits"].items()}
        counts = " ".join(f"--{split} {sizes.get(split, 0)}" for split in ("train", "valid", "test"))
        data = self.manifest["dataset"]
        name = address_at(data["name"], data["version"])
        return (
            f"coconut-bench generate {name} --out {self.name} --seed {config['seed']} "
            f"--surface {config['surface']} {counts}"
        )


def dataset_card(repo: str, manifest: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """Write the dataset card.

    Args:
        repo: The repository on the Hub, owner/name.
        manifest: The manifest of the whole.
        sections: The configs.

    Returns:
        The text of ``README.md``: YAML between dashes, then Markdown.
    """
    header = yaml.dump(
        _header(repo, sections), Dumper=_WithoutAnchors, sort_keys=False, allow_unicode=True, width=100
    )
    parts = [_start(repo, manifest, sections), *(_section(section) for section in sections)]
    parts += [_columns(), _citation(manifest, sections)]
    return f"---\n{header}---\n\n" + "\n\n".join(parts) + "\n"


def _header(repo: str, sections: Sequence[Section]) -> dict[str, Any]:
    total = sum(split.examples for section in sections for split in section.splits)
    return {
        "license": "apache-2.0",
        "language": ["en"],
        "pretty_name": repo.partition("/")[2],
        "annotations_creators": ["machine-generated"],
        "task_categories": ["question-answering", "text-generation"],
        "size_categories": [next((name for limit, name in SIZES if total < limit), "n>1M")],
        "tags": ["latent-reasoning", "chain-of-thought", "synthetic", "coconut", "coconut-bench"],
        "configs": [_files(section, default=len(sections) == 1) for section in sections],
        "dataset_info": [_info(section) for section in sections],
    }


def _files(section: Section, default: bool) -> dict[str, Any]:
    files = [{"split": split.name, "path": split.file} for split in section.splits]
    return {"config_name": section.name, "data_files": files, **({"default": True} if default else {})}


def _info(section: Section) -> dict[str, Any]:
    return {
        "config_name": section.name,
        "features": [{"name": name, **dict(kind)} for name, (kind, _) in COLUMNS.items()],
        "splits": [
            {"name": split.name, "num_bytes": split.in_memory, "num_examples": split.examples}
            for split in section.splits
        ],
        "download_size": sum(split.packed for split in section.splits),
        "dataset_size": sum(split.in_memory for split in section.splits),
    }


def _start(repo: str, manifest: Mapping[str, Any], sections: Sequence[Section]) -> str:
    version, name = manifest["version"], sections[0].name
    return f"""# {repo.partition("/")[2]} {version}

Questions whose answer follows from their premises in several steps, with every step and the graph behind
them; generated by coconut-bench {manifest["generator"]["version"]} to test latent reasoning.

```python
from datasets import load_dataset

questions = load_dataset("{repo}", "{name}", revision="v{version}")
```

Every question was proved before the upload: its text parsed, its graph searched, by code that shares nothing
with the generator. `coconut-bench verify {repo}@v{version}` repeats the proof on the download. A version is
identified by the SHA-256 of its canonical rows, here `{manifest["content_sha256"]}`;
`manifest.json` has that of each split. A tag is never moved."""


def _section(section: Section) -> str:
    data = section.manifest["dataset"]
    rows = "\n".join(
        f"| {split.name} | {split.examples:,} | {split.packed:,} bytes |" for split in section.splits
    )
    return f"""## {section.name}

{data["description"]}. Dataset version {data["version"]}, wording {section.manifest["config"]["surface"]}. No
graph is in two splits{_TWINS if data["twins"] else ""}.

| split | questions | file |
|---|---|---|
{rows}

The same rows again, on any machine:

    {section.command}

### Can it be solved without reasoning?

{_leak(section)}"""


def _leak(section: Section) -> str:
    leak, report = section.manifest["dataset"]["leak"], section.audit
    known = f"**It leaks:** {leak}." if leak else "No guess without reasoning is known."
    if report is None:
        return f"{known} There are too few questions here to audit them."
    lines = [f"| {effort}: {meaning} | {_strongest(report, effort)} |" for effort, meaning in EFFORTS.items()]
    strongest = report.strongest()
    graph = report.strongest("graph-algorithm")
    models = "" if any(row.effort == "learned" for row in report.findings) else " No model was fitted."
    split = report.source.split()[-1]
    return f"""{known} Of {report.examples:,} questions of the {split} split, guesses without the
chain ({", ".join(LEAKS)}) are right on at most {100 * strongest.strength:.1f} %
(`{strongest.name}`, or its opposite); half is chance.{models} The best undirected graph algorithm, which is
no guess but ignores the direction of the premises, is right on {100 * graph.strength:.1f} %
(`{graph.name}`: {graph.cost}).

| guesses | the strongest, % right [95 % interval] |
|---|---|
""" + "\n".join(line for line in lines if not line.endswith("|  |"))


def _strongest(report: Report, effort: str) -> str:
    rows = [row for row in report.findings if row.effort == effort]
    if not rows:
        return ""
    best = max(rows, key=lambda row: row.strength)
    return f"{best.name}: {100 * best.accuracy:.1f} [{100 * best.low:.1f}, {100 * best.high:.1f}]"


def _columns() -> str:
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, (_, meaning) in COLUMNS.items())
    return f"""## Columns

| column | what |
|---|---|
{rows}

`question`, `answer`, `steps` and the graph have the names of the published ProsQA and ProntoQA records."""


def _citation(manifest: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """What to cite: the software, and the papers of the families."""
    families = [get_dataset(section.manifest["dataset"]["name"]).family for section in sections]
    papers = list(dict.fromkeys(text for family in families for text in PAPERS[family].citations))
    plural = "s" if len(papers) > 1 else ""
    return f"""## License and citation

Apache-2.0. Machine-generated: no person wrote any of it or is described in it. Please cite the software and
the paper{plural} that published this kind of question:

```bibtex
@software{{coconut_bench,
  title   = {{coconut-bench: benchmarks and a reference trainer for latent reasoning}},
  author  = {{coconut-bench contributors}},
  version = {{{manifest["generator"]["version"]}}}
}}

{_BETWEEN.join(papers)}
```"""
