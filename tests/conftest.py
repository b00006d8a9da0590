"""Refuses to test another checkout than the one these tests belong to; one torch thread a test process."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import coconut_bench

ROOT = Path(__file__).resolve().parents[1]

LONGEST = (
    "docs_pages", "fingerprints", "generators_contract", "run", "run_datasets", "run_successors", "prompting",
    "generators_golden",
)  # fmt: skip
"""Files of half a minute and more: first, so that no process is left with one when the others have ended."""

if "PYTEST_XDIST_WORKER" in os.environ:  # processes with as many threads as cores each wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported, which is later


def pytest_configure(config: pytest.Config) -> None:
    """Ends the run if ``coconut_bench`` is that of another checkout, or a copy that does not follow edits."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background (nohup … &)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # for the tests and their children
    imported = Path(coconut_bench.__file__)
    # A strict editable install links each file, so the file is the same though its path is another.
    if not imported.samefile(ROOT / "__init__.py"):
        raise pytest.UsageError(
            f"coconut_bench must be that of {ROOT}, got {imported.parent}: "
            "run `pip install -c constraints.txt -e '.[dev]'` in this checkout"
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first; the tests of a file stay together."""
    places = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root, which is the package."""
    return ROOT


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the base models that a file's tests train."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs in a folder of its own; base models are shared by the tests of its file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCONUT_BENCH_CACHE", str(cache))


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    """What the test changes in torch's number of threads is undone."""
    import torch

    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugins that the test loads, in this process, are forgotten after it."""
    from coconut_bench.generators import plugins

    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(plugins, "_loaded", {})
    yield
    for module in plugins._loaded.values():
        for kind, table in plugins._tables.items():
            mine = {id(row) for row in plugins.rows_of(module, kind).values()}
            for name in [name for name, row in table.rows.items() if id(row) in mine]:
                del table.rows[name]
