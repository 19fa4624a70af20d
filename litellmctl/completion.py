"""TAB completion: the shells' scripts, and the values, out of caches and the config file only.

Nothing here asks the network, a keyring or a person, or writes to stderr: whatever goes wrong is no suggestion.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from litellmctl.render import clean

if TYPE_CHECKING:
    from litellmctl.app import App

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

SHELL_VARIABLE = "_LITELLMCTL_COMPLETE"
_LINE_VARIABLE, _WORDS_VARIABLE, _BREAKS_VARIABLE = "_LITELLMCTL_LINE", "_LITELLMCTL_WORDS", "_LITELLMCTL_BREAKS"
# What every shell takes as it is. A name with anything else, which a proxy may have made up to be run, is not offered.
_SAFE = r"[\w.:/@+,=%-]+"
_LONGEST_HELP = 80
# With more than that, nobody reads what they mean.
_MOST_DESCRIBED = 200

BASH = r"""# litellmctl's completion for bash, as ~/.local/share/bash-completion/completions/litellmctl
_litellmctl() {
    local type value help
    COMPREPLY=()
    while IFS=$'\t' read -r type value help; do
        case $type in
            file) compopt -o default 2> /dev/null ;;
            dir) compopt -o dirnames 2> /dev/null ;;
            part) compopt -o nospace 2> /dev/null; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(_LITELLMCTL_COMPLETE=bash _LITELLMCTL_LINE="${COMP_LINE:0:COMP_POINT}" \
        _LITELLMCTL_BREAKS="$COMP_WORDBREAKS" "$1" 2> /dev/null)
}
complete -o nosort -F _litellmctl litellmctl 2> /dev/null || complete -F _litellmctl litellmctl
"""

ZSH = r"""#compdef litellmctl
# litellmctl's completion for zsh, as _litellmctl in a folder of $fpath
_litellmctl() {
    local line type value help files typed
    local -a described parts
    typed="${(F)${(@Q)words[1,CURRENT-1]}}"$'\n'"${(Q)PREFIX}"
    for line in "${(@f)$(_LITELLMCTL_COMPLETE=zsh _LITELLMCTL_WORDS=$typed ${(Q)words[1]} 2> /dev/null)}"; do
        type=${line%%$'\t'*} value=${${line#*$'\t'}%%$'\t'*} help=${line##*$'\t'}
        case $type in
            file) files=_files ;;
            dir) files='_files -/' ;;
            part) parts+=("${value//:/\\:}${help:+:$help}") ;;
            plain) described+=("${value//:/\\:}${help:+:$help}") ;;
        esac
    done
    (( $#described )) && _describe -V litellmctl described
    (( $#parts )) && _describe -V litellmctl parts -S ''
    [[ -n $files ]] && { compset -P '--*='; ${=files}; }
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _litellmctl "$@"
else
    compdef _litellmctl litellmctl
fi
"""

FISH = r"""# litellmctl's completion for fish, as ~/.config/fish/completions/litellmctl.fish
function __litellmctl_complete
    set -lx _LITELLMCTL_COMPLETE fish
    set -l words (commandline -opc) (commandline -ct | string replace -ra '["\']' '')
    set -lx _LITELLMCTL_WORDS (printf '\n%s' $words[2..-1] | string collect --no-trim-newlines)
    for line in (command $argv[1] 2> /dev/null)
        set -l parts (string split -m 2 \t -- $line)
        switch $parts[1]
            case file
                __fish_complete_path (commandline -ct)
            case dir
                __fish_complete_directories (commandline -ct)
            case plain part
                string join \t -- $parts[2..3]
        end
    end
end
complete --no-files --keep-order --command litellmctl --arguments '(__litellmctl_complete litellmctl)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def complete(shell: str, app: App) -> str:
    """Return the candidates for what the script of this shell says was typed: `type TAB value TAB help`, a line each.

    `type` is plain, part (no space after it), file or dir; the last two ask the shell for its own.
    """
    from litellmctl.cli import cli

    words, start = _typed(shell)
    *before, incomplete = words[1:]
    found = ShellComplete(cli, {"obj": app}, "litellmctl", SHELL_VARIABLE).get_completions(before, incomplete)
    # Of `--option=value` Click completes the value alone, and every shell the word.
    option, equals, _ = incomplete.partition("=")
    before_value = f"{option}=" if equals and option.startswith("-") else ""
    return "".join(_line(item, before_value, start) for item in found)


def _typed(shell: str) -> tuple[list[str], int]:
    """Return the words up to the cursor, the last one being typed, and where in that the shell begins to replace it."""
    if shell == "bash":
        line = os.environ.get(_LINE_VARIABLE, "")
        words = split_arg_string(line)
        if not line or line[-1:].isspace():
            words.append("")
        return ["", *words[1:]] if len(words) > 1 else ["", ""], _last_break(line, _word_breaks())
    words = os.environ.get(_WORDS_VARIABLE, "").split("\n")
    return words if len(words) > 1 else ["", ""], 0


def _word_breaks() -> str:
    """Return those of bash's word breaks that can stand inside of our words."""
    return "".join(character for character in ":=@" if character in os.environ.get(_BREAKS_VARIABLE, ":="))


def _last_break(line: str, breaks: str) -> int:
    """Return how much of a line's last word bash leaves as it is: of `name=val` and `a:b` all up to the last break.

    A break that is quoted is none.
    """
    quote, length, found = "", 0, 0
    characters = iter(line)
    for character in characters:
        if character == "\\" and quote != "'":
            length += len(next(characters, ""))
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote and character.isspace():
            length = found = 0
        else:
            length += 1
            found = length if not quote and character in breaks else found
    return found


def _line(item: CompletionItem, before_value: str, start: int) -> str:
    if item.type != "plain":
        return f"{item.type}\t\t\n"
    value = f"{before_value}{item.value}"
    if not re.fullmatch(_SAFE, value) or not value[start:]:
        return ""
    kind = "part" if item.partial else "plain"
    return f"{kind}\t{value[start:]}\t{clean(item.help or '')[:_LONGEST_HELP]}\n"


def _values(read: Callable[[App], Iterable[tuple[str, str]]]) -> Completer:
    """Return the completer of a parameter whose values `read` gives, each with what it means."""

    def completer(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from litellmctl.app import App

        app = context.find_object(App)
        if app is None:
            return []
        return [
            CompletionItem(value, help=text)
            for value, text in read(app)
            if value.startswith(incomplete) and not value.startswith("-")  # which would be an option
        ]

    return completer


def _models(app: App) -> Iterable[tuple[str, str]]:
    import json

    catalog = app.lists.model_cache.read()
    if catalog is None:
        return
    if len(catalog.lines) > _MOST_DESCRIBED:
        decode = json.JSONDecoder().raw_decode
        for line in catalog.lines:
            yield decode(line, len('{"id": '))[0], ""
        return
    for line in catalog.lines:
        model = json.loads(line)
        window = model["context_window"]
        yield model["id"], ", ".join([model["mode"] or "chat", *([f"{window} tokens"] if window else [])])


def _tools(app: App) -> Iterable[tuple[str, str]]:
    catalog = app.lists.tool_cache.read()
    return [(tool.path, tool.description or "") for tool in catalog.offer.tools] if catalog else []


def _servers(app: App) -> Iterable[tuple[str, str]]:
    catalog = app.lists.tool_cache.read()
    return [(server.name, server.status or "") for server in catalog.offer.servers] if catalog else []


def _skills(app: App) -> Iterable[tuple[str, str]]:
    for part in app.lists.skill_cache.read().values():
        for skill in part.skills:
            yield skill.name or skill.id, skill.description or ""


def _profiles(app: App) -> Iterable[tuple[str, str]]:
    return [(name, app.config.profile(name).base_url or "") for name in app.config.profile_names]


def _config_keys(app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.settings.keys import GLOBAL_KEYS, PROFILE_KEYS

    for key in (*GLOBAL_KEYS.values(), *PROFILE_KEYS.values()):
        yield key.name, key.help
    for profile in app.config.profile_names:
        for key in PROFILE_KEYS.values():
            yield f"profiles.{profile}.{key.name}", key.help


def _abilities(_app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.catalog.model import ABILITIES, MODALITY_WORDS

    return [(name, "") for name in (*ABILITIES, "reasoning", *MODALITY_WORDS)]


def _sort_fields(_app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.catalog.model import FIELDS

    prices = [(f"cost.{name}", "US dollars per million tokens") for name in ("input", "output")]
    return [*((name, text) for name, text in FIELDS.items() if name not in {"cost", "supports"}), *prices]


def _fields(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the last of a command's fields, separated by commas."""
    known: dict[str, str] = getattr(context.command, "fields", {})
    before, comma, last = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{name}", help=text)
        for name, text in known.items()
        if name.startswith(last) and name not in before.split(",")
    ]


def _arguments(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the parameters of the tool that was named: `NAME=`, and after it the values that it may have."""
    from litellmctl.app import App
    from litellmctl.tools.schema import Schema, json_text
    from litellmctl.tools.tool import find

    app = context.find_object(App)
    catalog = app.lists.tool_cache.read() if app else None
    if catalog is None:
        return []
    schema = Schema(find(catalog.offer.tools, context.params["tool"]).input_schema)
    name, equals, _ = incomplete.partition("=")
    if not equals:
        given = {str(item).partition("=")[0].rstrip(":") for item in context.params.get("items") or ()}
        return [
            CompletionItem(f"{one.name}=", help=f"{one.type} {one.description}".strip(), partial=True)
            for one in schema.parameters()
            if one.name.startswith(incomplete) and one.name not in given and not one.name.startswith("-")
        ]
    part = schema.fields.get(name)
    is_boolean = any(one.get("type") == "boolean" for one in schema.alternatives(part))
    values = schema.allowed(part) or ([True, False] if is_boolean else [])
    items = [f"{name}={value if isinstance(value, str) else json_text(value)}" for value in values]
    return [CompletionItem(item) for item in items if item.startswith(incomplete)]


def _topics(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete what `help` takes: a topic, or the words of a command."""
    from litellmctl.commands.help import TOPICS

    current: click.Command = context.find_root().command
    words = context.params.get("words") or ()
    for word in words:
        found = current.get_command(context, word) if isinstance(current, click.Group) else None
        if found is None:
            return []
        current = found
    named = {} if words else dict.fromkeys(TOPICS, "a topic")
    if isinstance(current, click.Group):
        named |= {name: one.get_short_help_str() for name, one in current.commands.items() if not one.hidden}
    return [CompletionItem(name, help=text) for name, text in named.items() if name.startswith(incomplete)]


def _of_type(kind: str) -> Completer:
    return lambda _context, _parameter, _incomplete: [CompletionItem("", type=kind)]


COMPLETERS: dict[str, Completer] = {
    "models": _values(_models),
    "tools": _values(_tools),
    "servers": _values(_servers),
    "skills": _values(_skills),
    "profiles": _values(_profiles),
    "config keys": _values(_config_keys),
    "fields": _fields,
    "arguments": _arguments,
    "abilities": _values(_abilities),
    "sort fields": _values(_sort_fields),
    "help": _topics,
    "files": _of_type("file"),
    "folders": _of_type("dir"),
}
