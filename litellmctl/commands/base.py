"""What every command shares: the shared options, and commands that know their fields and examples."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from litellmctl.app import App
from litellmctl.errors import UsageFailure
from litellmctl.settings.environment import AUTH_SOURCES
from litellmctl.terminal.data import FORMATS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from litellmctl.terminal.data import Column

pass_app = click.make_pass_decorator(App)

_MAX_SUMMARY = 80
# In seconds: every system can wait so long, and none much longer (Windows 49 days).
_MAX_TIMEOUT = 1_000_000
# The topics of `litellmctl help`, here so that `--help` can name them without importing their texts.
TOPICS = {
    "credentials": "Which proxy and which credential are used.",
    "environment": "Environment variables that litellmctl reads.",
    "exit-codes": "Exit codes of every command.",
    "exports": "Programs that export can set up, and run can start.",
    "files": "Where settings, logins and caches are stored.",
    "json": "JSON output and error codes.",
    "options": "Options that every command takes, and output formats.",
    "scripting": "Recipes for pipes, shell scripts and CI.",
}
_SHARED_LINE = "Shared options (--profile, --json, --fields, ...): litellmctl help options"
CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": []}


class Number(click.FloatRange):
    """A finite number in a range. Click takes "nan" for a number, which is in every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; an error of usage where it is not one."""
        number = super().convert(value, param, ctx)
        if number - number != 0:
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def completes(what: str) -> Callable[..., Any]:
    """Return the completer of a parameter; what it needs is imported only by a TAB."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> Any:
        from litellmctl.completion.values import COMPLETERS

        return COMPLETERS[what](context, parameter, incomplete)

    return complete


def _set_option(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        setattr(context.ensure_object(App).options, parameter.name or "", value)


def _set_console(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        setattr(context.ensure_object(App).console, parameter.name or "", value)


def _set_fields(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        if not names:
            raise click.BadParameter("needs at least one field", ctx=context, param=parameter)
        context.ensure_object(App).options.fields = names


def _print_help(context: click.Context, _parameter: click.Parameter, value: bool | None) -> None:
    # Not Click's own: that takes a closed stdout for success, and loads the translations of its one sentence.
    if value and not context.resilient_parsing:
        context.ensure_object(App).console.write(f"{context.get_help()}\n")
        context.exit()


def _option(*names: str, callback: Callable[..., None] = _set_option, **attributes: Any) -> click.Option:
    # None means "not given", for flags too: what a group was given must not be undone by its subcommand's default.
    return click.Option(names, expose_value=False, callback=callback, default=None, **attributes)


# The options that every command and group takes; where one is given twice, the later one wins. Options have no state
# of their own, so all commands share these: making them for each one would take a tenth of the start-up time.
SHARED_OPTIONS = (
    _option(
        "--profile",
        metavar="NAME",
        shell_complete=completes("profiles"),
        help="Profile to use.  [env: LITELLMCTL_PROFILE]",
    ),
    _option("--base-url", metavar="URL", help="Proxy to use, with a credential issued for it."),
    _option(
        "--auth",
        metavar="SOURCE",
        type=click.Choice(AUTH_SOURCES),
        help="Credential source: stored, config, gcloud, helper or env.  [env: LITELLMCTL_AUTH]",
    ),
    _option("--json", is_flag=True, help="Print JSON, and messages as JSON lines."),
    _option(
        "-o",
        "--output",
        metavar="FORMAT",
        type=click.Choice(FORMATS),
        help="Output format: table, tsv, csv, jsonl or json.",
    ),
    _option(
        "--fields",
        metavar="A,B",
        callback=_set_fields,
        shell_complete=completes("fields"),
        help="Print only these fields, in this order.",
    ),
    _option(
        "--timeout",
        metavar="SECONDS",
        type=Number(min=0, min_open=True, max=_MAX_TIMEOUT),
        help="Request timeout.",
    ),
    _option("--offline", is_flag=True, help="Never use the network.  [env: LITELLM_OFFLINE]"),
    _option(
        "--allow-insecure-http",
        is_flag=True,
        help="Allow plain HTTP to other machines.  [env: LITELLMCTL_ALLOW_INSECURE_HTTP]",
    ),
    _option("--no-input", is_flag=True, callback=_set_console, help="Never prompt.  [env: LITELLMCTL_NO_INPUT]"),
    _option("-q", "--quiet", is_flag=True, callback=_set_console, help="Print no notes or warnings."),
    _option("-v", "--verbose", is_flag=True, help="Print each request on stderr."),
    _option("-h", "--help", is_flag=True, is_eager=True, callback=_print_help, help="Print the help of a command."),
)


class FormattedCommand(click.Command):
    """A command whose help ends in examples and fields.

    `fields` maps the fields of the data that it returns to their meanings, `parts` those that are objects to their
    keys (none: any key), and `columns` are all that its table may have; `examples` are lines, `# why` above
    `$ command`.
    """

    def __init__(
        self,
        *args: Any,
        fields: Mapping[str, str] | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
        columns: Sequence[Column] = (),
        examples: str = "",
        **attributes: Any,
    ) -> None:
        attributes.setdefault("context_settings", CONTEXT_SETTINGS)
        super().__init__(*args, **attributes)
        self.params += SHARED_OPTIONS
        self.fields = dict(fields or {})
        self.parts = dict(parts or {})
        self.columns = columns
        self.examples = examples

    def invoke(self, ctx: click.Context) -> Any:
        """Refuse unknown fields before anything is done, then run the command."""
        app = ctx.find_object(App)
        if app is not None and ctx.invoked_subcommand is None:
            if app.options.fields is not None:
                app.options.fields = self.chosen_fields(app.options.fields, ctx.command_path)
            app.returned_fields = list(self.fields)
            app.returned_columns, app.returned_parts = self.columns, self.parts
        return super().invoke(ctx)

    def chosen_fields(self, words: Sequence[str], path: str) -> tuple[str, ...]:
        """Return the fields that --fields names; raises a `UsageFailure` for a word that names none."""
        from litellmctl.terminal.fields import Fields

        if not self.fields:
            raise UsageFailure(f"--fields: {path} has no fields", remedy="remove --fields")
        fields = Fields(self.fields, self.parts, self.columns)
        return tuple(fields.require(word) for word in words)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an error knows its command, which Click forgets for some of them."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, and where those that every command has are explained."""
        shared: list[click.Parameter] = [*SHARED_OPTIONS]
        write_options(ctx, formatter, [one for one in self.get_params(ctx) if one not in shared])
        formatter.write_paragraph()
        formatter.write_text(_SHARED_LINE)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the fields."""
        self.format_examples(formatter)
        if self.fields:
            with formatter.section("Fields"):
                formatter.write_dl(list(self.fields.items()))
        super().format_epilog(ctx, formatter)

    def format_examples(self, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are: a command that is wrapped cannot be pasted."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line.strip()}\n")


def write_options(
    context: click.Context, formatter: click.HelpFormatter, parameters: Sequence[click.Parameter]
) -> None:
    """Write a section of options, if there are any that are not hidden."""
    if records := [record for one in parameters if (record := help_record(context, one))]:
        with formatter.section("Options"):
            formatter.write_dl(records)


def help_record(ctx: click.Context, parameter: click.Parameter) -> tuple[str, str] | None:
    """Return the names of an option and its text, without the range that Click adds (`[x>=1]`); None if it has none."""
    record = parameter.get_help_record(ctx)
    if record is None or not isinstance(parameter, click.Option):
        return record if record and record[1] else None
    shown = parameter.get_help_extra(ctx).get("range")
    return record[0], record[1].removesuffix(f"  [{shown}]")


class FormattedGroup(click.Group, FormattedCommand):
    """A group that lists its commands in the order in which they were added.

    `click.Group` comes first, so that `FormattedCommand.invoke` runs after the subcommand is known.
    """

    command_class = FormattedCommand
    # Other names of commands, which help does not list.
    aliases: Mapping[str, str] = {"ls": "list"}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or of this alias."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, self.aliases.get(cmd_name, ""))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in reading order, not alphabetically."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, which matter most, before the options."""
        self.format_commands(ctx, formatter)
        FormattedCommand.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with its first sentence."""
        if commands := [*self.summaries(ctx)]:
            with formatter.section("Commands"):
                formatter.write_dl(commands)

    def summaries(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """Return the names and the first sentences of the commands that are not hidden."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [(name, one.get_short_help_str(_MAX_SUMMARY)) for name, one in commands if one and not one.hidden]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, and the options, that begin with `incomplete`."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in self.summaries(ctx) if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


class LazyCommands(UserDict[str, Any]):
    """The commands of a group by name, each made by its function on first use, so that a run imports only its own."""

    def __getitem__(self, name: str) -> click.Command:
        """Return the command of this name."""
        found: click.Command | Callable[[], click.Command] = self.data[name]
        if not isinstance(found, click.Command):
            self.data[name] = found = found()
        return found


def command(
    name: str | None = None, *, cls: type[FormattedCommand] = FormattedCommand, **attributes: Any
) -> Callable[[Callable[..., Any]], FormattedCommand]:
    """Make a command, which takes the shared options too."""
    return click.command(name, cls=cls, **attributes)


def group(
    name: str | None = None, *, cls: type[FormattedGroup] = FormattedGroup, **attributes: Any
) -> Callable[[Callable[..., Any]], FormattedGroup]:
    """Make a group, which takes the shared options too."""
    return click.group(name, cls=cls, **attributes)
