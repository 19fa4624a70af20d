"""The exporters there are, in the order in which they are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellmctl.exporters.aider import Aider
from litellmctl.exporters.claude_code import ClaudeCode
from litellmctl.exporters.codex import Codex
from litellmctl.exporters.continue_dev import Continue
from litellmctl.exporters.crush import Crush
from litellmctl.exporters.goose import Goose
from litellmctl.exporters.llm import Llm
from litellmctl.exporters.opencode import Opencode
from litellmctl.exporters.pi import Pi
from litellmctl.exporters.zed import Zed

if TYPE_CHECKING:
    from litellmctl.exporters.exporter import Exporter

EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
        Opencode(),
        Codex(),
        ClaudeCode(),
        Pi(),
        Crush(),
        Aider(),
        Continue(),
        Zed(),
        Llm(),
        Goose(),
    )
}
