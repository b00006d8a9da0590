"""Text tables: columns line up, numbers to the right where asked, Markdown keeps its columns."""

from coconut_bench.generators.tables import aligned, markdown

ROWS = [("method", "n"), ("cot", "1000"), ("a|b", "")]


def test_columns_line_up() -> None:
    assert aligned(ROWS) == ["method  n", "cot     1000", "a|b"]
    assert aligned(ROWS, numbers=True) == ["method     n", "cot     1000", "a|b"]


def test_a_bar_in_a_cell_is_no_column_of_markdown() -> None:
    assert markdown(ROWS) == ["| method | n |", "| --- | --- |", "| cot | 1000 |", "| a\\|b |  |"]
