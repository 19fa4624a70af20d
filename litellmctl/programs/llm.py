"""llm (https://llm.datasette.io): docs other-models.md and plugins; __init__.py and openai_models.py of llm 0.36."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.errors import ConfigFailure
from litellmctl.foundation.text import dump_json
from litellmctl.programs.changes import FileChange, Put, having
from litellmctl.programs.copies import read
from litellmctl.programs.model_facts import known
from litellmctl.programs.program import (
    KEY_VARIABLE,
    PROVIDER_ID,
    Export,
    Exporter,
    Launch,
    Provider,
    Wish,
    end_of_options,
)
from litellmctl.settings import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellmctl.catalog.model import Model

_FILE = "extra-openai-models.yaml"
_PLUGIN = "litellmctl_run"
# Its options that choose a model in another way: a conversation, a template or a search.
_WITH_MODEL = {"-c", "--continue", "--cid", "--conversation", "-t", "--template", "-q", "--query"}
# llm makes models of our file as it does of the user's own, and this plugin offers those alone: a name that the proxy
# does not have is unknown, rather than a model of a provider that the user did not ask for.
_SOURCE = f'''"""The models of the proxy that litellmctl run chose, for one run of llm."""

import inspect
from pathlib import Path

import llm
from llm.default_plugins import openai_models

FOLDER = Path(__file__).parent
PREFIX = (FOLDER / "prefix").read_text("utf-8")


def of_proxy():
    found = {{}}

    def take(model, async_model=None, aliases=()):
        if model.model_id.startswith(PREFIX):
            for one in filter(None, (model, async_model)):
                one.needs_key, one.key_env_var = "litellmctl run", "{KEY_VARIABLE}"
            found[model.model_id] = (model, async_model)

    theirs = llm.user_dir
    llm.user_dir = lambda: FOLDER
    try:
        openai_models.register_models(take)
    finally:
        llm.user_dir = theirs
    return found


def offer(register, others):
    found = of_proxy()
    names = {{model_id.removeprefix(PREFIX) for model_id in found}}
    also = {{one.model.model_id: set(one.aliases) - names for one in others if one.model}}
    others.clear()
    for model_id, (model, async_model) in found.items():
        name = model_id.removeprefix(PREFIX)
        register(model, async_model, aliases=(name, *sorted(also.get(name, ()))))


if "model_aliases" in inspect.signature(llm.hookspecs.register_models).parameters:

    @llm.hookimpl(trylast=True)
    def register_models(register, model_aliases):
        offer(register, model_aliases)

else:  # before llm 0.31

    @llm.hookimpl(trylast=True)
    def register_models(register):
        offer(register, [])
'''


class Llm(Exporter):
    """Items of extra-openai-models.yaml whose names start with `ID/`, with the provider's name as `api_key_name`.

    llm reads the key from its own key store, or from OPENAI_API_KEY if that has none with this name.
    """

    name = "llm"
    title = "llm"
    executable = "llm"
    key_from = "reads the key from OPENAI_API_KEY or its own key store."
    reads_variable = True
    needs_catalog = True
    without_model = frozenset(
        {
            *("aliases", "collections", "embed", "embed-models", "embed-multi", "fragments", "install", "keys", "logs"),
            *("models", "openai", "plugins", "schemas", "similar", "templates", "tools", "uninstall"),
        }
    )
    install = "uv tool install llm"

    def path(self) -> Path:
        """Return the file in LLM_USER_PATH, or in the folder that Click gives llm."""
        import click

        folder = environment.get("LLM_USER_PATH") or click.get_app_dir("io.datasette.llm")
        return Path(folder) / _FILE

    def export(self, provider: Provider) -> Export:
        """Return the models, as ID/MODEL: llm has a gpt-4o and others of its own."""
        items = _models(provider)
        if provider.key:  # the fixed key of a relay: llm needs none then, and sends headers as they are
            headers = {"x-api-key": provider.key}
            items = [{**known(**{**one, "api_key_name": None}), "headers": headers} for one in items]
        put = Put((), items, having("model_id", f"{provider.id}/", is_prefix=True))
        return Export(
            [FileChange(self.path(), "yaml", [put])],
            notes=[f'llm -m {provider.id}/MODEL "A prompt"']
            if provider.key
            else [
                f'OPENAI_API_KEY="$(litellmctl token)" llm -m {provider.id}/MODEL "A prompt"',
                # Not with a pipe: llm asks on the terminal if there is one.
                f"llm keys set {provider.id}  # or this, with a key that does not expire",
            ],
        )

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return a plugin of llm's with the proxy's models, found on Python's path; the user's own folder stays in use.

        A model is known by its own name too, also where llm has one with this name.
        """
        own = environment.snapshot().get("LLM_LOAD_PLUGINS")  # an empty one counts
        variables = {
            KEY_VARIABLE: provider.key,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(wish.folder), environment.get("PYTHONPATH")])),
        }
        if own is not None:
            variables["LLM_LOAD_PLUGINS"] = ",".join(filter(None, [own, _PLUGIN]))
        if wish.model is not None:
            variables["LLM_MODEL"] = f"{provider.id}/{wish.model}"
        about = f"{_PLUGIN}-0.dist-info"
        texts = {
            _FILE: _yaml(_models(provider)),
            "prefix": f"{provider.id}/",
            f"{_PLUGIN}.py": _SOURCE,
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {_PLUGIN}\nVersion: 0\n",
            f"{about}/entry_points.txt": f"[llm]\n{_PLUGIN} = {_PLUGIN}\n",
        }
        lacks_default = wish.model is None and self.lacks_default(wish.arguments, provider.models)
        warnings = [self.default_model_warning()] if lacks_default else []
        return Launch(variables=variables, files=texts, warnings=warnings)

    def lacks_default(self, arguments: Sequence[str], models: Sequence[Model]) -> bool:
        """Whether a prompt would be for a default model that the proxy does not have."""
        options = {word.partition("=")[0] for word in arguments[: end_of_options(arguments)]}
        if environment.get("LLM_MODEL") or not self.lacks_model(arguments) or not options.isdisjoint(_WITH_MODEL):
            return False
        with suppress(ConfigFailure):  # which llm reports
            default = (read(self.path().with_name("default_model.txt")) or "").strip()
            return default.removeprefix(f"{PROVIDER_ID}/") not in {model["id"] for model in models}
        return True


def _yaml(value: Any) -> str:
    """Return a value as YAML of ASCII only: llm reads it in the encoding of the user's locale."""
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\U{ord(found[0]):08x}", dump_json(value))


def _models(provider: Provider) -> list[dict[str, Any]]:
    return [_model(model, provider) for model in provider.models]


def _model(model: Model, provider: Provider) -> dict[str, Any]:
    takes = model["input"] or ()
    abilities = {
        "supports_schema": model["supports"].get("response_schema"),
        "supports_tools": model["supports"].get("function_calling"),
        "vision": "image" in takes,
        "audio": "audio" in takes,
        "reasoning": model["reasoning"],
        "responses": model["mode"] == "responses",
    }
    return {
        "model_id": f"{provider.id}/{model['id']}",
        "model_name": model["id"],
        "api_base": provider.v1,
        "api_key_name": provider.id,
        # What is missing is off.
        **{name: True for name, has in abilities.items() if has},
    }
