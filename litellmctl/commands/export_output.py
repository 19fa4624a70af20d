"""What `export` prints: settings, changes, what was written and undone, and the list of programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from litellmctl.foundation.text import clean
from litellmctl.terminal.render import Column, Listing, Row, Text
from litellmctl.terminal.streams import BOLD, CYAN, GREEN, RED

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.programs.program import Export
    from litellmctl.programs.receipts import Planned

# A plain text in each format.
_MASKED = "sk-local-***"
_DIFF_STYLES = {"+": GREEN, "-": RED, "@": CYAN}


def _below_home(row: Row) -> str:
    """Return the path of the file, with ~ for the home folder."""
    from litellmctl.settings.paths import home

    path, top = row["path"], str(home())
    return f"~{path.removeprefix(top)}" if path.startswith((f"{top}/", f"{top}\\")) else path


COLUMNS = (
    Column("TOOL", lambda row: row["tool"], field="tool"),
    Column(
        "INSTALLED",
        lambda row: "yes" if row["installed"] else "no",
        field="installed",
        style=lambda row: GREEN if row["installed"] else "",
    ),
    Column("PARTS", lambda row: ", ".join(row["parts"]), field="parts", drop=1),
    Column("FILE", lambda row: clean(_below_home(row)), field="path", drop=2, least=24),
)


def listing(*, only_mcp: bool) -> Listing:
    """Return the programs, those that are installed first; `only_mcp`: those with MCP, and the files for that."""
    from litellmctl.programs.receipts import Receipts, is_installed
    from litellmctl.programs.registry import TOOLS, exporters, hosts
    from litellmctl.settings.paths import required_config_dir

    with_models, with_mcp = exporters(), hosts()
    rows = []
    for name in TOOLS:
        exporter, host = with_models.get(name), with_mcp.get(name)
        if only_mcp and host is None:
            continue
        program = exporter or host
        path = exporter.path() if exporter and not only_mcp else host.mcp_path() if host else None
        assert program is not None
        rows.append(
            {
                "tool": name,
                "title": program.title,
                "installed": is_installed(program.executable, program.folder()),
                "path": str(path),
                "writes": Receipts(required_config_dir(), name).count,
                "parts": [*(["models"] if exporter else []), *(["mcp"] if host else [])],
            }
        )
    return Listing(sorted(rows, key=lambda row: not row["installed"]), COLUMNS)


def settings(app: App, made: Export, key: str) -> Text | None:
    """Return the settings of each file, below its name if there are several.

    They are to be looked at, perhaps in a log or on a shared screen: a local key is masked.
    """
    from litellmctl.programs.documents import changed

    texts = [changed(change, None).rstrip("\n") for change in made.files]
    has_key = bool(key) and any(key in text for text in texts)
    if has_key:
        texts = [text.replace(key, _MASKED) for text in texts]
    if len(texts) > 1:
        texts = [f"# {change.path}\n{text}" for change, text in zip(made.files, texts, strict=True)]
    app.console.note(f"Settings for {' and '.join(str(change.path) for change in made.files)}; --write merges them.")
    if has_key:
        app.console.note(f"{_MASKED} stands for the local key, which --write writes.")
    return _text("\n\n".join(texts))


def changes(app: App, planned: Sequence[Planned]) -> Text | None:
    """Return what --write would change; a note says that it would change nothing."""
    from litellmctl.programs.receipts import diff

    found = "\n".join(filter(None, map(diff, planned)))
    if not found:
        _say_current(app, planned)
    return _text(_coloured(app, found))


def report(app: App, written: Sequence[Planned], planned: Sequence[Planned], tool: str) -> None:
    """Say what was written, and who else can read a key."""
    import shlex

    for one in written:
        app.console.done(f"Wrote {one.path} (litellmctl export {tool} --undo restores it)")
    if not written:
        _say_current(app, planned)
    for one in planned:
        if one.is_exposed:  # it was up to date, and its mode was changed since
            path = shlex.quote(str(one.path))
            app.console.warn(f"other users can read {one.path}, which has the local key: chmod 600 {path}")


def undo(app: App, tool: str) -> None:
    """Undo the last write for a program, and say what that did to its files."""
    from litellmctl.programs.receipts import Receipts
    from litellmctl.settings.paths import required_config_dir

    for path, keeps_edits in Receipts(required_config_dir(), tool).undo():
        if keeps_edits:
            app.console.done(f"Removed the entries of --write from {path}, and kept what was edited since")
        elif path.exists():
            app.console.done(f"Restored {path}")
        else:
            app.console.done(f"Removed {path}, which did not exist before --write")


def _text(text: str) -> Text | None:
    return Text(text) if text else None


def _say_current(app: App, planned: Sequence[Planned]) -> None:
    app.console.note(f"{' and '.join(str(one.path) for one in planned)}: already up to date.")


def _coloured(app: App, diff: str) -> str:
    """Return a unified diff with its lines coloured, for a terminal."""
    if app.options.wants_json:
        return diff
    styles = (
        (line, BOLD if line.startswith(("+++ ", "--- ")) else _DIFF_STYLES.get(line[:1])) for line in diff.split("\n")
    )
    return "\n".join(app.console.style(line, style) if style else line for line, style in styles)
