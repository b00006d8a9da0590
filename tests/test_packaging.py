"""The package is what the folders are, and its imports point down the floors."""

import ast
import importlib
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import networkx as nx
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import coconut_bench

FLOORS = ("generators", "coconut", "leaderboard", "benchmarks")
ROOT_MODULES = {"__init__.py", "__main__.py", "cli.py"}
# What each floor may import of the package; a floor may always import itself.
ALLOWED = {
    "generators": set(),
    "coconut": {"generators"},
    "leaderboard": {"generators"},
    "benchmarks": {"generators", "coconut", "leaderboard"},
    "cli.py": {"generators", "coconut", "leaderboard", "benchmarks"},
}
HEAVY = {"torch", "transformers", "datasets", "accelerate", "pandas", "matplotlib", "sklearn"}
LONGEST_FILE, LONGEST_FUNCTION = 300, 60
ROOT = Path(__file__).resolve().parents[1]

# The import name of a distribution, where it is not the distribution's own.
IMPORT_NAMES = {"pyyaml": "yaml", "scikit-learn": "sklearn"}


def modules(*folders: str) -> list[Path]:
    """The package's Python files: those of the folders, or of all floors and the root."""
    found = [path for folder in folders or FLOORS for path in sorted((ROOT / folder).rglob("*.py"))]
    return found if folders else [*found, *(ROOT / name for name in sorted(ROOT_MODULES))]


def setup_cfg() -> ConfigParser:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def test_every_folder_with_modules_is_a_listed_package() -> None:
    top = {path.parent.name for path in ROOT.glob("*/*.py") if not path.parent.name.startswith(".")}
    assert top - {"tests", "build", "dist"} == set(FLOORS)
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in modules(*FLOORS)}
    listed = set(setup_cfg()["options"]["packages"].split())
    assert listed == {"coconut_bench", *(f"coconut_bench.{folder}" for folder in folders)}


def test_every_file_of_a_floor_is_installed() -> None:
    """What is not a module must be named in package_data, or an installed copy lacks it."""
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", *FLOORS], capture_output=True, check=True)
    names = [Path(name) for name in listing.stdout.decode().split("\0") if name and not name.endswith(".py")]
    packages = setup_cfg()["options.package_data"]

    def is_listed(name: Path) -> bool:
        """Whether a pattern of one of the packages above the file names it."""
        return any(
            name.relative_to(folder).match(pattern)
            for folder in name.parents[:-1]
            for pattern in packages.get(f"coconut_bench.{'.'.join(folder.parts)}", "").split()
        )

    missing = [name for name in names if not is_listed(name)]
    assert names
    assert missing == []


def test_a_floor_has_wings_and_a_wing_has_none() -> None:
    nested = [path for folder in FLOORS for path in (ROOT / folder).glob("*/*/**/*.py")]
    assert nested == []
    repeated = [path for path in modules(*FLOORS) if path.stem.startswith(path.parent.name)]
    assert repeated == [], "a wing's name is not repeated in its files'"


def test_a_wing_says_what_it_is_for_and_what_it_may_import() -> None:
    for path in modules(*FLOORS):
        if path.name == "__init__.py" and path.parent.parent != ROOT:
            words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert words and "\n\n" in words and "mports" in words.split("\n\n", 1)[1], path


def test_the_root_has_no_other_module() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == ROOT_MODULES
    assert (ROOT / "py.typed").exists()


def internal_imports(path: Path) -> list[tuple[str, str]]:
    """What the module imports of the package, at its top or inside a function: (dotted module, name)."""
    found = []
    here = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            target = [*here[: len(here) - node.level + 1], *(node.module or "").split(".")]
            module = ".".join(part for part in target if part)
            found += [(module, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            absolute = [name for name in names if name.split(".")[0] in {"coconut_bench", *FLOORS}]
            assert not absolute, f"{path}: must import relatively, got {absolute}"
    return found


def floors_of(path: Path) -> set[str]:
    """The floors that the module imports from."""
    return {(module or name).split(".")[0] for module, name in internal_imports(path)} & set(FLOORS)


def import_graph() -> nx.DiGraph:
    """An edge from each file to each file of the package that it imports."""
    graph: nx.DiGraph = nx.DiGraph()
    for path in modules():
        for module, name in internal_imports(path):
            for dotted in (module, f"{module}.{name}"):
                file = ROOT / f"{dotted.replace('.', '/')}.py"
                if file.exists():
                    graph.add_edge(path.relative_to(ROOT), file.relative_to(ROOT))
    return graph


def test_no_two_files_import_each_other_by_any_way() -> None:
    graph = import_graph()
    assert graph.number_of_edges() > 100
    assert [sorted(map(str, circle)) for circle in nx.simple_cycles(graph)] == []


def test_the_check_of_circles_sees_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "ROOT_MODULES", set())
    wing = tmp_path / "benchmarks" / "run"
    wing.mkdir(parents=True)
    (wing / "a.py").write_text("def f():\n    from .b import x", encoding="utf-8")
    (wing / "b.py").write_text("from . import a", encoding="utf-8")
    assert len(list(nx.simple_cycles(import_graph()))) == 1


def test_a_private_name_is_imported_within_its_wing_only() -> None:
    for path in modules():
        wing = ".".join(path.relative_to(ROOT).parent.parts)
        for module, name in internal_imports(path):
            private = name.startswith("_") and not name.startswith("__")
            assert not private or module.rpartition(".")[0] == wing, f"{path}: {module}.{name}"


@pytest.mark.parametrize("floor", [*FLOORS, "cli.py"])
def test_an_import_points_down_the_floors(floor: str) -> None:
    paths = modules(floor) if floor in FLOORS else [ROOT / floor]
    assert paths
    for path in paths:
        upward = floors_of(path) - ALLOWED[floor] - {floor}
        assert not upward, f"{path.relative_to(ROOT)} must not import from {sorted(upward)}"


def test_the_check_of_imports_sees_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "generators" / "x.py"
    module.parent.mkdir()
    forms = ("from ..coconut import y", "from ..coconut.y import z", "from .. import coconut")
    for form in (*forms, "def f():\n    from ..coconut.y import z"):
        module.write_text(form, encoding="utf-8")
        assert floors_of(module) == {"coconut"}
    module.write_text("import coconut_bench.coconut", encoding="utf-8")
    with pytest.raises(AssertionError, match="relatively"):
        internal_imports(module)


PACKAGES = sorted(setup_cfg()["options"]["packages"].split())


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_that_a_package_exports_is_there(name: str) -> None:
    package = importlib.import_module(name)
    for exported in getattr(package, "__all__", ()):
        assert hasattr(package, exported)
        assert not (Path(package.__file__ or "").parent / f"{exported}.py").exists(), "a module would hide it"


def test_importing_a_package_imports_none_of_its_files() -> None:
    """So that a command's wing costs nothing until something of it is used."""
    loaded = "m for m in sys.modules if m.startswith('coconut_bench')"
    code = f"import sys, {', '.join(PACKAGES)}; print(*({loaded}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == set(PACKAGES)


@pytest.mark.parametrize("name", ["cli", "generators.datasets", "leaderboard.store"])
def test_no_heavy_library_is_imported_at_the_top(name: str) -> None:
    code = f"import sys, coconut_bench.{name}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "coconut_bench" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    long = [
        f"{node.name} ({length} lines)"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long


def test_no_test_library_is_imported() -> None:
    for path in modules():
        imported = re.findall(r"^\s*(?:from|import)\s+(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not {"unittest", "pytest", "hypothesis"} & set(imported), path


def test_every_import_is_a_declared_requirement() -> None:
    config = setup_cfg()
    lines = config["options"]["install_requires"].splitlines()
    for extra in set(config["options.extras_require"]) - {"dev", "docs"}:
        lines += config["options.extras_require"][extra].splitlines()
    names = {re.split(r"[>=\[]", line)[0].strip().lower() for line in lines if line.strip()}
    declared = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}
    imported = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add((node.module or "").split(".")[0])
    assert imported - set(sys.stdlib_module_names) <= declared


def requirements(extra: str) -> list[Requirement]:
    """What an extra wants, or the package itself with ``""``."""
    config = setup_cfg()
    listed = config["options.extras_require"][extra] if extra else config["options"]["install_requires"]
    return [Requirement(line) for line in listed.splitlines() if line.strip()]


# `inspect` has an environment of its own; no test needs a tracker.
@pytest.mark.parametrize(
    "extra", ["", *sorted(set(setup_cfg()["options.extras_require"]) - {"inspect", "track"})]
)
def test_every_requirement_is_pinned_to_a_version_that_it_allows(extra: str) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    wanted = requirements(extra)
    assert wanted
    for requirement in wanted:
        version = versions.get(canonicalize_name(requirement.name), "none")
        assert version != "none" and version in requirement.specifier, f"{requirement}: {version}"


def test_the_development_extra_holds_what_the_tests_and_the_site_need() -> None:
    dev = {str(requirement) for requirement in requirements("dev")}
    for extra in ("audit", "cluster", "docs", "hub", "plots"):
        assert {str(requirement) for requirement in requirements(extra)} <= dev, extra


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == coconut_bench.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", citation["version"])


def test_the_readme_names_every_folder_and_no_file_that_is_not_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.partition("\n## Files\n")[2].partition("\n## ")[0]
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True)
    tracked = {Path(name) for name in listing.stdout.decode().split("\0") if name}
    folders = {folder for path in tracked for folder in path.parents if len(folder.parts) in (1, 2)}
    shown = {folder for folder in folders if folder.parts[0] in {*FLOORS, "docs"} or len(folder.parts) == 1}
    named = set(re.findall(r"[\w.-]+/?", tree))
    assert {f"{folder.name}/" for folder in shown if not folder.name.startswith(".")} - named == set()
    files = {name for name in named if name.endswith((".py", ".yaml", ".json", ".md", ".cfg", ".txt"))}
    assert len(files) >= 10
    assert files <= {path.name for path in tracked}, "files that are gone"
