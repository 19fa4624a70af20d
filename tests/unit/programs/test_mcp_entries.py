"""What agents with a mapping of entries have in common: which entries are written, kept, skipped and warned about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.programs.documents import changed
from litellmctl.programs.mcp_entries import BARE, NEEDED, EntriesHost, listed_warnings, set_now
from litellmctl.programs.mcp_host import Bridge
from litellmctl.programs.program import Export

OWN = "/opt/bin/litellmctl"


class Host(EntriesHost):
    """An agent of these tests."""

    name = "host"
    title = "Host"
    first: ClassVar[Mapping[str, Any]] = {"type": "stdio"}
    off = ("disabled", True)

    def mcp_path(self, project: Path | None = None) -> Path:
        return (project or Path("/nowhere")) / "mcp.json"


def bridge(name: str = "litellm", *words: str, **variables: str) -> Bridge:
    return Bridge(name, f"LiteLLM: {name}", [OWN, "mcp", "serve", "--profile", "default", *words], variables)


def written(made: Export, before: str | None = None) -> str:
    """Return the text of the file after the export."""
    (change,) = made.files
    return changed(change, before)


def entries(made: Export, before: str | None = None) -> Any:
    return json.loads(written(made, before))["mcpServers"]


def test_an_entry_has_the_command_its_arguments_and_variables_only_if_there_are_any(tmp_path: Path) -> None:
    made = Host().mcp([bridge(), bridge("github", "--server", "github", LITELLMCTL_CONFIG_DIR="/c")], tmp_path)
    arguments = ["mcp", "serve", "--profile", "default"]
    assert entries(made) == {
        "litellm": {"type": "stdio", "command": OWN, "args": arguments},
        "github": {
            "type": "stdio",
            "command": OWN,
            "args": [*arguments, "--server", "github"],
            "env": {"LITELLMCTL_CONFIG_DIR": "/c"},
        },
    }


def test_entries_of_the_user_and_comments_stay_and_an_earlier_entry_of_ours_goes(tmp_path: Path) -> None:
    before = """{
  // my own
  "mcpServers": {
    "mine": {"command": "npx", "args": ["mcp", "serve"]}, // keep
    "old": {"command": "/usr/bin/litellmctl", "args": ["mcp", "serve", "--server", "old"]}
  },
  "theme": "dark"
}
"""
    after = written(Host().mcp([bridge()], tmp_path), before)
    assert "// my own" in after
    assert "// keep" in after
    assert '"old"' not in after
    found = json.loads(re.sub("//.*", "", after))
    assert found["theme"] == "dark"
    assert sorted(found["mcpServers"]) == ["litellm", "mine"]


def test_without_entries_ours_are_removed(tmp_path: Path) -> None:
    before = json.dumps({"mcpServers": {"litellm": {"command": OWN, "args": ["mcp", "serve"]}, "x": {"command": "x"}}})
    assert entries(Host().mcp([], tmp_path), before) == {"x": {"command": "x"}}


def test_an_entry_with_a_reference_is_skipped_and_none_left_is_an_error(tmp_path: Path) -> None:
    made = Host().mcp([bridge(), bridge("odd", "--server", "${HOME}")], tmp_path)
    assert [*entries(made)] == ["litellm"]
    assert made.warnings == ['skipped "odd": Host would replace a variable in its command']
    for one in (bridge("odd", "${HOME}"), bridge(LITELLMCTL_CONFIG_DIR="/a/${B}")):
        with pytest.raises(ConfigFailure, match="would replace a variable in its command"):
            Host().mcp([one], tmp_path)
    assert entries(Host().mcp([bridge("$5", "--server", "$5")], tmp_path))["$5"]


@pytest.mark.parametrize("word", ["$HOME", "${HOME}", "a$b", "$5"])
def test_bare_references_are_found_too(word: str) -> None:
    assert BARE.search(word)


@pytest.mark.parametrize("word", ["a$", "$-x", "plain", "C:\\$"])
def test_a_dollar_alone_is_no_reference(word: str) -> None:
    assert not BARE.search(word)


def test_an_entry_that_the_user_switched_off_stays_off_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    before = json.dumps({"mcpServers": {"litellm": {"command": OWN, "args": ["mcp", "serve"], "disabled": True}}})
    path.write_text(before)
    made = Host().mcp([bridge()], tmp_path)
    assert entries(made, before)["litellm"]["disabled"] is True
    assert made.warnings == [f'"litellm" is switched off: remove disabled from its entry in {path}']


def test_an_entry_of_the_user_that_is_replaced_is_not_switched_off(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text('{"mcpServers": {"litellm": {"command": "npx", "disabled": true}}}')
    assert Host().mcp([bridge()], tmp_path).warnings == []


def test_members_that_are_written_once_keep_what_the_user_made_of_them(tmp_path: Path) -> None:
    class Waiting(Host):
        initial: ClassVar[Mapping[str, Any]] = {"timeout": 150}

    assert entries(Waiting().mcp([bridge()], tmp_path))["litellm"]["timeout"] == 150
    before = json.dumps({"mcpServers": {"litellm": {"command": OWN, "args": ["mcp", "serve"], "timeout": 9}}})
    (tmp_path / "mcp.json").write_text(before)
    assert entries(Waiting().mcp([bridge()], tmp_path), before)["litellm"]["timeout"] == 9


def test_a_name_that_the_agent_changes_takes_no_other_entrys_place(tmp_path: Path) -> None:
    class Hyphens(Host):
        def entry_name(self, name: str) -> str:
            return name.replace("_", "-")

    named = [bridge(name, "--server", name) for name in ("a_b", "a-b", "c_d")]
    found = entries(Hyphens().mcp(named, tmp_path))
    assert {name: entry["args"][-1] for name, entry in found.items()} == {"a_b": "a_b", "a-b": "a-b", "c-d": "c_d"}


def test_lists_of_servers_hide_what_is_not_allowed_or_is_excluded(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    assert listed_warnings("Host", path, {"mcp": {"allowed": [" LiteLLM "]}}, ["litellm"]) == []
    (missing,) = listed_warnings("Host", path, {"mcp": {"allowed": []}}, ["litellm"])
    assert missing == f'Host ignores "litellm": add it to mcp.allowed in {path}'
    (excluded,) = listed_warnings("Host", path, {"mcp": {"excluded": ["litellm"]}}, ["litellm", "x"])
    assert excluded == f'Host ignores "litellm": remove it from mcp.excluded in {path}'
    assert listed_warnings("Host", path, {"mcp": "x"}, ["litellm"]) == []


def test_only_variables_that_are_set_are_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/ca.pem")
    monkeypatch.setenv("LITELLM_API_KEY", "sk-secret")
    assert set_now(NEEDED, ["LITELLM_API_KEY", "SSL_CERT_FILE"]) == ["SSL_CERT_FILE", "LITELLM_API_KEY"]


def test_names_of_tools_leave_room_for_the_prefix_of_the_agent(tmp_path: Path) -> None:
    class Prefixing(Host):
        prefix = "mcp__{}__"
        max_name = 63

        def entry_name(self, name: str) -> str:
            return name.replace("_", "")

    found = entries(Prefixing().mcp([bridge(), bridge("a_b"), bridge("n" * 60)], tmp_path))
    assert {name: entry["args"][-2:] for name, entry in found.items()} == {
        "litellm": ["--name-length", str(63 - len("mcp__litellm__"))],
        "ab": ["--name-length", str(63 - len("mcp__ab__"))],
        "n" * 60: ["--name-length", "24"],  # the least that `mcp serve` takes
    }
