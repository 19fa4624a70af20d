"""Rows as an aligned table that fits a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from litellmctl.foundation.ignorable import with_hidden
from litellmctl.terminal.cells import cut, folded, pad, width
from litellmctl.terminal.data import Column, Layout, Row, pick
from litellmctl.terminal.delimited import plain
from litellmctl.terminal.streams import BOLD, escaped

_GAP = 2
# The first column, which names the row, gets so much before any other is shown.
_LEAST_NAME = 16
# So narrow may a column become that --fields chose.
_LEAST_CHOSEN = 8
# Without a limit, one long cell does not make all others as long.
_MAX_PADDED = 300
_ROWS_AT_ONCE = 500
# As are our notes; a name has hardly three words.
_SENTENCE = r"\s*(?:\S+\s+){2}\S"


def table(rows: Sequence[Row], columns: Sequence[Column], layout: Layout) -> Iterator[str]:
    """Yield the lines of a table, and note which columns are hidden.

    Where there is no room, columns shrink, then are hidden. The first column never is: a name that is too long for it
    stands on a line of its own, with the other cells below, and is cut only where the terminal itself is narrower.
    """
    if not rows:
        return
    texts = [_texts(rows, column, layout) for column in columns]
    texts[0] = [_not_ours(text) for text in texts[0]]
    natural = _natural(texts, columns, layout.width)
    if layout.width is None:
        widths = {place: min(cells, _MAX_PADDED) for place, cells in enumerate(natural)}
    else:
        widths = fitted(natural, columns, layout.width)
        texts[0] = [_not_a_note(name, widths) for name in texts[0]]
        if len(widths) == 1:
            widths[0] = layout.width
    header = [pad(columns[place].header, cells, right=columns[place].right) for place, cells in widths.items()]
    lines = [layout.style((" " * _GAP).join(header).rstrip(), BOLD)]
    too_long = layout.width is not None and any(width(name) > layout.width for name in texts[0])
    above = [""] * len(rows) if layout.width is None else _set_above(texts[0], widths, layout.width)
    texts[0] = ["" if name else text for name, text in zip(above, texts[0], strict=True)]
    cells_of = [_padded(rows, columns[place], texts[place], cells, layout) for place, cells in widths.items()]
    for name, row in zip(above, zip(*cells_of, strict=True), strict=True):
        line = (" " * _GAP).join(row).rstrip()
        if name:
            lines.append(name)
        lines.append(line if line.isascii() else layout.apart(line))
        if len(lines) >= _ROWS_AT_ONCE:
            yield "\n".join(lines) + "\n"
            lines = []
    if lines:
        yield "\n".join(lines) + "\n"
    hidden = [column.header for place, column in enumerate(columns) if place not in widths]
    if hidden:
        layout.note(f"Hidden to fit: {', '.join(hidden)} (choose columns with --fields)")
    if too_long:
        layout.note("Names that end in … are cut to fit (-o tsv prints them whole)")


def chosen_columns(names: Sequence[str], rows: Sequence[Row], layout: Layout) -> list[Column]:
    """Return a column for each field: as the command declares it, or with its raw values; the last is hidden first."""
    declared = {column.name: column for column in reversed(layout.columns)}
    return [
        (declared.get(name) or _field_column(name, rows))._replace(drop=place + 1, least=_LEAST_CHOSEN)
        for place, name in enumerate(names)
    ]


def _field_column(name: str, rows: Sequence[Row]) -> Column:
    values = [value for row in rows if (value := pick(row, name)) is not None]
    is_number = bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return Column(
        name.upper(), lambda row: "" if (value := pick(row, name)) is None else plain(value) or "-", is_number
    )


def _natural(texts: Sequence[Sequence[str]], columns: Sequence[Column], room: int | None) -> list[int]:
    """Return how wide each column would be that shows all its cells."""
    cells = [list(map(width, of)) for of in texts]
    if room is not None:
        # A name that is cut in any case takes nothing from the columns of the other rows.
        cells[0] = [one for one in cells[0] if one <= room]
    return [max([width(column.header), *of]) for column, of in zip(columns, cells, strict=True)]


def fitted(natural: Sequence[int], columns: Sequence[Column], room: int) -> dict[int, int]:
    """Return the places of the columns that are shown, and the width of each, so that a row has `room` cells."""
    floors = [
        min(cells, max(column.least, width(column.header))) if column.least and place else cells
        for place, (cells, column) in enumerate(zip(natural, columns, strict=True))
    ]
    shown = list(range(len(columns)))

    def others() -> int:
        return sum(floors[place] + _GAP for place in shown[1:])

    while floors[0] + others() > room and (droppable := [place for place in shown[1:] if columns[place].drop]):
        shown.remove(max(droppable, key=lambda place: (columns[place].drop, place)))
    while len(shown) > 1 and room - others() < min(floors[0], _LEAST_NAME):
        shown.pop()
    widths = {place: floors[place] for place in shown}
    widths[0] = min(floors[0], room - others())
    spare = room - widths[0] - others()
    while spare > 0 and (needy := [place for place in shown[1:] if widths[place] < natural[place]]):
        share = max(1, spare // len(needy))
        for place in needy:
            more = min(share, natural[place] - widths[place], spare)
            widths[place] += more
            spare -= more
    return widths


def _texts(rows: Sequence[Row], column: Column, layout: Layout) -> list[str]:
    """Return the texts of a column's cells, of a length that can be measured, as the terminal will show them."""
    texts = [column.cell(row) or "?" for row in rows]
    if layout.width is not None:
        most = 20 * layout.width
        texts = [text if len(text) <= most else text[:most] + "…" for text in texts]
        if not all(map(str.isascii, texts)):
            texts = [with_hidden(text, escaped) for text in texts]
    return texts


def _not_ours(text: str) -> str:
    """Return the name of a row so that the row does not begin like an error of ours."""
    if text.isascii() and not re.match(r"(?i)\s?(?:error|try|warning|ok\s|\{)", text):
        return text
    from litellmctl.terminal.quotation import is_like_ours

    return f'"{text}"' if is_like_ours(text) else text


def _not_a_note(name: str, widths: dict[int, int]) -> str:
    """Return the name of a row so that a line on which it stands alone does not read like a note of ours."""
    is_alone = len(widths) == 1 or len(name) > widths[0] or width(name) > widths[0]
    return f'"{name}"' if is_alone and name[:1] != '"' and re.match(_SENTENCE, name) else name


def _set_above(names: Sequence[str], widths: dict[int, int], room: int) -> list[str]:
    """Return the names that stand on a line of their own, "" for all others."""
    if len(widths) == 1:
        return [""] * len(names)
    return [cut(name, room) if width(name) > widths[0] else "" for name in names]


def _padded(rows: Sequence[Row], column: Column, texts: Sequence[str], cells: int, layout: Layout) -> list[str]:
    """Return the cells of a column, each as wide as it, in its style."""
    if layout.width is not None:
        texts = [text if len(text) <= cells and text.isascii() else cut(text, cells) for text in texts]
    spaces = [" " * (cells - (len(text) if text.isascii() else width(text))) for text in texts]
    if column.style is not None:
        codes = list(map(column.style, rows))
        around = {code: layout.style("\0", code).split("\0") if code else ["", ""] for code in set(codes)}
        texts = [text.join(around[code]) for text, code in zip(texts, codes, strict=True)]
    if column.right:
        return [space + text for space, text in zip(spaces, texts, strict=True)]
    return [text + space for space, text in zip(spaces, texts, strict=True)]


def fact_lines(facts: Sequence[tuple[str, str]], layout: Layout | None = None) -> list[str]:
    """Return the lines of facts: the names in a column of their own, long texts folded behind it."""
    layout = layout or Layout("table")
    first = max((width(name) for name, _ in facts), default=0) + _GAP
    lines = []
    for name, text in facts:
        shown = text
        if layout.width is not None:
            narrow = first > layout.width // 2
            shown = folded(text, layout.width, first=first, indent=_GAP if narrow else first)
        label = pad(name, first)
        line = label + shown
        # A line that could be taken for one of ours is set apart, without a style.
        lines.append(layout.style(name, BOLD) + line[len(name) :] if layout.apart(line) == line else layout.apart(line))
    return lines
