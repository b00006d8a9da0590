"""The one test that talks to the Hub itself, where the double cannot speak for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hub_double_client import talking_to

from coconut_bench.generators.stored.write import generate, plan


@pytest.mark.skipif(
    os.environ.get("COCONUT_BENCH_LIVE") != "1" or not os.environ.get("HF_TOKEN"),
    reason="talks to huggingface.co: set COCONUT_BENCH_LIVE=1 and HF_TOKEN (a token that may write)",
)
def test_a_private_dataset_goes_up_comes_back_and_is_removed(tmp_path: Path) -> None:
    token = os.environ["HF_TOKEN"]
    for name in ("prosqa-tiny", "prontoqa"):
        generate(plan(name, sizes={"train": 8, "valid": 4, "test": 8}), tmp_path / "data" / name)
    with talking_to(None, tmp_path / "home") as client:
        user = client.python(
            "from huggingface_hub import whoami; print(whoami()['name'])", token=token
        ).strip()
        repo = f"{user}/coconut-bench-smoke-{os.getpid()}"
        argv = ("publish", tmp_path / "data", "--repo", repo, "--version", "1.0.0", "--private", "--yes")
        try:
            first = client.command(*argv, token=token)
            assert first.code == 0, first.error
            assert "nothing to do" in client.command(*argv, token=token).output
            proved = client.command("verify", f"{repo}@v1.0.0", token=token)
            assert proved.code == 0, proved.error
            assert proved.output.count("20 examples proved") == 2
        finally:
            client.python(
                "from huggingface_hub import delete_repo\n"
                f"delete_repo({repo!r}, repo_type='dataset', missing_ok=True)",
                token=token,
            )
