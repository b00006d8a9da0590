"""The page without a browser: complete, escaped, self-contained."""

import errno
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from leaderboard_examples import predictions, result

from coconut_bench.cli import main
from coconut_bench.leaderboard import Leaderboard, add, read
from coconut_bench.leaderboard.costs import pareto_front
from coconut_bench.leaderboard.page.axes import Scale, nice_end, ticks
from coconut_bench.leaderboard.page.marks import CORNERS, SHAPES
from coconut_bench.leaderboard.page.markup import Markup, join, tag
from coconut_bench.leaderboard.page.site import write_page
from coconut_bench.leaderboard.store import SHIPPED, dump

HOSTILE = "<script>alert(1)</script>\"'&amp;"


class Balance(HTMLParser):
    """Raises where a tag does not close what was opened last; collects text, tags and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.contents: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(name)
        self.addresses += [value or "" for key, value in attributes if key in ("href", "src")]
        self.contents += [value or "" for key, value in attributes if key == "content"]
        if name not in ("meta", "link", "input"):
            self.stack.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.stack.pop() == name

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(html: str) -> Balance:
    found = Balance()
    found.feed(html)
    found.close()
    assert found.stack == []
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "leaderboard.json"
    for method, step in (("coconut", 50), ("cot", 40), ("no-cot", 2)):
        answered = {
            seed: predictions(lambda index, seed=seed, step=step: (index + seed) % step != 0)
            for seed in (0, 1)
        }
        row = result(answered, method=method, folder=tmp_path / "run", dataset="prosqa")
        add(target, row, predictions=tmp_path / "run")
    return target


def test_the_page_holds_every_row_with_what_it_takes_to_run_it_again(path: Path, tmp_path: Path) -> None:
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    text = " ".join(parsed(html).texts)
    for row in read(path).measured:
        assert f'id="row-{row.key}"' in html
        for entry in row.seeds:
            assert entry.predictions
            for needed in (
                entry.provenance.command,
                entry.provenance.commit,
                entry.predictions.sha256,
                row.dataset.content_hash,
                row.recipe.hash,
                "torch 2.13.0",
                "a processor, 2 cores",
            ):
                assert needed
                assert needed in text
    assert html.count("quoted</span>") == 3


def test_predictions_and_the_file_itself_lie_beside_the_page(path: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_page(path, site)
    assert (site / "leaderboard.json").read_bytes() == path.read_bytes()
    linked = {address for address in parsed((site / "index.html").read_text()).addresses if "/" in address}
    side = {f"predictions/{file.name}" for file in (site / "predictions").iterdir()}
    assert len(side) == 6
    assert side <= linked


def test_predictions_are_links_where_there_are_links_and_nothing_is_written_through_them(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, [first, *_] = tmp_path / "site", sorted((path.parent / "predictions").iterdir())
    place = site / "predictions" / first.name
    write_page(path, site)
    write_page(path, site)
    assert place.samefile(first)
    other = tmp_path / "other"
    other.write_bytes(b"another's")
    place.unlink()
    place.hardlink_to(other)
    write_page(path, site)
    assert place.samefile(first) and other.read_bytes() == b"another's"

    def refuse(file: str, place: str) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    write_page(path, tmp_path / "far")
    copy = tmp_path / "far" / "predictions" / first.name
    assert copy.read_bytes() == first.read_bytes() and not copy.samefile(first)
    write_page(path, path.parent)
    assert first.read_bytes() == copy.read_bytes()


def test_the_page_asks_nothing_of_anyone(path: Path, tmp_path: Path) -> None:
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    found = parsed(html)
    assert not {"img", "iframe", "object", "embed", "base"} & set(found.tags)
    assert re.search(r"\b(src|srcset|style|on\w+)=", html.split("<script>")[0].split("</style>")[1]) is None
    (policy,) = [content for content in found.contents if content.startswith("default-src")]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    outside = {address for address in found.addresses if address.startswith("http")}
    assert outside == {row.source.url for row in read(SHIPPED).quoted}


def test_the_same_file_gives_the_same_page(path: Path, tmp_path: Path) -> None:
    first, second = (write_page(path, tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second


def test_names_from_elsewhere_are_text(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    row = result(method=HOSTILE, recipe=HOSTILE, dataset=HOSTILE)
    add(path, row)
    quoted = read(SHIPPED).quoted[0]
    source = quoted.source.model_copy(update={"url": "javascript:alert(1)"})
    add(path, quoted.model_copy(update={"source": source}))
    html = write_page(path, tmp_path / "site").read_text(encoding="utf-8")
    found = parsed(html)
    assert found.tags.count("script") == 1
    assert HOSTILE in " ".join(found.texts)
    assert not any(address.startswith("javascript") for address in found.addresses)


def test_a_page_of_quoted_rows_only_is_one_too(tmp_path: Path) -> None:
    file = tmp_path / "leaderboard.json"
    file.write_text(dump(Leaderboard(rows=list(read(SHIPPED).quoted))), encoding="utf-8")
    done = CliRunner().invoke(
        main, ["leaderboard", "page", "--leaderboard", str(file), "--out", str(tmp_path / "site")]
    )
    assert done.exit_code == 0, done.output
    html = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert html.count("<section") == 3
    assert not (tmp_path / "site" / "predictions").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = CliRunner().invoke(
        main, ["leaderboard", "page", "--leaderboard", str(SHIPPED), "--out", str(tmp_path / "file" / "site")]
    )
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_markup_escapes_once() -> None:
    assert tag("p", "a<b", tag("i", "&"), title='"') == '<p title="&quot;">a&lt;b<i>&amp;</i></p>'
    assert join("<", Markup("<br>")) == "&lt;<br>"
    assert tag("input", checked=True, value=None, hidden=False, size=1.5) == '<input checked size="1.5">'


def test_the_pareto_front_keeps_what_nothing_beats() -> None:
    points = [
        ("a", 2.0, 0.5),
        ("b", 4.0, 0.9),
        ("c", 4.0, 0.8),
        ("d", 9.0, 0.9),
        ("e", 9.0, 0.95),
        ("f", 4.0, 0.9),
    ]
    assert pareto_front(points) == ["a", "b", "f", "e"]
    assert pareto_front([]) == []


@pytest.mark.parametrize(("low", "high"), [(0.0, 60.0), (0.4, 1.0), (0.9, 1.0), (0.0, 5.0), (0.0, 1.0)])
def test_ticks_are_few_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 3 <= len(found) <= 7
    assert low <= found[0] < found[-1] <= high + 1e-12


def test_an_axis_ends_above_its_largest_value() -> None:
    for value in (0.0, 0.3, 1.0, 8.2, 49.4, 92.5, 1000.0):
        assert max(value, 1.0) < nice_end(value) <= 2 * max(value, 1.0)
    scale = Scale(0, 10, 100, 200)
    assert (scale(0), scale(10), scale(2.5)) == (100, 200, 125)


def test_every_shape_can_be_drawn() -> None:
    assert set(SHAPES) == {"circle", *CORNERS}
