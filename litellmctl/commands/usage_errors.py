"""What Click refuses, in our words: its own come in other quotes, and without a remedy."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable

import click

from litellmctl.commands.base import SHARED_OPTIONS, TOPICS, FormattedGroup
from litellmctl.errors import UsageFailure, suggestion

# They remove something, sign out, agree to that, or are never what was meant: suggested only for a word that is almost
# the same.
_DESTRUCTIVE = ("delete", "down", "logout", "remove", "unset", "--force", "--revoke-key", "--undo", "--yes", "--help")
_ALMOST_THE_SAME = 0.8
# What people type after `mcp` to give an agent its tools: `claude mcp add`, `codex mcp add`, `gemini mcp add` ...
_ADDING = ("add", "export", "install", "setup")
# Two words that differ in a letter.
_NEARLY_EQUAL = 0.9
# More choices than this are not all named where one of them is near.
_MANY_CHOICES = 12
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The repr of a value in one of Click's messages.
_REPR = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""


def failure_of(error: click.ClickException) -> UsageFailure:
    """Return what Click refused as a failure of ours; its remedy is the help of the command."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = " ".join(_message(error, context).split())
    path = context.command_path if context else "litellmctl"
    parameter = getattr(error, "param", None) or _parameter(context, getattr(error, "option_name", ""))
    if parameter in SHARED_OPTIONS:
        return UsageFailure(message, remedy="litellmctl help options")
    if isinstance(error, click.NoSuchOption) and _is_tool_call(context):
        name = error.option_name.lstrip("-")
        return UsageFailure(message, remedy=f"write a parameter of the tool as {name}=VALUE")
    if path == "litellmctl api" and context and str(context.params.get("path")).upper() in _METHODS:
        return UsageFailure(message, remedy=f"litellmctl api -X {str(context.params['path']).upper()} PATH")
    if path == "litellmctl mcp" and getattr(error, "command_name", None) in _ADDING:
        return UsageFailure(message, remedy="litellmctl export TOOL --mcp, to give an agent the tools")
    if path == "litellmctl export" and isinstance(parameter, click.Argument):
        return UsageFailure(message, remedy="litellmctl export --list")
    if isinstance(error, click.exceptions.NoSuchCommand) and error.command_name in TOPICS and path == "litellmctl":
        # A topic is not a command; a person who types one wants to read it.
        return UsageFailure(message, remedy=f"litellmctl help {error.command_name}")
    return UsageFailure(message, remedy=f"{path} --help")


def _message(error: click.ClickException, context: click.Context | None) -> str:
    match error:
        case click.exceptions.NoArgsIsHelpError():
            return "no command given"
        case click.exceptions.NoSuchCommand(command_name=name):
            return _unknown("command", name, _commands(context))
        case click.NoSuchOption(option_name=name):
            return _unknown("option", name, [] if _is_tool_call(context) else _options(context))
        case click.BadOptionUsage(option_name=name):
            parameter = _parameter(context, name)
            if parameter is not None and parameter.is_flag:
                return f"{name} does not take a value"
            return f"{name} needs a value{_metavar(parameter, context)}"
        case click.MissingParameter(param=click.Option() as option):
            return f"missing option {max(option.opts, key=len)}{_metavar(option, context)}"
        case click.MissingParameter(param=click.Parameter() as parameter) if context:
            return f"missing argument {parameter.make_metavar(context)}"
        case click.BadParameter(param=click.Option() as option):
            return f"{max(option.opts, key=len)}: {_value_refused(error.message, option)}"
        case click.BadParameter(param=click.Parameter() as parameter):
            return _value_refused(error.message, parameter)
        case _:
            return _reworded(error.format_message())


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    from difflib import SequenceMatcher

    def is_fit(name: str) -> bool:
        return name not in _DESTRUCTIVE or SequenceMatcher(None, word, name).ratio() >= _ALMOST_THE_SAME

    fit = [name for name in known if is_fit(name)]
    alike = [name for name in fit if abs(len(name) - len(word)) <= 1]
    likely = [name for name in alike if SequenceMatcher(None, word, name).ratio() >= _NEARLY_EQUAL]
    if len(likely) > 1:
        names = " or ".join(f'"{name}"' for name in likely)
        return f'unknown {what} "{word}". Did you mean {names}?'
    return f'unknown {what} "{word}"{suggestion(word, fit)}'


def _is_tool_call(context: click.Context | None) -> bool:
    """Whether an unknown option is most likely a parameter of the tool."""
    return context is not None and context.command_path == "litellmctl mcp call"


def _commands(context: click.Context | None) -> list[str]:
    group = context.command if context else None
    return [name for name, _ in group.summaries(context)] if isinstance(group, FormattedGroup) and context else []


def _options(context: click.Context | None) -> list[str]:
    parameters = context.command.get_params(context) if context else []
    return [name for one in parameters if isinstance(one, click.Option) and not one.hidden for name in one.opts]


def _parameter(context: click.Context | None, name: str) -> click.Option | None:
    parameters = context.command.get_params(context) if context else []
    return next((one for one in parameters if isinstance(one, click.Option) and name in one.opts), None)


def _metavar(parameter: click.Parameter | None, context: click.Context | None) -> str:
    return f": {parameter.make_metavar(context)}" if parameter is not None and context is not None else ""


def _value_refused(message: str, parameter: click.Parameter) -> str:
    """Return why a value is not accepted, with what is: the nearest choice, or the range of numbers."""
    kind = parameter.type
    found = re.match(rf"({_REPR}|[^' ]+) is not ", message, re.DOTALL)
    value = _shown(found[1]) if found else ""
    if isinstance(kind, click.Choice) and found:
        choices = [str(choice) for choice in kind.choices]
        near = suggestion(value.strip('"'), choices)
        if near and len(choices) > _MANY_CHOICES:
            return f"{value} is not a valid {str(parameter.metavar or parameter.name).strip('[]')}{near}"
        return f"{value} is not one of {', '.join(choices)}{near}"
    if isinstance(kind, click.IntRange | click.FloatRange) and found:
        return f"{value.removesuffix('.0')} is not {_numbers(kind)}"
    return _reworded(message)


def _numbers(kind: click.IntRange | click.FloatRange) -> str:
    number = "a whole number" if isinstance(kind, click.IntRange) else "a number"
    if kind.min is None:
        return number
    if kind.max is not None and not kind.min_open:
        return f"{number} from {kind.min} to {kind.max}"
    most = "" if kind.max is None else f" and at most {kind.max}"
    return f"{number} {'greater than' if kind.min_open else 'of at least'} {kind.min}{most}"


def _reworded(message: str) -> str:
    """Return a message of Click in our quotes, without the final period, beginning with a small letter."""
    if extra := re.fullmatch(r"Got unexpected extra (arguments?) \((.*)\)", message, re.DOTALL):
        return f'unexpected {extra[1]} "{extra[2]}"'
    message = re.sub(_REPR, lambda quoted: _shown(quoted[0]), message, flags=re.DOTALL).removesuffix(".")
    return message[:1].lower() + message[1:]


def _shown(value: str) -> str:
    """Return the repr of a text in double quotes; numbers are not quoted."""
    return f'"{literal_eval(value)}"' if value[:1] in "'\"" else value
