"""The search tree of one question: its graph with the values of the frontier after each thought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import networkx as nx

from ...generators.figures import new_figure
from .figures import RIGHT, SMALL, WRONG, thoughts_label
from .graph import Search
from .observation import Question
from .report import Analysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 3
"""Panels in a row."""
SIZES = (700, 1250)
"""Of nodes named by ids, and by words."""
ROOT, PLAIN, UNREACHED = "#dddddd", "#ffffff", "#f7f7f7"


def case_name(index: int, model: int) -> str:
    """Name the figure of question ``index`` and of a model by its number, 0 for the analyzed run."""
    return f"case-{index}-{model}" if model else f"case-{index}"


def search_tree(analysis: Analysis, index: int, model: int = 0) -> Figure:
    """Draw a question's graph with the values of the frontier and of the other candidate.

    There is a panel for each number of thoughts after which there is a frontier.

    Args:
        analysis: What was found.
        index: The question, one of the analysis's cases.
        model: The model's number, 0 for the analyzed run.
    """
    question, subject = analysis.cases[index], analysis.models[model]
    values = subject.cases[index].values
    shown = {k: steps for k in values if question.search.frontier(steps := -(-k // analysis.per_step))}
    layers = _layers(question.search)
    columns = min(len(shown), PANELS)
    lines = -(-len(shown) // columns)
    width = max(2.8, 0.9 * max(map(len, layers.values())))
    figure = new_figure(min(columns * width, 15), lines * (0.6 + 0.85 * len(layers)))
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes, (k, steps) in zip(panels, shown.items(), strict=False):
        _tree(axes, question, values[k], steps)
        axes.set_title(f"{subject.name}, after {thoughts_label(k)}", fontsize=SMALL)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    return figure


def _tree(axes: Axes, question: Question, values: Sequence[float], steps: int) -> None:
    search, symbols = question.search, question.search.graph.symbols
    layers = _layers(search)
    nodes = [node for layer in layers.values() for node in layer]
    place = {
        node: ((at + 0.5) / len(layer), -depth)
        for depth, layer in layers.items()
        for at, node in enumerate(layer)
    }
    shown = search.edges.subgraph(nodes)
    frontier = search.frontier(steps)
    best = [search.is_best(u, v) for u, v in shown.edges]
    size = SIZES[max(map(len, symbols)) > 3]
    nx.draw_networkx_edges(
        shown, place, ax=axes, node_size=size, arrowsize=8, width=0.8,
        edge_color=["black" if is_best else "#aaaaaa" for is_best in best],
    )  # fmt: skip
    nx.draw_networkx_nodes(
        shown, place, nodelist=nodes, ax=axes, node_size=size,
        node_color=[_color(search, node) for node in nodes],
        edgecolors=["black" if node in frontier else "#aaaaaa" for node in nodes],
        linewidths=[2.0 if node in frontier else 0.8 for node in nodes],
    )  # fmt: skip
    valued = {*frontier, search.graph.neg_target}
    labels = {
        node: f"{symbols[node]}\n{values[node]:.2f}" if node in valued else symbols[node] for node in nodes
    }
    nx.draw_networkx_labels(shown, place, labels, ax=axes, font_size=7)
    axes.margins(0.18, 0.15)
    axes.set_axis_off()


def _layers(search: Search) -> dict[int, list[int]]:
    """The nodes by distance from the root; an unreached other candidate is put in the last layer."""
    layers: dict[int, list[int]] = {}
    for node, edges in sorted(search.distance.items()):
        layers.setdefault(edges, []).append(node)
    if search.graph.neg_target not in search.distance:
        layers[max(layers)].append(search.graph.neg_target)
    return dict(sorted(layers.items()))


def _color(search: Search, node: int) -> str:
    if node == search.graph.target:
        return f"{RIGHT}66"
    if node == search.graph.neg_target:
        return f"{WRONG}66"
    return ROOT if node == search.graph.root else PLAIN if node in search.distance else UNREACHED
