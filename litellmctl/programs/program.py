"""The base classes of other programs: how each takes the proxy, for one run and in its own files."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from litellmctl.programs.variables import variables

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.catalog.model import Model
    from litellmctl.programs.changes import FileChange

# The variable that `litellmctl env` sets to the key.
KEY_VARIABLE = "LITELLM_API_KEY"
# The provider's name in a program that `run` starts.
PROVIDER_ID = "litellm"
# With one of these a program says something about itself, which takes no model.
_ABOUT_ITSELF = ("--help", "-h", "--version", "-V")


@dataclass(frozen=True)
class Provider:
    """The proxy, as a provider of models.

    `base_url` is the proxy's root, or that of a relay, without `/v1`. `command` has the words of the command that
    prints the key; without one, the key is fixed for as long as the program runs. `key` is the key itself: only a run
    has it, and an export through a relay. Programs that run no command read it from a variable: `KEY_VARIABLE`, or one
    of their own. `with_skills` adds the proxy's skill marketplace.
    """

    id: str
    name: str
    base_url: str
    models: Sequence[Model]
    command: Sequence[str]
    with_skills: bool = False
    key: str = field(default="", repr=False)

    @property
    def v1(self) -> str:
        """The base URL of OpenAI's API."""
        return f"{self.base_url}/v1"


@dataclass(frozen=True)
class Wish:
    """What a user wants of one run: the `arguments` for the program, and a model of the catalog (None: none chosen).

    With `subscription`, the program keeps its own sign-in, and the proxy's key travels in `x-litellm-api-key`. `folder`
    is an empty folder for temporary files, which exists if `Launch.files` has any.
    """

    arguments: Sequence[str]
    model: str | None
    folder: Path
    subscription: bool = False


@dataclass(frozen=True)
class Launch:
    """How to start a program with the proxy for one run.

    `arguments` come before the user's own, and never hold a secret; `variables` may. `unset` are variables of the user
    that would override ours. `files` (name -> text) are written into the folder of the `Wish`, readable by the user
    only. `links` (name -> path) are made there to files and folders of the user; a missing folder is made first.
    `user_arguments` replace the user's own where the program would misread these (None: they stay as they are).
    `warnings` are for the user.
    """

    arguments: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    unset: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: Sequence[str] = ()
    links: Mapping[str, Path] = field(default_factory=dict)
    user_arguments: Sequence[str] | None = None


def variables_of(provider: Provider) -> dict[str, str]:
    """Return the variables of `litellmctl env`: the proxy and its key, as most libraries and programs read them."""
    return variables(provider.base_url, provider.key)


def key_variables(provider: Provider) -> dict[str, str]:
    """Return the variables for a program that reads the key from `KEY_VARIABLE`: with the proxy that the key is for."""
    return {KEY_VARIABLE: provider.key, "LITELLM_BASE_URL": provider.base_url}


class Program:
    """Another program, which `run` can start with the proxy.

    `title` is its name, `executable` the file name of its command. `takes_command` says whether it runs a command for
    the key, so that the key never expires while it runs; `needs_model` whether it cannot start without a model of the
    proxy; `needs_catalog` whether `launch` uses the facts of the provider's models; `takes_subscription` whether it can
    keep its own sign-in. `model_options` are its options for a model, and `without_model` the first arguments, mostly
    its own commands, with which it takes none. `install` is the command that installs it. A program that we do not know
    is one of this class.
    """

    title: ClassVar[str] = ""
    executable: ClassVar[str] = ""
    takes_command: ClassVar[bool] = False
    needs_model: ClassVar[bool] = False
    needs_catalog: ClassVar[bool] = False
    takes_subscription: ClassVar[bool] = False
    model_options: ClassVar[Sequence[str]] = ("--model", "-m")
    without_model: ClassVar[frozenset[str]] = frozenset()
    install: ClassVar[str] = ""

    def lacks_model(self, arguments: Sequence[str]) -> bool:
        """Whether the user's own arguments name no model, and are for what takes one: not for `--version`, say.

        Where they do not lack it, `launch` may get a wish without a model even if the program `needs_model`.
        """
        words = {word.partition("=")[0] for word in arguments[: end_of_options(arguments)]}
        takes_one = words.isdisjoint(_ABOUT_ITSELF) and self.without_model.isdisjoint(arguments[:1])
        return takes_one and words.isdisjoint(self.model_options)

    def lacks_default(self, arguments: Sequence[str], models: Sequence[Model]) -> bool:  # noqa: ARG002
        """Whether it would start with a default model of its own, and the proxy with these models has none such."""
        return False

    def misreads(self, name: str) -> bool:
        """Whether it would take the name of a model for something else: an option, or a variable or file to insert.

        Names come from the proxy. With one like that, it might do what the user never asked for, or send the proxy what
        is none of its business.
        """
        return name.startswith("-") or "\0" in name

    def named_model(self, arguments: Sequence[str]) -> str | None:
        """Return the model that the user's own arguments name last; None if they name none."""
        own = arguments[: end_of_options(arguments)]
        found = None
        for word, following in zip(own, [*own[1:], None], strict=False):
            option, is_joined, value = word.partition("=")
            if option in self.model_options:
                found = value if is_joined else following
        return found

    def launch(self, provider: Provider, wish: Wish) -> Launch:  # noqa: ARG002
        """Return how to start it for one run, without a file of the user's being changed.

        Where the provider has no `command`, its `key` is used.
        """
        return Launch(variables=variables_of(provider))

    def default_model_warning(self) -> str:
        """Return the warning that the program may not use the proxy, since no model of it was chosen."""
        chosen = f"litellmctl run --model NAME {self.executable}"
        return f"{self.title} starts with its own default model, maybe not one of the proxy's: {chosen}"


def end_of_options(arguments: Sequence[str]) -> int:
    """Return the index of `--`, which ends the options; the number of arguments without one."""
    return arguments.index("--") if "--" in arguments else len(arguments)


@dataclass(frozen=True)
class Export:
    """The changes to files for a provider, the commands to run then, and warnings to print before a write."""

    files: Sequence[FileChange]
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()


class Exporter(Program, ABC):
    """A program with files of its own, which `export` changes.

    `name` is the argument of `export`, and `key_from` says where it takes the key from. `reads_variable` says that this
    is a variable, in which a key expires: these take a relay's fixed key too.
    """

    name: ClassVar[str]
    key_from: ClassVar[str] = "runs litellmctl token for the key."
    reads_variable: ClassVar[bool] = False

    @abstractmethod
    def path(self) -> Path:
        """Return the first file that `export` changes, found by the program's own rules."""

    def folder(self) -> Path:
        """Return the folder that exists if the program is used here."""
        return self.path().parent

    @abstractmethod
    def export(self, provider: Provider) -> Export:
        """Return the changes to the program's files, without any key but the provider's own, that of a relay.

        Nothing is written. The program's files are read only if their content changes what the program needs; a file
        that cannot be read is ignored.
        """


def shell_words(words: Sequence[str]) -> str:
    """Return a command as one line for programs that run it in a shell: sh, or cmd on Windows."""
    if sys.platform == "win32":
        from subprocess import list2cmdline

        # Some programs try Git Bash first, which would drop the backslashes of an unquoted path.
        program, *rest = words
        line = f'"{program.replace(chr(92), "/")}" {list2cmdline(rest)}'
    else:
        import shlex

        line = shlex.join(words)
    return line
