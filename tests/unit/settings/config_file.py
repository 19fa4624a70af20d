"""A configuration file of somebody's own, and how tests change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litellmctl.settings.config import Config
from litellmctl.settings.edit import locate, set_value, unset_value

WORK = """\
# My proxies.
default_profile = "work"  # until March

[profiles.work]
# the big one
base_url = "https://llm.example.com/v1/"
api_key = "!op read op://team/litellm/key"
headers = { x-team = "$TEAM", "x-note" = "hello" }
mcp = false

[profiles.home]
api_key = "sk-literal-secret"
gcloud = true
"""


def written(path: Path, text: str | bytes) -> Config:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Config(path)


def put(config: Config, name: str, text: str) -> Any:
    return set_value(config, locate(name, "default"), text)


def drop(config: Config, name: str) -> bool:
    return unset_value(config, locate(name, "default"))
