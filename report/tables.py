"""Text for a terminal: tables with aligned columns, and wrapped lines.

Neither is wider than the terminal, or than 80 columns where there is none. No lines are drawn
around cells, so that what is copied from a table can be pasted.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Collection, Iterator, Sequence

_GAP = 2
# A text column becomes no narrower than its longest word, unless that is longer than so many; the
# smaller limits are for narrow terminals.
_WORDS = (30, 24, 16, 10, 6, 1)
_PROSE = 14


def terminal_width() -> int:
    """How many columns the terminal has; 80 where output does not go to one."""
    return shutil.get_terminal_size().columns or 80


def wrapped(text: str, *, indent: str = "", width: int | None = None) -> str:
    """Break lines between words so that none is wider than the terminal.

    indent: what stands before every line but the first of each. A word that is wider than the
    terminal, such as a path, stays whole: broken, it could not be copied.
    """
    wrapper = textwrap.TextWrapper(
        width or terminal_width(), break_long_words=False, break_on_hyphens=False
    )
    lines = []
    for line in text.split("\n"):
        wrapper.initial_indent = line[: len(line) - len(line.lstrip())]
        wrapper.subsequent_indent = indent + wrapper.initial_indent
        lines.append(wrapper.fill(line.lstrip()))
    return "\n".join(lines)


def table(
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = (),
    left: int | Collection[int] = 1,
    *,
    width: int | None = None,
) -> str:
    """Align columns under a plain header.

    left: the columns of text, which stand to the left and wrap where the table is too wide: so
    many first ones, or their numbers (-1: the last). Cells of the others, numbers, are never
    broken: where they do not fit, the table goes on below, its first columns of text repeated.
    width: None takes the terminal's.
    """
    cells = [[*header], *rows] if header else [*rows]
    if not cells:
        return ""
    n = len(cells[0])
    text = {i % n for i in (range(min(left, n)) if isinstance(left, int) else left)}
    available = width or terminal_width()
    blocks = _blocks(cells, text, bool(header), available)
    return "\n\n".join(_block(cells, *block, text, bool(header)) for block in blocks)


def _blocks(
    cells: Sequence[Sequence[str]], text: set[int], header: bool, available: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Columns that stand side by side, and their widths; more than one where all are too wide."""
    n = len(cells[0])
    natural = [_widest(row[i] for row in cells) for i in range(n)]
    keys = [i for i in range(n) if text >= {*range(i + 1)}] or [0]
    if len(keys) == n:
        keys = [0]
    rest = [i for i in range(n) if i not in keys]
    for limit in _WORDS:
        least = [_least(cells, i, header, limit if i in text else None) for i in range(n)]
        widest = max((least[i] for i in rest), default=0)
        if _total([*(least[k] for k in keys), widest]) <= available:
            break
    while True:
        side, rest = [*keys, *rest[:1]], rest[1:]
        while rest and _total([least[i] for i in (*side, rest[0])]) <= available:
            side.append(rest.pop(0))
        yield side, _shrunk([natural[i] for i in side], [least[i] for i in side], available)
        if not rest:
            return


def _widest(cells: Iterator[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(line) for cell in cells for line in cell.split("\n")), default=0)


def _least(cells: Sequence[Sequence[str]], i: int, header: bool, limit: int | None) -> int:
    """How narrow a column may become: numbers stay whole, headers and text break at blanks."""
    broken = cells[: int(header)] if limit is None else cells
    words = _widest(word for row in broken for word in row[i].split())
    whole = _widest(row[i] for row in cells[int(header) :])
    least = max(words, whole) if limit is None else min(max(words, min(whole, _PROSE)), limit)
    return max(1, least)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _shrunk(natural: Sequence[int], least: Sequence[int], available: int) -> list[int]:
    """The widths, the widest narrowed first until all fit or none can be narrower."""
    widths = [max(pair) for pair in zip(natural, least, strict=True)]
    while _total(widths) > available:
        room = [w if w > low else 0 for w, low in zip(widths, least, strict=True)]
        if not any(room):
            break
        widths[room.index(max(room))] -= 1
    return widths


def _block(
    cells: Sequence[Sequence[str]],
    columns: Sequence[int],
    widths: Sequence[int],
    text: set[int],
    header: bool,
) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, show_header=header, pad_edge=False, padding=(0, _GAP, 0, 0))
    for i, width in zip(columns, widths, strict=True):
        drawn.add_column(
            Text(cells[0][i]) if header else "",
            justify="left" if i in text else "right",
            width=width,
            overflow="fold",
            vertical="top",
        )
    for row in cells[int(header) :]:
        drawn.add_row(*(Text(row[i]) for i in columns))
    console = Console(width=_total(widths) + _GAP, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
