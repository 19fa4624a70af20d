"""What a run needs: the program, the proxy as its provider, its model, and whether a relay stands between them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from litellmctl import own_command
from litellmctl.errors import Rejected, Unavailable, UsageFailure, suggestion
from litellmctl.foundation.times import age_text
from litellmctl.launch import environment, executable
from litellmctl.programs import registry
from litellmctl.programs.program import PROVIDER_ID, Program, Provider, Wish
from litellmctl.relay import extra

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.catalog.model import Model
    from litellmctl.catalogs import Catalogs
    from litellmctl.connection import Connection
    from litellmctl.launch.executable import Executable
    from litellmctl.programs.program import Launch
    from litellmctl.terminal.console import Console

# How many models an error names.
_NAMED = 5


class Wanted(NamedTuple):
    """What the user asked for: a `model`, the program's own sign-in, and a relay (None: where it is of use)."""

    model: str | None = None
    subscription: bool = False
    relay: bool | None = None


@dataclass(frozen=True)
class Start:
    """How to start a program: the `path` of a file, its `words`, what changes in its environment, and its `launch`."""

    path: str
    words: Sequence[str]
    changes: environment.Changes
    launch: Launch


@dataclass(frozen=True)
class Plan:
    """What is known before a program starts. With `is_relayed`, a relay has to run before `through` and `start`."""

    connection: Connection
    program: Executable
    provider: Provider
    model: str | None
    subscription: bool
    is_relayed: bool
    warnings: Sequence[str]

    def through(self, base_url: str, key: str) -> Plan:
        """Return the plan with a relay in place of the proxy."""
        return replace(self, provider=replace(self.provider, base_url=base_url, key=key, command=()))

    def start(self, folder: Path) -> Start:
        """Return how to start the program, with its temporary files in `folder`."""
        wish = Wish(self.program.arguments, self.model, folder, self.subscription)
        launch = self.program.program.launch(self.provider, wish)
        path, start = self.program.path, list(self.program.words)
        if "PYTHONPATH" in launch.variables and (python := executable.interpreter(path)):
            path, start = python[0], [*python, path]
        theirs = self.program.arguments if launch.user_arguments is None else launch.user_arguments
        words = [*start, *launch.arguments, *theirs]
        changes = environment.changes(self.connection, self.provider, launch, relayed=self.is_relayed)
        return Start(path, words, changes, launch)


def plan(connection: Connection, catalogs: Catalogs, console: Console, program: Executable, wanted: Wanted) -> Plan:
    """Return the plan for a program.

    The proxy is asked only for a token to be refreshed, and for models where they matter. A person may be asked for a
    model. Raises failures.
    """
    if wanted.subscription and not program.program.takes_subscription:
        able = [name for name, one in registry.programs().items() if one.takes_subscription]
        raise UsageFailure(
            f"--subscription: {program.title} cannot keep a sign-in of its own beside the proxy's key",
            remedy=f"use --subscription with {' or '.join(able)}",
        )
    pair = connection.pair
    reasons = _reasons_for_relay(connection, program, wanted)
    is_relayed = _is_relayed(connection, wanted, bool(reasons))
    try:
        key = pair.credential.secret()
    finally:  # a login that has expired, say: the variables may be what the user meant
        connection.note_shadowed()
    connection.note_expiry()
    models, model = _models(catalogs, console, program, wanted)
    command = _key_command(connection) if not program.is_own else ()
    provider = Provider(
        id=PROVIDER_ID,
        name=f"LiteLLM ({urlsplit(pair.base_url).netloc})",
        base_url=pair.base_url,
        models=models,
        command=command,
        key=key,
    )
    warnings = [] if is_relayed else [*_warnings(connection, program, reasons, wanted)]
    if wanted.model is not None and type(program.program) is Program:
        warnings.append(f"--model is ignored: litellmctl does not know how {program.name} takes a model")
    return Plan(connection, program, provider, model, wanted.subscription, is_relayed, warnings)


def _key_command(connection: Connection) -> Sequence[str]:
    """Return the words of the command for a fresh key; none for a key that stays the same."""
    credential, options = connection.pair.credential, connection.options
    if not credential.is_renewable and credential.expires_at is None:
        return ()
    words = own_command.token_command(connection.profile.name, connection.pair.base_url)
    return [*words, "--auth", options.auth] if options.auth else words


# --- the relay ---


def _reasons_for_relay(connection: Connection, program: Executable, wanted: Wanted) -> list[str]:
    """Return what a program cannot do by itself, as ends of a sentence about it."""
    if program.is_own:
        return []
    pair, profile = connection.pair, connection.profile
    reasons = []
    if pair.headers:
        reasons.append(f"does not send the header{'s' if len(pair.headers) > 1 else ''} {', '.join(pair.headers)}")
    if pair.key_header.lower() != "authorization":
        reasons.append(f"does not send the key in {pair.key_header}")
    if profile.get("client_cert"):
        reasons.append("does not show the client certificate")
    if profile.get("ca_bundle"):
        reasons.append("may not trust the certificate authorities of ca_bundle")
    takes_command = program.program.takes_command and not wanted.subscription
    if pair.credential.is_renewable and not takes_command:
        reasons.append("cannot refresh its key")
    return reasons


def _is_relayed(connection: Connection, wanted: Wanted, is_of_use: bool) -> bool:
    if wanted.relay:
        connection.require_online("--serve")
        extra.require("--serve")
        return True
    return wanted.relay is None and is_of_use and not connection.is_offline and extra.to_install() is None


def _warnings(connection: Connection, program: Executable, reasons: Sequence[str], wanted: Wanted) -> Sequence[str]:
    """Return what a program will lack without a relay, and how it gets one."""
    if not reasons:
        return []
    expires_at = connection.pair.credential.expires_at
    left = None if expires_at is None else max(0.0, expires_at - time.time())
    when = "may expire" if left is None else f"expires in {age_text(left)}"
    *others, last = [reason.replace("its key", f"its key, which {when}") for reason in reasons]
    sentence = f"{program.title} {', '.join(others)}{' and ' if others else ''}{last}"
    if wanted.relay is False or connection.is_offline:
        return [sentence]
    return [f"{sentence}; a relay does that: {extra.to_install()}"]


# --- models ---


def _models(
    catalogs: Catalogs, console: Console, program: Executable, wanted: Wanted
) -> tuple[Sequence[Model], str | None]:
    """Return the models for a program, and the one that was chosen; the list is read only where it matters.

    Where only facts of models are missing because the proxy cannot be reached, the program starts nevertheless. So it
    does where only its default model is missing at the proxy, and no person can be asked for another.
    """
    known = program.program
    lacks_model = known.needs_model and wanted.model is None and known.lacks_model(program.arguments)
    if not (known.needs_catalog or wanted.model or lacks_model):
        return [], None
    from litellmctl.catalog.selection import Selection

    try:
        catalog = catalogs.models()
    except Unavailable as failure:
        if wanted.model or lacks_model:
            raise
        console.warn(f"{program.title} starts without the list of models: {failure.message}")
        return [], None
    chats = [model for model in Selection().apply(catalog.models) if not known.misreads(model["id"])]
    if wanted.model is not None:
        names = [model["id"] for model in catalog.models]
        if wanted.model not in names:
            raise Rejected(
                "not_found",
                f'no model "{wanted.model}" at {catalog.base_url}{suggestion(wanted.model, names)}',
                remedy="litellmctl models --all --refresh",
            )
        if known.misreads(wanted.model):
            raise UsageFailure(
                f'{program.title} cannot use the model "{wanted.model}": it would not read that as a name',
                remedy="litellmctl models",
            )
        return chats, wanted.model
    can_choose = len(chats) == 1 or (bool(chats) and console.can_prompt)
    if lacks_model or (can_choose and known.lacks_default(program.arguments, chats)):
        return chats, _chosen(console, program, [model["id"] for model in chats], catalog.base_url)
    return chats, None


def _chosen(console: Console, program: Executable, names: Sequence[str], base_url: str) -> str:
    """Return the model for a program that needs one: the only one, or the one that a person chooses."""
    if not names:
        raise Rejected(
            "not_found",
            f"no chat models at {base_url}, and {program.title} needs one",
            remedy="litellmctl models --all",
        )
    if len(names) == 1:
        console.hint(f"Using {names[0]}, the only model.")
        return names[0]
    if not console.can_prompt:
        some = ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        failure = console.cannot_ask("for a model", f"litellmctl run --model NAME {program.name}")
        raise failure.adding(f"{program.title} needs one of {some}{more}")
    return names[console.pick(f"Model for {program.title}", names, flag="--model NAME")]
