"""OpenHands (https://github.com/OpenHands/OpenHands-CLI): agent_store.py of 1.16.0, and model_info.py of its SDK."""

from __future__ import annotations

from litellmctl.programs.program import Launch, Program, Provider, Wish


class Openhands(Program):
    """Three variables and the option that makes OpenHands read them; its settings and conversations stay in use.

    As a model of LiteLLM's proxy, it gets its limits and abilities from the proxy by itself.
    """

    title = "OpenHands"
    executable = "openhands"
    needs_model = True
    model_options = ()
    without_model = frozenset({"acp", "cloud", "login", "logout", "mcp", "serve", "view", "web", "-v"})
    install = "uv tool install --python 3.12 openhands"

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the variables, which override its settings, and the option before any command of its own."""
        variables = {"LLM_BASE_URL": provider.base_url, "LLM_API_KEY": provider.key}
        if wish.model is not None:
            variables["LLM_MODEL"] = f"litellm_proxy/{wish.model}"
        return Launch(arguments=["--override-with-envs"], variables=variables)
