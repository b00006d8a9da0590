"""The reference pages show what every function takes: their docstrings have a line for each parameter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENTRY = re.compile(r"^::: coconut_bench\.(\S+)(?:\n\s+options: \{members: \[([^\]]*)\]\})?", re.MULTILINE)
MODULES = {
    match[1]: {name.strip() for name in (match[2] or "").split(",")} - {""}
    for page in sorted((ROOT / "docs" / "reference").glob("*.md"))
    for match in ENTRY.finditer(page.read_text(encoding="utf-8"))
}


def documented(module: str) -> Iterator[tuple[str, list[str], str]]:
    """(name, parameters, docstring) of the functions of several parameters that the page shows; a class's
    constructor is told in the class's docstring.
    """
    shown = MODULES[module]
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        name = getattr(node, "name", "_")
        if name.startswith("_") or (shown and name not in shown):
            continue
        made = [node] if isinstance(node, ast.FunctionDef) else []
        if isinstance(node, ast.ClassDef):
            made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
        for function in made:
            every = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            parameters = [argument.arg for argument in every if argument.arg not in ("self", "cls")]
            if len(parameters) > 1:
                yield name, parameters, ast.get_docstring(node) or ""


@pytest.mark.parametrize("module", MODULES)
def test_every_parameter_of_what_the_page_shows_has_its_line(module: str) -> None:
    for name, parameters, words in documented(module):
        if re.search(r"arguments as in `\w+`", words):
            continue
        told = re.findall(r"^    (\w+):", words.partition("Args:\n")[2], re.MULTILINE)
        assert [one for one in parameters if one not in told] == [], f"{module}.{name}"


def test_the_check_sees_functions_and_constructors() -> None:
    found = {f"{module}.{name}" for module in MODULES for name, _, _ in documented(module)}
    assert len(found) > 40
    assert {"benchmarks.analysis.report.analyze", "coconut.thinking.Reasoner"} <= found
