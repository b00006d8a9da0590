"""Datasets on the Hub, against a double of it (`hub_double`): one commit and one tag, or nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_double import HubDouble, serving
from hub_double_client import Client, talking_to
from hub_double_git import Repository
from hub_double_http import Fault

from coconut_bench.generators.datasets import content_hash, examples
from coconut_bench.generators.stored.formats import FORMATS
from coconut_bench.generators.stored.write import generate, plan

SIZES = {"train": 8, "valid": 4, "test": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny`` in two formats, ``other`` of another seed, and ``both``: two datasets in one folder."""
    root = tmp_path_factory.mktemp("data")
    for place, name, seed, format in (
        ("tiny", "prosqa-tiny", 3, "jsonl"),
        ("tiny-published", "prosqa-tiny", 3, "published"),
        ("other", "prosqa-tiny", 4, "jsonl"),
        ("both/a", "prosqa-tiny", 3, "parquet"),
        ("both/b", "prontoqa", 0, "jsonl"),
    ):
        generate(plan(name, seed=seed, sizes=SIZES, format=format), root / place)
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDouble]:
    with serving(tmp_path_factory.mktemp("hub")) as double:
        yield double


@pytest.fixture
def hub(server: HubDouble) -> Iterator[HubDouble]:
    server.log.clear()
    yield server
    assert server.faults == [], "a fault that was asked for never happened"


@pytest.fixture(scope="module")
def client(server: HubDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with talking_to(f"http://127.0.0.1:{server.port}", tmp_path_factory.mktemp("home")) as client:
        yield client


@pytest.fixture
def repo(request: pytest.FixtureRequest) -> str:
    """A name of the test's own."""
    return f"org/{zlib.crc32(request.node.nodeid.encode()):08x}"


def publish(
    client: Client, source: Path, repo: str, version: str = "1.0.0", *options: str, token: str = "hf_writer"
) -> str:
    """What it says; fails where it does."""
    done = client.command(
        "publish", source, "--repo", repo, "--version", version, "--yes", *options, token=token
    )
    assert done.code == 0, done.error
    return done.output


def refusal(client: Client, *argv: object, token: str | None = "hf_writer") -> str:
    """The one line that a command ends with."""
    done = client.command(*argv, token=token)
    assert done.code == 2, (done.output, done.error)
    line = done.error.splitlines()[-1]
    assert line.startswith("Error: ")
    assert "Traceback" not in done.error
    return line


def state(repository: Repository) -> tuple[int, dict[str, str]]:
    """How many commits main has, and the tags."""
    return int(repository.git("rev-list", "--count", "main")), repository.refs("tags")


def test_what_is_published_is_loaded_back_row_for_row(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    publish(client, folder / "both", repo)
    repository = hub.repositories["dataset", repo]
    commits, tags = state(repository)
    assert commits == 2  # the Hub's own first one, and all of ours
    assert tags == {"v1.0.0": repository.resolve("main")}
    assert repository.git("cat-file", "-t", "v1.0.0") == "tag"
    printed = client.python(
        f"""
import hashlib, json
from datasets import get_dataset_config_names, load_dataset
found = {{}}
for name in get_dataset_config_names({repo!r}, revision="v1.0.0"):
    for split, rows in load_dataset({repo!r}, name, revision="v1.0.0").items():
        text = "".join(
            json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\\n" for row in rows
        )
        found[f"{{name}} {{split}}"] = hashlib.sha256(text.encode()).hexdigest()
print(json.dumps(found))
"""
    )
    assert json.loads(printed) == {
        f"{name} {published}": content_hash(name, split, seed=seed, count=SIZES[split])
        for name, seed in (("prontoqa", 0), ("prosqa-tiny", 3))
        for split, published in (("train", "train"), ("valid", "validation"), ("test", "test"))
    }
    proved = client.command("verify", f"{repo}@v1.0.0")
    assert proved.output.splitlines() == [
        f"{name} 1.0.0: 20 examples proved (train 8, valid 4, test 8)" for name in ("prontoqa", "prosqa-tiny")
    ]
    card = client.python(f"from huggingface_hub import DatasetCard; print(DatasetCard.load({repo!r}))")
    assert "**It leaks:** one look-up" in card
    assert (
        "coconut-bench generate prosqa-tiny --out prosqa-tiny --seed 3 --surface symbolic --train 8" in card
    )


def test_the_same_rows_in_another_format_are_the_same_version(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    publish(client, folder / "tiny", repo)
    before = state(hub.repositories["dataset", repo])
    hub.log.clear()
    assert "nothing to do" in publish(client, folder / "tiny-published", repo)
    assert not [line for line in hub.log if not line.startswith(("GET", "HEAD"))]
    assert state(hub.repositories["dataset", repo]) == before


def test_a_version_is_never_changed_and_a_new_one_leaves_nothing_stale(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    publish(client, folder / "both", repo, "1.1.0")
    repository = hub.repositories["dataset", repo]
    before = state(repository)
    again = ("publish", folder / "other", "--repo", repo, "--yes", "--version")
    assert "v1.1.0 with other content, and a tag is never moved" in refusal(client, *again, "1.1.0")
    assert "version must be above 1.1.0" in refusal(client, *again, "1.0.9")
    assert "three numbers such as 1.0.0" in refusal(client, *again, "v2")
    assert state(repository) == before
    publish(client, folder / "other", repo, "1.2.0")
    assert state(repository)[0] == 3
    assert {file.path.partition("/")[0] for file in repository.tree(repository.resolve("main") or "")} == {
        *(".gitattributes", "README.md", "manifest.json", "prosqa-tiny")
    }
    for version in ("1.1.0", "1.2.0"):
        assert client.command("verify", f"{repo}@v{version}").code == 0


def test_nothing_is_sent_before_it_was_shown_and_confirmed(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    argv = ("publish", folder / "tiny", "--repo", repo, "--version", "1.0.0")
    dry = client.command(*argv, "--dry-run", token=None)
    assert dry.code == 0, dry.error
    assert hub.log == []
    asked = client.command(*argv, stdin="n\n")
    assert "Nothing was uploaded" in asked.output
    assert {line.split()[0] for line in hub.log} == {"GET"}
    confirmed = client.command(*argv, stdin="y\n")
    assert confirmed.code == 0, confirmed.error
    repository = hub.repositories["dataset", repo]
    for file in repository.tree(repository.resolve("v1.0.0") or ""):
        assert file.path in dry.output + ".gitattributes"
        if file.path in ("README.md", "manifest.json"):
            assert repository.content(file).decode() in dry.output


def test_whatever_stands_in_the_way_is_one_line(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    argv = ("publish", folder / "tiny", "--repo", repo, "--version", "1.0.0", "--yes")
    assert "no login: run `hf auth login`" in refusal(client, *argv, token=None)
    assert "the Hub rejects the login" in refusal(client, *argv, token="hf_nobody")
    assert f"no permission to read or write {repo}" in refusal(client, *argv, token="hf_reader")
    hub.faults += [Fault("GET", "whoami", "cut")]
    assert "no connection to the Hub" in refusal(client, *argv)
    assert ("dataset", repo) not in hub.repositories
    hub.create("dataset", repo).commit({"poems.txt": b"roses are red"}, "mine")
    assert f"{repo} already has other files (poems.txt)" in refusal(client, *argv)
    empty = f"{repo}-empty"
    hub.create("dataset", empty)
    renamed = [empty if part == repo else part for part in argv]
    assert "exists and is public" in refusal(client, *renamed, "--private")
    assert state(hub.repositories["dataset", empty]) == (1, {})
    assert "must be a folder made by" in refusal(client, argv[0], folder.parent, *argv[2:])
    assert "org/name, got 'name'" in refusal(client, *argv[:3], "name", *argv[4:])


def test_a_private_dataset_is_seen_by_its_owner_only(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    publish(client, folder / "tiny", repo, "1.0.0", "--private")
    assert hub.repositories["dataset", repo].private
    assert f"{repo} does not exist, or this login has no access" in refusal(
        client, "verify", f"{repo}@v1.0.0", token="hf_reader"
    )
    assert client.command("verify", f"{repo}@v1.0.0", "--token", "hf_writer", token="hf_reader").code == 0


def someone_commits(repo: str) -> Callable[[HubDouble], None]:
    return lambda hub: hub.repositories["dataset", repo].commit({"note.txt": b"hello"}, "a note") and None


def someone_tags(repo: str) -> Callable[[HubDouble], None]:
    def tag(hub: HubDouble) -> None:
        repository = hub.repositories["dataset", repo]
        repository.tag("v1.0.0", repository.git("rev-list", "--max-parents=0", "main"), "too early")

    return tag


@pytest.mark.parametrize(
    ("path", "what", "said", "commits"),
    [
        ("/commit/", "cut", "run it again", 1),
        ("/commit/", "half", "run it again", 1),
        ("/commit/", "500", "the Hub answered 500", 1),
        ("/commit/", "deaf", "run it again", 2),
        ("/tag/", "cut", "run it again", 2),
        ("/tag/", "deaf", "run it again", 2),
        ("/repos/create", "deaf", "run it again", 1),
    ],
)
def test_cut_off_anywhere_nothing_is_half_published_and_again_finishes(
    client: Client, hub: HubDouble, folder: Path, repo: str, path: str, what: str, said: str, commits: int
) -> None:
    hub.faults.append(Fault("POST", path, what))
    line = refusal(client, "publish", folder / "tiny", "--repo", repo, "--version", "1.0.0", "--yes")
    assert said in line
    repository = hub.repositories["dataset", repo]
    found, tags = state(repository)
    assert found == commits
    assert set(tags.values()) <= {repository.resolve("main")} if commits == 2 else tags == {}
    publish(client, folder / "tiny", repo)
    found, tags = state(repository)
    assert found == 2
    assert tags == {"v1.0.0": repository.resolve("main")}
    assert "20 examples proved" in client.command("verify", f"{repo}@v1.0.0").output


def test_what_fails_once_before_the_commit_the_client_sends_again(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    hub.faults += [Fault("PUT", "/large/", "500"), Fault("POST", "/preupload/", "cut")]
    publish(client, folder / "tiny", repo)
    assert client.command("verify", f"{repo}@v1.0.0").code == 0


def test_a_head_that_moved_and_a_tag_that_was_taken_are_left_alone(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    argv = ("publish", folder / "tiny", "--repo", repo, "--version", "1.0.0", "--yes")
    hub.faults.append(Fault("POST", "/tag/", someone_tags(repo)))
    assert "v1.0.0 with other content, and a tag is never moved" in refusal(client, *argv)
    repository = hub.repositories["dataset", repo]
    first = repository.git("rev-list", "--max-parents=0", "main")
    assert state(repository) == (2, {"v1.0.0": first})
    hub.faults.append(Fault("POST", "/commit/", someone_commits(repo)))
    newer = [*argv[:5], "1.0.1", "--yes"]
    newer[1] = folder / "other"
    assert f"the head of {repo} has moved, nothing was published" in refusal(client, *newer)
    assert state(repository) == (3, {"v1.0.0": first})
    publish(client, folder / "other", repo, "1.0.1")
    assert "note.txt" in {file.path for file in repository.tree(repository.resolve("v1.0.1") or "")}
    assert client.command("verify", f"{repo}@v1.0.1").code == 0


def test_a_version_that_lost_its_tag_gets_it_on_its_own_commit(
    client: Client, hub: HubDouble, folder: Path, repo: str
) -> None:
    hub.faults.append(Fault("POST", "/tag/", "cut"))
    refusal(client, "publish", folder / "tiny", "--repo", repo, "--version", "1.0.0", "--yes")
    repository = hub.repositories["dataset", repo]
    commit = repository.resolve("main")
    publish(client, folder / "other", repo, "1.0.1")
    publish(client, folder / "tiny", repo, "1.0.0")
    assert repository.refs("tags") == {"v1.0.0": commit, "v1.0.1": repository.resolve("main")}


def test_verify_finds_a_row_a_manifest_and_a_tag_that_are_not_what_was_published(
    client: Client, hub: HubDouble, folder: Path, repo: str, tmp_path: Path
) -> None:
    publish(client, folder / "tiny", repo)
    repository = hub.repositories["dataset", repo]
    repository.tag("v2.0.0", "main", "moved by hand")
    assert "manifest.json is of v1.0.0, it was tagged v2.0.0" in refusal(client, "verify", f"{repo}@v2.0.0")
    assert f"{repo} has no v9.0.0" in refusal(client, "verify", f"{repo}@v9.0.0")
    rows = list(examples("prosqa-tiny", "test", seed=4, count=8))  # true, but not those that were published
    packed = tmp_path / "test.parquet"
    with packed.open("wb") as file:
        sink = FORMATS["parquet"].sink(file)
        sink.append(FORMATS["parquet"].encode(rows))
        sink.close()
    path = "prosqa-tiny/test-00000-of-00001.parquet"
    repository.commit({path: packed.read_bytes()}, "other rows")
    assert "test.jsonl:1 prosqa-tiny/1.0.0/symbolic/test/4/0: id must be" in refusal(
        client, "verify", f"{repo}@main"
    )
    manifest = client.python(
        f"from huggingface_hub import hf_hub_download as get; "
        f"print(open(get({repo!r}, 'manifest.json', repo_type='dataset')).read())"
    )
    repository.commit(
        {"manifest.json": manifest.replace('prosqa-tiny": {', 'prosqa-fair": {').encode()}, "edit"
    )
    assert "manifest.json was changed: content_sha256" in refusal(client, "verify", f"{repo}@main")
