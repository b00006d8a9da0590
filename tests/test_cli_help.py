"""The command's face: help without heavy libraries, bad input in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from coconut_bench import __version__
from coconut_bench.cli import COMMANDS, LazyCommands, main


def commands(group: click.Group, names: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every command and group below ``group``, and of ``group`` itself."""
    found, context = [names], click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found += commands(command, (*names, name)) if isinstance(command, click.Group) else [(*names, name)]
    return found


@pytest.mark.parametrize("names", commands(main), ids=" ".join)
def test_every_command_has_help(names: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*names, "--help"])
    assert done.exit_code == 0
    assert done.output.startswith("Usage: ")
    description = done.output.split("\n\n")[1].strip()
    assert description and not description.startswith("Options")


@pytest.mark.parametrize("names", commands(main), ids=" ".join)
@pytest.mark.parametrize("width", [80, 100])
def test_no_help_is_cut_off(names: tuple[str, ...], width: int) -> None:
    """Left alone, click cuts the summaries of a group; the dots of the usage line mean "several"."""
    done = CliRunner().invoke(main, [*names, "--help"], terminal_width=width)
    usage, _, rest = done.output.partition("\n\n")
    assert done.exit_code == 0 and usage.startswith("Usage: ")
    assert "..." not in rest and "…" not in rest
    assert max(map(len, done.output.splitlines())) <= width


@pytest.mark.parametrize("names", commands(main), ids=" ".join)
def test_every_option_says_what_it_does(names: tuple[str, ...]) -> None:
    command: click.Command | None = main
    for name in names:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    assert command is not None
    for option in command.params:
        if isinstance(option, click.Option):
            text, _, _ = (option.help or "").partition("  [")
            assert text and text[0].isupper() and text.endswith("."), option.name


def test_help_loads_nothing_that_is_slow() -> None:
    """`--help` must answer at once; the time differs by machine, the modules that are loaded do not."""
    code = (
        "import sys; from coconut_bench.cli import main; sys.argv = ['coconut-bench', '--help']\n"
        "try: main()\nexcept SystemExit: print('LOADED', *sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, _, loaded = done.stdout.partition("LOADED")
    assert text.startswith("Usage: ")
    third_party = set(loaded.split()) - set(sys.stdlib_module_names)
    slow = {"torch", "transformers", "datasets", "numpy", "scipy", "pydantic", "networkx", "pyarrow", "yaml"}
    assert "click" in third_party
    assert not third_party & slow


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_start_of_its_own_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None and command.name == name
    assert (command.help or "").startswith(COMMANDS[name].summary.rstrip("."))


def test_version() -> None:
    done = CliRunner().invoke(main, ["--version"])
    assert __version__ in done.output


def test_an_unknown_command_is_one_usage_error() -> None:
    done = CliRunner().invoke(main, ["genrate"])
    assert done.exit_code == 2
    assert "genrate" in done.output


def test_bad_values_become_one_line_and_exit_code_2() -> None:
    @click.group(cls=LazyCommands)
    def group() -> None:
        """A group."""

    @group.command()
    @click.argument("kind")
    def fail(kind: str) -> None:
        errors = {"value": ValueError("hops must be in 1..12,\n got 0"), "file": FileNotFoundError("x.json")}
        raise errors[kind]

    for kind, line in (("value", "Error: hops must be in 1..12, got 0\n"), ("file", "Error: x.json\n")):
        done = CliRunner().invoke(group, ["fail", kind])
        assert (done.exit_code, done.stderr) == (2, line)
    done = CliRunner().invoke(group, ["fail", "other"])
    line = "Error: KeyError: 'other' (unexpected; COCONUT_BENCH_TRACEBACK=1 shows where)\n"
    assert (done.exit_code, done.stderr) == (2, line)
    defect = CliRunner(env={"COCONUT_BENCH_TRACEBACK": "1"}).invoke(group, ["fail", "other"])
    assert isinstance(defect.exception, KeyError)


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_told_otherwise(
    given: str | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")  # restored afterwards, set or not
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert CliRunner().invoke(main, ["leaderboard", "show"]).exit_code == 0
    assert os.environ["OMP_WAIT_POLICY"] == found


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "coconut_bench", "leaderboard", "show"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


BAD_ARGUMENTS = {
    "run --method cocont": "unknown method 'cocont' (did you mean 'coconut'?)",
    "run --method cot --recipe tinny": "unknown recipe 'tinny' (did you mean 'tiny'?)",
    "run --method cot --recipe fare.yaml": "no recipe file fare.yaml; shipped recipes (did you mean 'fair'?)",
    "run --method cot --dataset tiny-3hop": "tiny-3hop is a recipe: use --recipe tiny-3hop",
    "run --method cot --dataset prosqua": "unknown dataset 'prosqua' (did you mean 'prosqa'?)",
    "run --method cot -o optimizer.rl=1": "unknown setting of optimizer 'rl' (did you mean 'lr'?)",
    "run --method cot --job a=1": "--job needs --cluster, got a=1",
    "run --method cot --cluster slurm --job a": "a",
    "run --method cot --thoughts 2": "--thoughts needs a method with thoughts or pauses, got cot",
    "run --method cot,no-cot --out x": "--out must be left out for several runs, got x",
    "run --method cot --track wandbb": "unknown tracker 'wandbb' (did you mean 'wandb'?)",
    "run --method cot --device gpu": "--device must be cpu, mps, cuda or cuda:N, got 'gpu'",
    "controls nowhere": "nowhere must hold a finished run (result.json), got none",
    "analyze nowhere": "nowhere must hold a finished run (result.json), got none",
    "plot nowhere": "nowhere must be a run's directory, with log.jsonl or result.json",
    "publish nowhere --repo org/name": "source must be a folder of `generate`",
}


def test_bad_arguments_are_told_before_torch_is_imported(tmp_path: Path) -> None:
    """In half a second on an idle machine; torch and transformers alone take seconds."""
    code = (
        "import json, sys\nfrom click.testing import CliRunner\nfrom coconut_bench.cli import main\n"
        "told, heavy = {}, {'torch', 'transformers', 'matplotlib'}\n"
        "for line in json.loads(sys.argv[1]):\n"
        "    done = CliRunner().invoke(main, line.split())\n"
        "    told[line] = [done.exit_code, done.output, sorted(heavy & {*sys.modules})]\n"
        "print(json.dumps(told))"
    )
    command = [sys.executable, "-c", code, json.dumps(list(BAD_ARGUMENTS))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    for line, (exit_code, output, heavy) in json.loads(done.stdout).items():
        assert (exit_code, heavy) == (2, []), (line, output)
        assert BAD_ARGUMENTS[line] in output, (line, output)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "incomplete", "found"),
    [
        ([], "contr", {"controls"}),
        (["run", "--method"], "no-", {"no-cot"}),
        (["run", "--method"], "cot,coconut-no", {"cot,coconut-no-curriculum", "cot,coconut-no-thought"}),
        (["run", "--method"], "a", {"all"}),
        (["run", "--recipe"], "tiny-l", {"tiny-leaky", "tiny-leaky-6layers", "tiny-looped"}),
        (["run", "--dataset"], "prosqa-tiny-h", {"prosqa-tiny-hops1", "prosqa-tiny-hops3"}),
        (["run"], "--see", {"--seed", "--seeds"}),
        (["generate"], "prosqa-sy", {"prosqa-symmetric"}),
        (["audit"], "prontoqa-fair-h", {"prontoqa-fair-hops"}),
        (["audit"], "data/x", {"data/x"}),
        (["leaderboard"], "com", {"compare"}),
        (["leaderboard", "compare"], "coconut-no-t", {"coconut-no-thought"}),
        (["leaderboard", "show", "--dataset"], "prosqa-tiny-l", {"prosqa-tiny-leaky"}),
    ],
)
def test_the_shell_completes_commands_and_names(words: list[str], incomplete: str, found: set[str]) -> None:
    shell = BashComplete(main, {}, "coconut-bench", "_COCONUT_BENCH_COMPLETE")
    items = shell.get_completions(words, incomplete)
    assert {item.value for item in items} == found


def test_completion_does_not_import_torch() -> None:
    code = (
        "import sys; from coconut_bench.cli import main\n"
        "try: main(prog_name='coconut-bench')\n"
        "except SystemExit: print({'torch', 'transformers'} & {*sys.modules})"
    )
    words = {"COMP_WORDS": "coconut-bench run --recipe sc", "COMP_CWORD": "3"}
    env = {**os.environ, **words, "_COCONUT_BENCH_COMPLETE": "bash_complete"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "plain,scratch\nset()\n"
