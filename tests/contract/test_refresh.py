"""`refresh`: models and tools at once, what changed, and that kills and other processes damage nothing."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, Start
from tests.contract.caches import cache_file
from tests.contract.tools import LIST, TWO, listings, offering, tool
from tests.fake_proxy import FakeProxy, row


def test_refresh_tells_what_changed(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("old"), row("same", input_cost_per_token=1e-6))
    proxy.models(row("new"), row("same", input_cost_per_token=2e-6))
    proxy.models(row("new"), row("same", input_cost_per_token=2e-6))
    first = run("refresh", "--json").json
    assert (first["added"], first["removed"], first["models"], first["tools"]) == (["old", "same"], [], 2, None)
    second = run("refresh", "--json").json
    assert (second["added"], second["removed"]) == (["new"], ["old"])
    assert [(change["id"], change["before"]["input"], change["after"]["input"]) for change in second["repriced"]] == [
        ("same", 1, 2)
    ]
    assert run("refresh", terminal=True) == f"No changes.\n2 models at {proxy.url} (from /model/info)\n"


def test_refresh_shows_new_gone_and_repriced_models_and_agrees_with_its_counts(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("old"), row("same", input_cost_per_token=1e-6, output_cost_per_token=2e-6))
    proxy.models(row("same", input_cost_per_token=2.5e-6, output_cost_per_token=2e-6))
    proxy.models(row("new"), row("same", input_cost_per_token=2.5e-6, output_cost_per_token=2e-6))
    first = run("refresh", "-o", "table")
    assert first == f"2 models at {proxy.url} (from /model/info)\n"
    second = run("refresh", "-o", "table")
    assert second == (
        f"- old\n~ same\n    input $1.00 -> $2.50 per million tokens\n1 model at {proxy.url} (from /model/info)\n"
    )
    assert run("refresh", "-o", "table").startswith("+ new\n2 models at ")


def test_refresh_tells_that_tiers_and_other_prices_changed(run: Run, proxy: FakeProxy) -> None:
    base = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    tier = {f"{side}_cost_per_token_above_200k_tokens": 3e-6 for side in ("input", "output")}
    proxy.models(row("m", **base), row("p", output_cost_per_image=0.03))
    proxy.models(row("m", **base, **tier), row("p", output_cost_per_image=0.04))
    proxy.models(row("m", **base), row("p", **base))
    run("refresh")
    dearer = run("refresh", terminal=True, NO_COLOR="1")
    four = "input $3.00, output $3.00, cache_read ?, cache_write ?"
    assert f"~ m\n    + above 200K tokens: {four}\n" in dearer
    assert "~ p\n    - output $0.03 per image\n    + output $0.04 per image\n" in dearer
    cheaper = run("refresh", terminal=True, NO_COLOR="1")
    assert f"~ m\n    - above 200K tokens: {four}\n" in cheaper
    assert (
        "~ p\n    input ? -> $1.00 per million tokens\n    output ? -> $2.00 per million tokens\n"
        "    - output $0.04 per image\n"
    ) in cheaper


def test_the_refresh_command_fails_and_keeps_the_cache(run: Run, proxy: FakeProxy, home: Path) -> None:
    proxy.models(row("gpt"))
    run("models")
    before = cache_file(home).read_bytes()
    proxy.on("/model/info", {}, status=500)
    run("refresh", exit=3)
    assert cache_file(home).read_bytes() == before


def test_twenty_processes_refreshing_at_once_leave_one_whole_cache(proxy: FakeProxy, home: Path, start: Start) -> None:
    proxy.models(*(row(f"model-{n}") for n in range(300)), times=20)
    processes = [start("refresh") for _ in range(20)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [(process.returncode, errors) for process, (_, errors) in zip(processes, outputs, strict=True)] == [
        (0, "")
    ] * 20
    header, *lines = cache_file(home).read_text().splitlines()
    assert (json.loads(header)["total"], len(lines)) == (300, 300)
    names = sorted(path.name for path in (home / "cache").iterdir())
    assert [name for name in names if not name.endswith(".lock")] == ["key", cache_file(home).name]


@pytest.mark.parametrize("seed", range(8))
def test_a_kill_at_any_moment_leaves_the_cache_whole(
    run: Run, proxy: FakeProxy, home: Path, start: Start, seed: int
) -> None:
    models = [row(f"model-{n}") for n in range(2000)]
    proxy.models(*models, times=None)
    run("models")
    chance = random.Random(seed)
    for _ in range(3):
        process = start("refresh")
        time.sleep(chance.uniform(0.1, 0.9))
        process.kill()
        process.wait()
        assert len(run("models", "--json", "--offline").json) == 2000


def test_refresh_refreshes_the_tools_and_counts_them(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"), times=2)
    offering(proxy, *TWO, times=1)
    result = run("refresh", "--json")
    assert result.json["tools"] == 2
    assert run("mcp", "list", "--fields", "name") == "add\nping\n"
    assert listings(proxy) == 1
    offering(proxy, tool("new"), times=1)
    assert f"1 model and 1 MCP tool at {proxy.url} (from /model/info)\n" in run("refresh", "-o", "table")
    assert run("mcp", "list", "--fields", "name") == "new\n"


@pytest.mark.parametrize(
    ("status", "body", "warned"),
    [(404, {"detail": "Not Found"}, False), (403, {"detail": "no"}, False), (500, {}, True), (200, b"<html>", True)],
)
def test_refresh_does_without_tools(run: Run, proxy: FakeProxy, status: int, body: Any, warned: bool) -> None:
    proxy.models(row("gpt"))
    proxy.on(LIST, body, status=status)
    result = run("refresh", "--fields", "models,tools")
    assert result == "1\t\n"
    assert ("Warning: cannot list the MCP tools: " in result.stderr) is warned


def test_refresh_asks_for_no_tools_where_mcp_is_off(run: Run, proxy: FakeProxy) -> None:
    run("config", "set", "mcp", "false")
    offering(proxy, *TWO)
    proxy.models(row("gpt"))
    assert run("refresh", "--json").json["tools"] is None
    assert proxy.asked == ["/model/info"]
