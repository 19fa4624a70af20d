"""`mcp skill`: which tools the skill is for, and where it is written."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.contract.tools import ADD, offering, server, tool
from tests.fake_proxy import FakeProxy


@pytest.fixture
def tools(proxy: FakeProxy) -> FakeProxy:
    rows = [server("lab"), server("git hub", alias="gh"), server("empty")]
    return offering(proxy, tool("add", ADD), tool("ping"), tool("issue", server="git hub"), rows=rows)


def called(text: str) -> list[str]:
    return [shlex.split(line)[3] for line in text.splitlines() if line.startswith("    litellmctl mcp call")]


@pytest.mark.parametrize(
    ("arguments", "name", "count"),
    [
        ((), "litellm-mcp", 3),
        (("lab",), "litellm-mcp-lab", 2),
        (("gh",), "litellm-mcp-git-hub", 1),
        (("id-lab",), "litellm-mcp-lab", 2),
        (("lab/add",), "litellm-mcp-lab-add", 1),
        (("mcp_lab_add", "gh"), "litellm-mcp-git-hub-lab", 2),
        (("lab", "add"), "litellm-mcp-lab", 2),
    ],
)
def test_servers_and_tools_choose(
    run: Run, tools: FakeProxy, arguments: tuple[str, ...], name: str, count: int
) -> None:
    text = run("mcp", "skill", *arguments)
    assert text.startswith(f"---\nname: {name}\n")
    assert len(called(text)) == count


def test_a_name_of_nothing_is_an_error(run: Run, tools: FakeProxy) -> None:
    assert 'no MCP server or tool "nope"' in run("mcp", "skill", "nope", exit=5).stderr
    assert 'no MCP server or tool "labb". Did you mean "lab"?' in run("mcp", "skill", "labb", exit=5).stderr
    assert 'no MCP tool "lab/ad". Did you mean "lab/add"?' in run("mcp", "skill", "lab/ad", exit=5).stderr


def test_no_tools_are_an_error(run: Run, proxy: FakeProxy) -> None:
    offering(proxy)
    result = run("mcp", "skill", exit=5)
    assert "no MCP tools" in result.stderr
    assert result == ""


def test_json_has_its_parts(run: Run, tools: FakeProxy) -> None:
    found = run("mcp", "skill", "lab", "--json").json
    assert list(found) == ["name", "description", "text", "path"]
    assert found["name"] == "litellm-mcp-lab"
    assert found["path"] is None
    assert found["text"].startswith("---\n")


def test_it_is_written_once_and_an_edited_one_is_kept(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    folder, file = tmp_path / "skills", tmp_path / "skills" / "litellm-mcp-lab" / "SKILL.md"
    first = run("mcp", "skill", "lab", "--write", str(folder))
    assert first == ""
    assert f"Wrote {file}" in first.stderr
    written = file.read_text()
    assert called(written) == ["lab/add", "lab/ping"]
    assert "already up to date" in run("mcp", "skill", "lab", "--write", str(folder)).stderr

    file.write_text(written + "My own words.\n")
    refused = run("mcp", "skill", "lab", "--write", str(folder), exit=1)
    assert "it was edited" in refused.stderr
    assert "--force" in refused.stderr
    assert file.read_text().endswith("My own words.\n")
    run("mcp", "skill", "lab", "--write", str(folder), "--force")
    assert file.read_text() == written


def test_an_older_one_of_ours_is_replaced(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    offering(proxy, tool("add", ADD), times=1)
    run("mcp", "skill", "--write", str(tmp_path))
    offering(proxy, tool("add", ADD), tool("ping"), times=1)
    run("mcp", "list", "--refresh")
    run("mcp", "skill", "--write", str(tmp_path))
    assert called((tmp_path / "litellm-mcp" / "SKILL.md").read_text()) == ["lab/add", "lab/ping"]


def test_a_folder_that_cannot_be_written_is_an_error(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("mcp", "skill", "--write", str(tmp_path / "file"), exit=1)
    assert f"cannot write {tmp_path / 'file'}" in result.stderr
    assert "choose another folder" in result.stderr


def test_a_broken_link_is_not_followed(run: Run, tools: FakeProxy, tmp_path: Path) -> None:
    link = tmp_path / "skills/litellm-mcp/SKILL.md"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    for options in ([], ["--force"]):
        result = run("mcp", "skill", "--write", str(tmp_path / "skills"), *options, exit=1)
        assert "SKILL.md: it is a broken link" in result.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_another_profile_is_named_in_each_command(run: Run, tools: FakeProxy) -> None:
    run("config", "set", "--profile", "work", "base_url", tools.url)
    run("config", "set", "--profile", "work", "api_key", "$MY_KEY")
    text = run("mcp", "skill", "lab", "--profile", "work", MY_KEY="sk-mine")
    assert "    litellmctl --profile work mcp call lab/add a=1\n" in text
