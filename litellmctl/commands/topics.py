"""The topics of `litellmctl help`: what no command owns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import SHARED_OPTIONS, TOPICS, help_record
from litellmctl.errors import ERROR_CODES, EXIT_CODE_HELP
from litellmctl.settings.environment import VARIABLES

if TYPE_CHECKING:
    from litellmctl.programs.program import Program

Writer = Callable[[click.Context, click.HelpFormatter], None]


def text_of(context: click.Context, topic: str) -> str:
    """Return the text of a topic of `TOPICS`, or the list of them for "topics", without a final newline."""
    formatter = context.make_formatter()
    (_list if topic == "topics" else _WRITERS[topic])(context, formatter)
    return formatter.getvalue().rstrip("\n")


def _write(formatter: click.HelpFormatter, *paragraphs: str) -> None:
    for paragraph in paragraphs:
        formatter.write_text(paragraph)
        formatter.write_paragraph()


def _list(_context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(formatter, "Topics of litellmctl help:")
    formatter.write_dl(list(TOPICS.items()))


def _credentials(_context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(
        formatter,
        "A URL and a credential always belong together. litellmctl uses the first pair that exists:",
    )
    formatter.write_dl(
        [
            ("stored", "The stored login of the profile (litellmctl login)."),
            ("config", "base_url in the profile, with its api_key, or with gcloud = true."),
            ("gcloud", "LITELLM_BASE_URL with Google credentials, if LITELLM_GCLOUD_TOKEN_AUTH is set."),
            ("helper", "LITELLM_BASE_URL with the key that LITELLM_API_KEY_HELPER prints."),
            ("env", "LITELLM_BASE_URL with LITELLM_API_KEY, or LITELLM_PROXY_URL with LITELLM_PROXY_API_KEY."),
        ]
    )
    formatter.write_paragraph()
    _write(
        formatter,
        "The last three are only used for the profile named default. --auth and LITELLMCTL_AUTH choose one of the "
        "five; if it does not exist, the command fails. --base-url uses only credentials issued for that URL.",
        "litellmctl whoami shows what is used, and which variables are ignored.",
    )


def _environment(_context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(
        formatter,
        "A stored login and the settings of a profile override the variables that name a proxy and its key; "
        "--auth env uses the variables instead.",
    )
    formatter.write_dl(list(VARIABLES.items()))


def _exit_codes(_context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(formatter, "Exit codes are the same with and without --json.")
    formatter.write_dl([(str(int(code)), text) for code, text in EXIT_CODE_HELP.items()])
    formatter.write_paragraph()
    _write(
        formatter,
        "run and sandbox run return the exit code of the program that they start, and 128 + N if signal N killed it.",
    )


def _exports(_context: click.Context, formatter: click.HelpFormatter) -> None:
    from litellmctl.programs.registry import exporters, hosts, programs

    _write(
        formatter,
        "litellmctl export TOOL prints the configuration that makes a program use the proxy and its models. --diff "
        "shows what would change in the program's own file, --write changes it, and --undo restores it, unless it "
        "was edited since. Unknown facts of a model are not written.",
        "No key of the proxy is written: the program runs litellmctl token, or reads a variable that litellmctl env "
        "sets. With --serve, those that read a variable use litellmctl serve instead, with its URL and local key.",
    )
    formatter.write_dl([(name, f"{one.title}: {one.key_from}") for name, one in exporters().items()])
    formatter.write_paragraph()
    _write(
        formatter,
        "With --mcp, litellmctl export TOOL adds an MCP server with the proxy's tools: the program starts litellmctl "
        "mcp serve, which uses your current token. --project changes the program's file in the current folder (*), and "
        "--all sets up models and MCP tools. The programs with MCP:",
    )
    formatter.write_dl([(name, one.title + " (*)" * one.has_project_file) for name, one in hosts().items()])
    formatter.write_paragraph()
    _write(
        formatter,
        "litellmctl run PROGRAM starts a program with the proxy for one run, and changes no file. It knows:",
    )
    formatter.write_dl([(name, _run_words(one)) for name, one in programs().items()])
    formatter.write_paragraph()
    _write(formatter, "Other programs get the variables of litellmctl env.")


def _run_words(program: Program) -> str:
    key = "runs litellmctl token for the key" if program.takes_command else "uses a relay for a key that expires"
    own = ", can keep its own sign-in (--subscription)" if program.takes_subscription else ""
    return f"{program.title}: {key}{own}."


def _files(_context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(formatter, "In LITELLMCTL_CONFIG_DIR, by default ~/.config/litellmctl (litellmctl config path prints it):")
    formatter.write_dl(
        [
            ("config.toml", "Profiles and settings; litellmctl config changes it."),
            ("logins.json", "Stored logins, without their secrets."),
            ("secrets.json", "Secrets of logins, only where no keyring is used."),
            ("local-keys.json", "Local keys of litellmctl serve."),
        ]
    )
    formatter.write_paragraph()
    _write(
        formatter,
        "In LITELLMCTL_CACHE_DIR, by default ~/.cache/litellmctl: the lists of models, MCP tools and skills. They hold "
        "no secrets and can be deleted at any time. Models are cached for 24 hours, tools for an hour, skills for a "
        "minute. An older list of models or tools is printed, and refreshed in the background. --refresh requests a "
        "new list now.",
    )


def _json(_context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(
        formatter,
        "--json prints an array for lists ([] when empty) and an object for one thing. On a terminal it is indented; "
        "in a pipe, each element of an array is on its own line. Keys are added over time, never renamed or removed.",
        "Unknown values are null. Times are RFC 3339 in UTC. Prices are US dollars per million tokens.",
        "With --json, stderr has JSON lines only, one for each message:",
    )
    formatter.write_dl(
        [
            ("error", '{"error": {"code", "message", "remedy", "status", "exit_code"}}'),
            ("warning", '{"warning": "text"}'),
            ("note", '{"note": "text"}'),
            ("instruction", '{"instruction": "text"}: what to do for a sign-in, such as a link to open.'),
            ("trace", '{"trace": "text"}: a request, with --verbose.'),
        ]
    )
    formatter.write_paragraph()
    _write(formatter, "Error codes:")
    formatter.write_dl([(code, f"{text} (exit {int(exit_code)})") for code, (exit_code, text) in ERROR_CODES.items()])


def _options(context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(
        formatter,
        "Every command takes these options, before or after its name. If one is given twice, the last one is used.",
    )
    formatter.write_dl([record for one in SHARED_OPTIONS if (record := help_record(context, one))])
    formatter.write_paragraph()
    _write(
        formatter,
        "litellmctl --version prints the version.",
        "Output is a table on a terminal, and tab-separated values without a header in a pipe. Fields inside an object "
        "have dotted names, such as cost.input; the help of each command lists its fields, and a table's headers work "
        "as names too.",
        "-o csv is for spreadsheets: a header, every field, and an apostrophe before text that a spreadsheet would run "
        "as a formula (it begins with =, +, - or @).",
        "After -- nothing is an option: litellmctl sandbox run -- pytest -q",
    )


# A recipe is a title and indented lines. Those that are shell commands are run by a test.
RECIPES = """\
Choose a model with fzf
  model=$(litellmctl models | fzf | cut -f1)

A table in a pipe
  litellmctl models | column -t -s$'\\t'

Models that cost less than 1 US dollar per million input tokens
  litellmctl models --fields id,cost.input \\
    | awk -F'\\t' '$2 != "" && $2 < 1 {print $1}'

Each model in a script that stops at the first error
  set -euo pipefail
  litellmctl models --json | jq -r '.[].id' \\
    | while read -r model; do echo "$model"; done

The cheapest model that reads images and calls tools
  litellmctl models --input image --supports function_calling \\
    --sort cost.input --json | jq -r '.[0].id'

Warn when 90 % of the budget is spent
  litellmctl whoami --json \\
    | jq -e '.max_budget == null or .spend < 0.9 * .max_budget' > /dev/null \\
    || echo "nearly spent"

Tell a wrong key from a proxy that is down
  litellmctl models --refresh > /dev/null && code=0 || code=$?
  case $code in
    0) ;;
    3) echo "the proxy is down" ;;
    4) echo "the key is wrong" ;;
    *) exit 1 ;;
  esac

A chat completion with the enabled skills as its system prompt
  litellmctl prompt-section --json \\
    | jq '{model: "gpt-4o", messages: [{role: "system", content: .},
          {role: "user", content: "Hi"}]}' \\
    | litellmctl api /v1/chat/completions --input - \\
    | jq -r '.choices[0].message.content'

Build a wheel for CI, in a checkout of litellmctl (it is not on PyPI)
  pip wheel --no-deps --wheel-dir dist .

GitHub Actions: the key is a secret of the repository
  - uses: actions/checkout@v4
  - run: pipx install ./litellmctl-*.whl
  - run: litellmctl models --json --refresh > models.json
    env:
      LITELLM_BASE_URL: https://llm.example.com
      LITELLM_API_KEY: ${{ secrets.LITELLM_API_KEY }}

GitLab CI: LITELLM_API_KEY is a masked variable of the project
  models:
    image: python:3.13-slim
    variables: {LITELLM_BASE_URL: "https://llm.example.com"}
    script:
      - pip install ./litellmctl-*.whl
      - litellmctl models --json --refresh > models.json

Tests with a real proxy, without an account (install in a checkout)
  pip install '.[sandbox]'
  litellmctl sandbox run -- pytest"""


def _scripting(_context: click.Context, formatter: click.HelpFormatter) -> None:
    _write(
        formatter,
        "Data is on stdout, messages are on stderr, and the exit code says what went wrong (litellmctl help "
        "exit-codes). Without a terminal litellmctl never prompts. In CI, set LITELLM_BASE_URL and LITELLM_API_KEY.",
    )
    formatter.write(RECIPES)


_WRITERS: dict[str, Writer] = {
    "credentials": _credentials,
    "environment": _environment,
    "exit-codes": _exit_codes,
    "exports": _exports,
    "files": _files,
    "json": _json,
    "options": _options,
    "scripting": _scripting,
}
