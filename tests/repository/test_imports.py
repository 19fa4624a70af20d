"""No import goes in a circle or up the floors: inside a function, by name and for the type checker count too."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from litellmctl.cli import cli

ROOT = Path(__file__).parents[2]
# From top to bottom. A room is a package or a module directly in litellmctl/; CONTRIBUTING.md says what each knows.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"commands", "completion", "doctor"},
    {"app"},
    {"launch"},
    {"relay", "bridge", "server_credentials"},
    {"catalogs"},
    {"connection", "background_refresh"},
    {"auth", "catalog", "tools", "skills", "programs", "sandbox"},
    {"proxy"},
    {"settings", "terminal"},
    {"foundation", "options", "own_command"},
    {"errors", "__init__"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
BY_NAME = {"import_module", "__import__"}
# The one import by a name that is not written there: that of the commands in the table of cli.py.
OF_THE_TABLE = ("litellmctl.cli", "f'litellmctl.commands.{attribute}'")


class Arrow(NamedTuple):
    """An import; `target` is empty where the syntax tree does not tell the module."""

    source: str
    target: str
    place: str


Check = Callable[[list[Arrow]], list[str]]


def arrows_of(sources: Mapping[str, str]) -> list[Arrow]:
    """Return every import between the modules of `sources` (name -> text); `import a.b` imports `a` too."""
    arrows = []
    for module, text in sources.items():
        is_package = any(name.startswith(f"{module}.") for name in sources)
        file = module.replace(".", "/") + ("/__init__.py" if is_package else ".py")
        for line, name in _imports(module, module if is_package else module.rpartition(".")[0], ast.parse(text)):
            targets = [one for one in accumulate(name.split("."), "{}.{}".format) if one in sources and one != module]
            arrows += [Arrow(module, target, f"{file}:{line}") for target in (targets if name else [""])]
    return arrows


def _imports(module: str, package: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    calls = {node.func: node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(names=names):
                base = resolve_name("." * node.level + (node.module or ""), package)
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in names)
            case ast.alias(name=name, asname=str()) if name in BY_NAME:
                yield node.lineno, ""
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in BY_NAME:
                yield from ((node.lineno, one) for one in _named(calls.get(node), module, tree))


def _named(call: ast.Call | None, module: str, tree: ast.Module) -> list[str]:
    match call:
        case ast.Call(args=[ast.Constant(value=str(name))], keywords=[]) if not name.startswith("."):
            return [name]
        case ast.Call(args=[ast.JoinedStr() as text]) if (module, ast.unparse(text)) == OF_THE_TABLE:
            return command_modules(tree)
    return [""]


def command_modules(tree: ast.Module) -> list[str]:
    """Return the modules of the commands in the table of cli.py: SECTIONS, with _UNLISTED and _HIDDEN beside it."""
    table = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                table[name] = node.value
    sections, *others = (ast.literal_eval(table[name]) for name in ("SECTIONS", "_UNLISTED", "_HIDDEN"))
    names = [name for commands in (*sections.values(), *others) for name in commands]
    return [f"litellmctl.commands.{name.replace('-', '_')}" for name in names]


def room_of(module: str) -> str:
    """Return the room of a module; the package's own `__init__` is one."""
    return [*module.split("."), "__init__"][1]


def hidden(arrows: list[Arrow]) -> list[str]:
    """Return the imports by name that do not tell what they import."""
    return [f"{arrow.place}: write the name of the module as a literal" for arrow in arrows if not arrow.target]


def circle(arrows: list[Arrow], name_of: Callable[[str], str] = str) -> list[str]:
    """Return the arrows of a circle between modules, or between what `name_of` makes of them."""
    named = {(name_of(arrow.source), name_of(arrow.target)): arrow for arrow in reversed(arrows) if arrow.target}
    graph: dict[str, set[str]] = {source: set() for source, _ in named}
    for source, target in named:
        graph[source] |= {target} - {source}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        steps = pairwise(reversed(error.args[1]))
        return [f"{a} -> {b}: {named[a, b].place} imports {named[a, b].target}" for a, b in steps]
    return []


def circle_of_rooms(arrows: list[Arrow]) -> list[str]:
    """Return the arrows of a circle between rooms."""
    return circle(arrows, room_of)


def unplaced(arrows: list[Arrow]) -> list[str]:
    """Return the rooms that are on no floor."""
    rooms = {room_of(module) for arrow in arrows for module in (arrow.source, arrow.target)}
    return [f"{room}: place it on a floor, in FLOORS and in CONTRIBUTING.md" for room in rooms - {*FLOOR_OF}]


def upward(arrows: list[Arrow]) -> list[str]:
    """Return the arrows that run up the floors."""
    return [
        f"{arrow.place}: {arrow.source} imports {arrow.target}, which is above it"
        for arrow in arrows
        if FLOOR_OF.get(room_of(arrow.target), len(FLOORS)) < FLOOR_OF.get(room_of(arrow.source), 0)
    ]


PROGRAM = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text("utf-8")
    for path in sorted((ROOT / "litellmctl").rglob("*.py"))
}
ARROWS = arrows_of(PROGRAM)


@pytest.mark.parametrize("check", [hidden, circle, circle_of_rooms, unplaced, upward])
def test_imports_run_down(check: Check) -> None:
    assert len(ARROWS) > 500
    problems = check(ARROWS)
    assert not problems, "\n".join(problems)


def test_every_room_on_a_floor_exists() -> None:
    assert {*FLOOR_OF} == {room_of(module) for module in PROGRAM}


def test_the_table_is_read_as_the_program_reads_it() -> None:
    used = [f"litellmctl.commands.{name.replace('-', '_')}" for name in cli.commands]
    assert command_modules(ast.parse(PROGRAM["litellmctl.cli"])) == used


@pytest.mark.parametrize("name", cli.commands)
def test_every_name_in_the_table_is_a_command(name: str) -> None:
    command = cli.commands[name]
    assert isinstance(command, click.Command)
    assert command.name == name


# From here on: each check finds what it is there for.
IMPORTS_OF_B = {
    "at the top": "import litellmctl.auth.b",
    "from the package": "from litellmctl.auth import b",
    "from the module": "from litellmctl.auth.b import thing",
    "relative": "from . import b",
    "relative, from the module": "from .b import thing",
    "in a function": "def work():\n    from litellmctl.auth import b",
    "in a method": "class A:\n    def work(self):\n        import litellmctl.auth.b as other",
    "for the type checker": "if TYPE_CHECKING:\n    from litellmctl.auth.b import Thing",
    "by name": 'from importlib import import_module\nimport_module("litellmctl.auth.b")',
    "by name, through importlib": 'import importlib\nimportlib.import_module("litellmctl.auth.b")',
    "by name, without importlib": '__import__("litellmctl.auth.b")',
}
TABLE = """
SECTIONS: dict[str, dict[str, str]] = {"Models": {"list-all": "List the models."}}
_UNLISTED = {"help": "Show the help."}
_HIDDEN = ("auth",)
def load(attribute):
    return import_module(f"litellmctl.commands.{attribute}")
"""
UNREADABLE = (
    "import_module(name)",
    'import_module(f"litellmctl.commands.{attribute}")',
    'import_module(".b", "litellmctl.auth")',
    '__import__("litellmctl", fromlist=["auth"])',
    "load = importlib.import_module",
    "from importlib import import_module as load",
)


@pytest.mark.parametrize("text", IMPORTS_OF_B.values(), ids=IMPORTS_OF_B)
def test_a_circle_is_found_however_it_is_made(text: str) -> None:
    sources = {"auth": "", "auth.a": text, "auth.b": "import litellmctl.auth.a"}
    line = text.count("\n") + 1
    assert found(circle, sources) == [
        f"litellmctl.auth.a -> litellmctl.auth.b: litellmctl/auth/a.py:{line} imports litellmctl.auth.b",
        "litellmctl.auth.b -> litellmctl.auth.a: litellmctl/auth/b.py:1 imports litellmctl.auth.a",
    ]
    assert found(circle, {**sources, "auth.b": "import json"}) == []


@pytest.mark.parametrize(
    ("check", "sources", "lines"),
    [
        (circle, {"auth": "from . import a", "auth.a": "from . import b", "auth.b": ""}, 2),
        (circle, {"cli": TABLE, "commands.list_all": "import litellmctl.cli"}, 2),
        (circle, {"cli": TABLE, "commands.auth": "def run():\n    import litellmctl.cli"}, 2),
        (circle_of_rooms, {"auth.a": "import litellmctl.tools.a", "tools.a": "", "tools.b": "from ..auth import a"}, 2),
        (circle_of_rooms, {"auth.a": "from . import b", "auth.b": "import litellmctl.tools.a", "tools.a": ""}, 0),
        (upward, {"proxy.a": "if TYPE_CHECKING:\n    import litellmctl.auth.b", "auth.b": ""}, 1),
        (upward, {"auth.b": "import litellmctl.proxy.a, litellmctl.tools.a", "proxy.a": "", "tools.a": ""}, 0),
        (unplaced, {"attic.a": "import litellmctl.errors", "errors": ""}, 1),
        *((hidden, {"auth.a": text}, 1) for text in UNREADABLE),
        (hidden, {"cli": TABLE, "auth.a": 'import_module("litellmctl.auth.b")'}, 0),
    ],
)
def test_each_check_finds_what_it_looks_for(check: Check, sources: dict[str, str], lines: int) -> None:
    assert len(found(check, sources)) == lines


def found(check: Check, sources: dict[str, str]) -> list[str]:
    return sorted(check(arrows_of({f"litellmctl.{name}": text for name, text in sources.items()})))
