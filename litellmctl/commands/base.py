"""What every command shares: the shared options, and commands that know their fields and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from litellmctl.app import App
from litellmctl.errors import UsageFailure, suggestion
from litellmctl.settings.environment import AUTH_SOURCES
from litellmctl.terminal.render import FORMATS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

pass_app = click.make_pass_decorator(App)

_MAX_SUMMARY = 80
CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": []}


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
            raise click.BadParameter("names no field", ctx=context, param=parameter)
        context.ensure_object(App).options.fields = names


def _print_help(context: click.Context, _parameter: click.Parameter, value: bool | None) -> None:
    # Not Click's own: that takes a closed stdout for success, and loads the translations of its one sentence.
    if value and not context.resilient_parsing:
        context.ensure_object(App).console.write(f"{context.get_help()}\n")
        context.exit()


def _option(*names: str, callback: Callable[..., None] = _set_option, **attributes: Any) -> click.Option:
    # None means "not given", for flags too: what a group was given must not be undone by its subcommand's default.
    return click.Option(names, expose_value=False, callback=callback, default=None, **attributes)


# The options that every command and group takes; of two givings the later one wins. Options have no state of their
# own, so that all commands can share these: making them for each one would take a tenth of the start-up time.
SHARED_OPTIONS = (
    _option(
        "--profile",
        metavar="NAME",
        shell_complete=completes("profiles"),
        help="Use this profile.  [env: LITELLMCTL_PROFILE]",
    ),
    _option("--base-url", metavar="URL", help="Use this proxy, with a credential issued for it."),
    _option(
        "--auth",
        metavar="SOURCE",
        type=click.Choice(AUTH_SOURCES),
        help="Take the credential from this source: stored, config, gcloud, helper or env.  [env: LITELLMCTL_AUTH]",
    ),
    _option("--json", is_flag=True, help="Print JSON, and errors as JSON."),
    _option(
        "-o",
        "--output",
        metavar="FORMAT",
        type=click.Choice(FORMATS),
        help="Print as table, tsv, csv, jsonl or json (a table on a terminal, else TSV).",
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
        type=click.FloatRange(min=0, min_open=True),
        help="How long the proxy may take.",
    ),
    _option("--offline", is_flag=True, help="Never touch the network.  [env: LITELLM_OFFLINE]"),
    _option("--allow-insecure-http", is_flag=True, help="Permit plain HTTP to other machines."),
    _option("--no-input", is_flag=True, callback=_set_console, help="Never prompt."),
    _option("-q", "--quiet", is_flag=True, callback=_set_console, help="No notes and warnings on stderr."),
    _option("-v", "--verbose", is_flag=True, help="Name each request on stderr."),
    _option("-h", "--help", is_flag=True, is_eager=True, callback=_print_help, help="Show this message and exit."),
)


class FormattedCommand(click.Command):
    """A command whose help ends in its fields and examples.

    `fields` are those of the data that it returns, with what each means; `examples` are lines, `# why` above
    `$ command`.
    """

    def __init__(
        self, *args: Any, fields: Mapping[str, str] | None = None, examples: str = "", **attributes: Any
    ) -> None:
        attributes.setdefault("context_settings", CONTEXT_SETTINGS)
        super().__init__(*args, **attributes)
        self.params += SHARED_OPTIONS
        self.fields = dict(fields or {})
        self.examples = examples

    def invoke(self, ctx: click.Context) -> Any:
        """Refuse unknown fields before anything is done, then run the command."""
        app = ctx.find_object(App)
        if app is not None and ctx.invoked_subcommand is None:
            check_fields(app.options.fields, self.fields, ctx.command_path)
            app.returned_fields = list(self.fields)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, then those that every command has."""
        shared: list[click.Parameter] = [*SHARED_OPTIONS]
        own = [parameter for parameter in self.get_params(ctx) if parameter not in shared]
        for title, parameters in (("Options", own), ("Shared options", shared)):
            records = [record for record in (parameter.get_help_record(ctx) for parameter in parameters) if record]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the fields and the examples."""
        if self.fields:
            with formatter.section("Fields"):
                formatter.write_dl(list(self.fields.items()))
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line.strip()}\n")
        super().format_epilog(ctx, formatter)


class FormattedGroup(click.Group, FormattedCommand):
    """A group that keeps its commands in the order in which they were added.

    `click.Group` comes first, so that `FormattedCommand.invoke` runs after the subcommand is known.
    """

    command_class = FormattedCommand

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in reading order, not in the alphabet's."""
        return list(self.commands)

    def summaries(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """Return the names and the first sentences of the commands that are not hidden."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [(name, one.get_short_help_str(_MAX_SUMMARY)) for name, one in commands if one and not one.hidden]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, and the options, that begin so."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in self.summaries(ctx) if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def check_fields(chosen: tuple[str, ...] | None, fields: Mapping[str, str], command: str) -> None:
    """Refuse fields that the command does not have; `cost.input` is one where `cost` is."""
    for name in chosen or ():
        if name.split(".")[0] not in fields:
            listed = f"fields: {', '.join(fields)}" if fields else "it has no fields"
            raise UsageFailure(f'{command} has no field "{name}".{suggestion(name, list(fields))}', remedy=f"{listed}")


def command(name: str | None = None, **attributes: Any) -> Callable[[Callable[..., Any]], FormattedCommand]:
    """Make a command, which takes the shared options too."""
    return click.command(name, cls=FormattedCommand, **attributes)


def group(
    name: str | None = None, *, cls: type[FormattedGroup] = FormattedGroup, **attributes: Any
) -> Callable[[Callable[..., Any]], FormattedGroup]:
    """Make a group, which takes the shared options too."""
    return click.group(name, cls=cls, **attributes)
