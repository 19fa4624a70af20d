"""Problems in words for a model, which can do nothing about them itself but ask its person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litellmctl.foundation.sentences import sentence

if TYPE_CHECKING:
    from litellmctl.errors import Failure

# It stays the same for all problems, so that a person may allow an agent to call it.
PROBLEM_TOOL = "litellmctl_problem"
# How remedies begin that are commands for a terminal, and those that reach no process that runs.
_COMMANDS = ("litellmctl ", "chmod ", "gcloud ")
_VARIABLES = ("export ", "unset ")


def text_of(failure: Failure) -> str:
    """Return a failure as a model reads it: what is wrong, and what its person can do."""
    message = sentence(failure.message)
    text = f"litellmctl: {message}{'' if message.endswith(('.', '?', '!')) else '.'}"
    if not failure.remedy:
        return text
    remedy = sentence(failure.remedy)
    if remedy.startswith(_VARIABLES):
        return f"{text}\nAsk the user to run this where the agent is started, and to restart the agent: {remedy}"
    return f"{text}\n{'Ask the user to run' if remedy.startswith(_COMMANDS) else 'Try'}: {remedy}"


def result_of(failure: Failure) -> dict[str, Any]:
    """Return a failure as the result of a tool."""
    return error_result(text_of(failure))


def error_result(text: str) -> dict[str, Any]:
    """Return the result of a tool that failed."""
    return {"content": [text_block(text)], "isError": True}


def text_block(text: str) -> dict[str, Any]:
    """Return a block of text in a result."""
    return {"type": "text", "text": text}


def tool_of(failure: Failure) -> dict[str, Any]:
    """Return the tool that stands for all others while a problem keeps them away.

    Agents that load tools when they are needed (Qwen Code, say) show 160 characters of the first line.
    """
    what, _, remedy = text_of(failure).partition("\n")
    return {
        "name": PROBLEM_TOOL,
        "title": "Why there are no tools",
        "description": f"The MCP tools of the LiteLLM proxy are missing. {remedy or what}\nTell the user why: {what}\n"
        "Call this tool to check again; the tools appear without a restart.",
        "inputSchema": {"type": "object", "properties": {}},
        "annotations": {"title": "Why there are no tools", "readOnlyHint": True, "openWorldHint": True},
    }
