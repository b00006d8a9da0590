"""Text tables: columns line up, numbers to the right where asked, Markdown keeps its columns."""

from coconut_bench.generators.tables import aligned, folded, markdown

ROWS = [("method", "n"), ("cot", "1000"), ("a|b", "")]


def test_columns_line_up() -> None:
    assert aligned(ROWS) == ["method  n", "cot     1000", "a|b"]
    assert aligned(ROWS, numbers=True) == ["method     n", "cot     1000", "a|b"]


def test_a_bar_in_a_cell_is_no_column_of_markdown() -> None:
    assert markdown(ROWS) == ["| method | n |", "| --- | --- |", "| cot | 1000 |", "| a\\|b |  |"]


def test_a_table_that_is_too_wide_leaves_columns_out_and_wraps_the_widest() -> None:
    rows = [["method", "n", "note"], ["coconut", "5", "yours, reproduces the row"], ["cot", "5", "quick"]]
    assert aligned(rows, width=40) == aligned(rows)
    assert aligned(rows, width=24) == [
        "method   n  note",
        "coconut  5  yours,",
        "            reproduces",
        "            the row",
        "cot      5  quick",
    ]
    assert aligned([["a", "b"], ["1", "2" * 30]], width=3, optional=["b"])[:2] == ["a", "1"]


def test_a_long_line_is_folded_below_its_last_column() -> None:
    assert (
        folded("  rule  50.0  the one named first", 22)
        == "  rule  50.0  the one\n              named\n              first"
    )
    assert folded("one two three", 9) == "one two\n  three"
    assert folded("one two three", None) == "one two three"
