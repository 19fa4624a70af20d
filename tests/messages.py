"""Every sentence that a user can see, read from the help and from the source: what docs/messages.md lists.

Help is taken from the commands themselves. Everything else is found in the syntax trees of litellmctl/: each text of
two words or more is a message, unless it is named in `NOT_MESSAGES`. So no message can be forgotten.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import click

from litellmctl.commands.base import SHARED_OPTIONS, FormattedCommand, help_record
from litellmctl.commands.topics import text_of
from litellmctl.errors import ERROR_CODES

PACKAGE = Path(__file__).parents[1] / "litellmctl"
# The kinds of messages by the function that prints them.
_KINDS = {
    "warn": "warning",
    "note": "note",
    "hint": "note",
    "done": "done",
    "trace": "trace",
    "working": "status",
    "progress": "status",
    "instruct": "instruction",
    "ask": "question",
    "ask_hidden": "question",
    "confirm": "question",
    "choose": "question",
}
# The codes of failures whose class knows it.
_CODES = {"UsageFailure": "usage", "ConfigFailure": "config"}
# Functions whose own arguments are read by programs, not by people.
_TAKES_NO_MESSAGE = frozenset(
    {
        *("compile", "match", "fullmatch", "search", "sub", "split", "findall", "finditer", "escape"),
        *("getattr", "setattr", "cast", "TypeVar", "NewType", "import_module", "encode", "startswith", "endswith"),
        *("AssertionError", "NotImplementedError", "TypeError", "completes"),
    }
)
# Names of what help shows: fields with their meanings.
_HELP_NAMES = frozenset({"FIELDS", "LIST_FIELDS", "PROFILE_FIELDS", "SERVER_FIELDS", "SHOW_FIELDS"})
_TWO_WORDS = re.compile(r"[A-Za-z][\w'\"-]*[,;:.!?)]*\s+(?:[(\"]?[A-Za-z]|\{)|\}[,;:.]? [A-Za-z]")


class Message(NamedTuple):
    """A message: where it is, its kind, its text with `{name}` for what is filled in, and what an error has besides."""

    module: str
    line: int
    kind: str
    text: str
    remedy: str = ""
    code: str = ""


def messages() -> list[Message]:
    """Return the messages of the source, by module and line."""
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    failures = failure_classes(sources.values())
    return [one for module, source in sources.items() for one in messages_of(module, source, failures)]


def failure_classes(sources: object) -> frozenset[str]:
    """Return the names of Failure and of the classes that derive from it."""
    found = {"Failure"}
    trees = [ast.parse(source) for source in sources]  # type: ignore[attr-defined]
    for _ in range(5):
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, ast.ClassDef) and {_name(base) for base in node.bases} & found:
                found.add(node.name)
    return frozenset(found)


def messages_of(module: str, source: str, failures: frozenset[str]) -> Iterator[Message]:
    """Yield the messages of one module."""
    yield from _Reader(module, failures).read(ast.parse(source))


class _Reader:
    """Walks one syntax tree, and knows which texts it has passed already."""

    def __init__(self, module: str, failures: frozenset[str]) -> None:
        self._module = module
        self._failures = failures
        self._seen: set[int] = set()

    def read(self, tree: ast.Module) -> list[Message]:
        self._skip_docstrings(tree)
        return sorted(self._visit(tree, "text"), key=lambda one: one.line)

    def _skip_docstrings(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            match node:
                case ast.Expr(value=ast.Constant() as text):
                    self._seen.add(id(text))

    def _visit(self, node: ast.AST, kind: str) -> Iterator[Message]:
        if self._is_passed_over(node):
            return
        match node:
            case ast.Call(func=function) if _name(function) in self._failures:
                yield from self._failure(node)
                return
            case ast.Call(func=function, args=arguments):
                kind = _KINDS.get(_name(function), kind)
                if _name(function) in _TAKES_NO_MESSAGE:
                    self._seen |= {id(one) for one in arguments}
            case ast.keyword(arg="remedy" | "flag" as name):
                kind = name
            case ast.Constant(value=str()) | ast.JoinedStr():
                yield from self._text(node, kind)
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                yield from self._visit(child, kind)

    def _is_passed_over(self, node: ast.AST) -> bool:
        """Whether no text below a node is a message, or it is help, which is read from the command itself."""
        match node:
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                return _name(target) in _HELP_NAMES or (self._module, _name(target)) in NOT_MESSAGES
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                return (self._module, name) in NOT_MESSAGES
            case ast.keyword(arg=name):
                return name in {"help", "examples", "fields", "metavar"}
            case ast.Compare() | ast.Subscript(value=ast.Name(id="Literal")) | ast.MatchValue():
                return True
        return (self._module, "*") in NOT_MESSAGES

    def _text(self, node: ast.expr, kind: str) -> Iterator[Message]:
        if id(node) in self._seen:
            return
        self._pass(node)
        text = shown(node)
        if _TWO_WORDS.search(text):
            yield Message(self._module, node.lineno, kind, text)

    def _pass(self, node: ast.AST | None) -> None:
        """Remember a text, and those inside it that `shown` shows with it, so that none is listed twice."""
        self._seen.add(id(node))
        for child in ast.walk(node) if isinstance(node, ast.JoinedStr) else ():
            match child:
                case ast.FormattedValue(value=ast.IfExp(body=body, orelse=orelse)):
                    self._seen |= {id(body), id(orelse)}

    def _failure(self, call: ast.Call) -> Iterator[Message]:
        """Yield one message for a failure, and those of the texts from which its parts are chosen."""
        name = _name(call.func)
        arguments = [one for one in call.args if not isinstance(one, ast.Starred)]
        has_code = name not in _CODES and len(arguments) > 1
        keywords = {one.arg: one.value for one in call.keywords}
        code = keywords.get("code") or (arguments[0] if has_code else None)
        text = keywords.get("message") or (arguments[1 if has_code else 0] if arguments else None)
        remedy = keywords.get("remedy")
        for part in (code, text, remedy):
            match part:
                case ast.Constant() | ast.JoinedStr() as words:
                    self._pass(words)
                case ast.Call(func=ast.Attribute(value=ast.Constant() | ast.JoinedStr() as words)):
                    self._pass(words)
        yield Message(
            self._module,
            call.lineno,
            "error",
            shown(text),
            shown(remedy) if remedy is not None else "",
            code.value if isinstance(code, ast.Constant) else _CODES.get(name, "") if code is None else "",
        )
        for child in ast.iter_child_nodes(call):
            yield from self._visit(child, "text")


def _name(node: ast.AST | None) -> str:
    return str(getattr(node, "id", None) or getattr(node, "attr", None) or "")


def shown(node: ast.AST | None) -> str:
    """Return a text as it is listed: what is filled in, and what is no text, stands in braces by its name."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(shown(one) for one in values)
        case ast.FormattedValue(value=value):
            return "{" + _placeholder(value) + "}"
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()) | ast.JoinedStr() as text)):
            return shown(text)
        case None:
            return ""
        case _:
            return "{" + _placeholder(node) + "}"


def _placeholder(node: ast.AST) -> str:
    match node:
        case ast.Name() | ast.Attribute():
            return _name(node).strip("_")
        case ast.Call(func=ast.Name(id="quote" | "clean" | "cut" | "str" | "sentence"), args=[first, *_]):
            return _placeholder(first)
        case ast.Call(func=ast.Attribute(attr="join"), args=[first, *_]):
            return _placeholder(first)
        case ast.Call(func=function):
            return _name(function).strip("_") or "..."
        case ast.IfExp(body=body, orelse=orelse):
            return " or ".join(one for one in (_choice(body), _choice(orelse)) if one) or "..."
        case ast.Subscript(value=value):
            return _placeholder(value)
        case ast.BoolOp(values=[first, *_]):
            return _placeholder(first)
        case _:
            return "..."


def _choice(node: ast.AST) -> str:
    text = shown(node)
    return text[1:-1] if re.fullmatch(r"\{[^{}]*\}", text) else text


# Texts that are not messages, by module and by the name that they are assigned to, or of their function; "*" is all.
NOT_MESSAGES: frozenset[tuple[str, str]] = frozenset(
    {
        # Scripts and code that is run.
        ("completion/scripts.py", "*"),
        ("own_command.py", "_MAIN"),
        # Style sheets, markup and headers of the page that a browser shows; its sentences are arguments elsewhere.
        ("auth/loopback_page.py", "_STYLE"),
        ("auth/loopback_page.py", "_POLICY_OF_FILES"),
        ("auth/loopback_page.py", "POLICY"),
        ("auth/loopback_page.py", "_document"),
        # Lines for shells, and text for models.
        ("programs/variables.py", "_fish"),
        ("tools/result.py", "_ERRORS"),
        # Help, which is listed from the commands, and what topics show.
        ("cli.py", "SECTIONS"),
        ("commands/base.py", "TOPICS"),
        ("commands/topics.py", "*"),
        ("errors.py", "EXIT_CODE_HELP"),
        ("errors.py", "ERROR_CODES"),
        ("settings/environment.py", "VARIABLES"),
        # Patterns of what others write.
        ("proxy/budgets.py", "_SPENT"),
        ("proxy/budgets.py", "_OWNERS"),
        ("proxy/client_certificate.py", "_MISSING_PAGE"),
        ("proxy/client_certificate.py", "_REFUSED_PAGE"),
        ("proxy/client_certificate.py", "_WITHOUT_ONE"),
        ("proxy/error_answers.py", "_NOT_ALLOWED"),
        ("proxy/error_answers.py", "_NO_ROUTE"),
        ("proxy/gateways.py", "_BY_HEADER"),
        ("proxy/gateways.py", "_BY_SERVER"),
        ("proxy/gateways.py", "_BY_BODY"),
        ("proxy/gateways.py", "_PLAIN_HTTP"),
        ("proxy/no_answer.py", "_TUNNEL_FAILED"),
        ("doctor/report.py", "_ISSUER"),
        ("doctor/report.py", "_OURS"),
        # The keys of a table of completers.
        ("completion/values.py", "COMPLETERS"),
    }
)


# --- help


class Help(NamedTuple):
    """The sentences of one command's help, with what they explain."""

    path: str
    paragraphs: list[str]
    rows: list[tuple[str, str]]
    comments: list[str]


def helps(root: FormattedCommand) -> list[Help]:
    """Return the help of every command that is not hidden."""
    return [*_helps(root, click.Context(root, info_name="litellmctl", terminal_width=100))]


def _helps(command: FormattedCommand, context: click.Context) -> Iterator[Help]:
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", (command.help or "").strip())]
    own = [one for one in command.get_params(context) if one not in SHARED_OPTIONS]
    options = [record for one in own if (record := help_record(context, one))]
    lines = [line.strip() for line in command.examples.strip().splitlines()]
    comments = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    yield Help(context.command_path, paragraphs, [*options, *command.fields.items()], comments)
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            if not child.hidden:
                assert isinstance(child, FormattedCommand)
                yield from _helps(child, click.Context(child, info_name=name, parent=context, terminal_width=100))


# --- the page


def page(root: FormattedCommand, topics: Mapping[str, str]) -> str:
    """Return docs/messages.md."""
    lines = [
        "# Every sentence that litellmctl can print",
        "",
        "Generated from the program: `python -m tests.generate`. `{name}` stands for what is filled in.",
        "",
        "## Help",
        "",
        help_page(root, topics),
        "## Messages",
        "",
        "By file. An error has its code, its exit code, and after `Try:` its remedy.",
        "",
    ]
    module = ""
    for message in messages():
        if message.module != module:
            module = message.module
            lines += ["", f"### {module}", ""]
        code = f" {message.code}, exit {int(ERROR_CODES[message.code][0])}" if message.code in ERROR_CODES else ""
        remedy = f" Try: {' '.join(message.remedy.split())}" if message.remedy else ""
        lines.append(f"- {message.kind}{code}: {' '.join(message.text.split())}{remedy}")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).rstrip()) + "\n"


def help_page(root: FormattedCommand, topics: Mapping[str, str]) -> str:
    """Return the help of all commands, and the topics."""
    lines: list[str] = []
    for one in helps(root):
        lines += [f"### {one.path}", "", *(f"- {text}" for text in one.paragraphs)]
        lines += [f"- `{name}`: {text}" for name, text in one.rows]
        lines += [*(f"- (example) {text}" for text in one.comments), ""]
    context = click.Context(root, info_name="litellmctl", terminal_width=100)
    for topic in topics:
        lines += [f"### litellmctl help {topic}", "", "```", text_of(context, topic), "```", ""]
    return "\n".join(lines)
