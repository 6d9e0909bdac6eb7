"""Text for a terminal: tables with aligned columns, and wrapped lines.

Neither is wider than the terminal, or than 80 columns where there is none. No lines are drawn
around cells, so that what is copied from a table can be pasted.
"""

from __future__ import annotations

import dataclasses
import shutil
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aqa.evaluation.feedback import Feedback, PoseFeedback
    from aqa.workflows.embed import Embeddings

_GAP = 2
# A text column becomes no narrower than its longest word, unless that is longer than so many; the
# smaller limits are for narrow terminals.
_WORDS = (24, 16, 10, 6, 1)
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


def feedback_table(feedback: Feedback, run: str) -> str:
    """A row a clip; frames are counted from 0, the last one of a clip is not in it."""
    compared = any(clip.reference_clips for clip in feedback.clips)
    cells = [["clip", "frames", "seconds", "value", "", "compared with" if compared else ""]]
    for clip in feedback.clips:
        seconds = "unknown"
        if clip.start_seconds is not None and clip.stop_seconds is not None:
            seconds = f"{clip.start_seconds:.2f} to {clip.stop_seconds:.2f}"
        against = ", ".join(f"{name} clip {k}" for name, k in clip.reference_clips.items())
        cells.append(
            [
                *(str(clip.clip), f"{clip.start} to {clip.stop}", seconds, f"{clip.value:.3f}"),
                *("faulty" if clip.faulty else "", against),
            ]
        )
    title = f"{feedback.video}: {feedback.meaning}, by {run}; faulty below {feedback.limit:g}"
    return f"{title}\n{table(cells, left=6)}"


def feedback_json(feedback: Feedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    return {"run": run, **dataclasses.asdict(feedback)}


def moves_table(feedback: PoseFeedback, run: str) -> str:
    """A row a joint: the frame on which it would gain most, counted from 0, and which way."""
    cells = [["joint", "frame", "seconds", "points a pixel", "right", "down"]]
    for move in feedback.moves:
        seconds = "unknown" if move.seconds is None else f"{move.seconds:.2f}"
        numbers = (f"{value:.3f}" for value in (move.gain, move.right, move.down))
        cells.append([move.joint, str(move.frame), seconds, *numbers])
    return f"{feedback.video}: {feedback.meaning}, by {run}\n{table(cells)}"


def moves_json(feedback: PoseFeedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    moves = [dataclasses.asdict(move) for move in feedback.moves]
    return {"run": run, "video": feedback.video, "meaning": feedback.meaning, "moves": moves}


def embeddings_table(found: Embeddings, run: str) -> str:
    """Silhouettes by type, -1 to 1: higher keeps the types further apart."""
    cells = [["embedding", "size", "silhouette of train", "of test"]]
    for embedding in found.all:
        shown = ["-" if s is None else f"{s:.3f}" for s in embedding.silhouette.values()]
        cells.append([embedding.name, str(embedding.values.shape[1]), *shown])
    n_test = int(found.tested.sum())
    videos = f"{len(found.ids) - n_test} training and {n_test} test videos"
    return f"{run}: {videos}, {len(set(found.types))} types\n{table(cells)}"


def embeddings_json(found: Embeddings, run: str) -> dict[str, Any]:
    """Silhouettes, and every video's place in the plane of each embedding."""
    return {
        "run": run,
        "embeddings": [
            {
                "name": embedding.name,
                "size": embedding.values.shape[1],
                "silhouette": embedding.silhouette,
                "points": [
                    {"video": video, "type": kind, "tested": bool(tested), "x": x, "y": y}
                    for video, kind, tested, (x, y) in zip(
                        found.ids, found.types, found.tested, embedding.flat.tolist(), strict=True
                    )
                ],
            }
            for embedding in found.all
        ],
    }


def scores_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Scored videos; where several runs were averaged, the lowest and highest of them."""
    cells = [["video", "score", "runs"]]
    for row in rows:
        values = list(row["by_split"].values())
        spread = f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""
        cells.append([row["video"], f"{row['score']:.2f}", spread])
    warnings = [f"warning: {row['warning']}" for row in rows if row["warning"]]
    return "\n".join([table(cells), *warnings])
