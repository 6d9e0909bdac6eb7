"""Tables for papers: LaTeX with booktabs, Markdown, CSV and HTML, with a caption that says enough.

Names of heads are anyone's text: they are escaped for each of these, and in CSV what a spreadsheet
would take for a formula is put behind an apostrophe.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

from aqa.errors import EndingError
from aqa.evaluation.baselines import PREFIX
from aqa.evaluation.metric import Metric
from aqa.evaluation.score_metrics import FEWEST_RANKED
from aqa.evaluation.study_table import StudyCell, StudyRow, StudyTable
from aqa.number_text import fixed
from aqa.report.result_table import head_title
from aqa.report.result_tables import baseline_line, told_lines
from aqa.split_names import NUMBERED
from aqa.target_names import SCORE

_TEX = {
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"},
    **{"[": "{[}", "*": "{*}"},  # behind the end of a row, these would be its options
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~&$])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SPREADS = {
    "splits": "standard deviation over splits",
    "seeds": "standard deviation over seeds",
    "all": "standard deviation over all runs",
    "interval": "95 % bootstrap interval over test videos",
}


def check_table(path: Path) -> None:
    """Raise `EndingError` for a name that no table is written as."""
    if path.suffix.lower() not in _WRITERS:
        raise EndingError(
            f"{path}: tables are written as LaTeX, Markdown, CSV or HTML; name a file that ends in "
            f"{', '.join([*_WRITERS][:-1])} or {[*_WRITERS][-1]}"
        )


def table_text(
    path: Path, tables: Sequence[StudyTable], caption: str | None = None, command: str = ""
) -> str:
    """The tables as the file's ending says. caption: in place of our own; command: who made it."""
    check_table(path)
    return _WRITERS[path.suffix.lower()](tables, caption, command)


def caption_of(table: StudyTable) -> str:
    """What the numbers are: of how many splits, seeds and videos, and what bold and +- mean."""
    family = "" if table.family == NUMBERED else f" of {table.family}"
    over = [
        f"{len(table.splits)} splits{family}"
        if len(table.splits) > 1
        else f"split {table.splits[0]}"
    ]
    over += [f"{len(table.seeds)} seeds"] if len(table.seeds) > 1 else []
    mean = "Mean over" if len(over) > 1 or len(table.splits) > 1 else "On"
    of = "" if table.target == SCORE else f" of {table.target}"
    parts = [
        f"{mean} {' and '.join(over)}{of}; n = {table.videos} test videos, "
        f"{table.training:.0f} training videos per split"
    ]
    if table.spread in _SPREADS:
        sign = "In brackets" if table.spread == "interval" else "+-"
        parts.append(f"{sign}: {_SPREADS[table.spread]}")
    if table.tested:
        tested = ", ".join(m.title or m.name for m in table.metrics if m.name in table.tested)
        parts.append(
            f"Bold: the best, where paired permutation tests over videos tell it from every other "
            f"row (p < 0.05 after Holm; of {tested})"
        )
    heads = [SimpleNamespace(head=row.head, marks=row.marks) for row in table.rows]
    parts += dict.fromkeys(told_lines(heads))
    parts += [
        baseline_line(row.head.removeprefix(PREFIX), row.marks.baseline, table.kind)
        for row in table.rows
        if len(row.marks.baseline) > 1
    ]
    parts += [f"LEAK {one.head}: {'; '.join(one.marks.leak)}" for one in heads if one.marks.leak]
    if table.too_few:
        parts.append(
            f"No {', '.join(m.title or m.name for m in table.metrics if m.name in table.too_few)} "
            f"where a split tests fewer than {FEWEST_RANKED} videos"
        )
    if table.left_out:
        parts.append(
            f"Left out, as not every head was evaluated on them: {', '.join(table.left_out)}"
        )
    return ". ".join(parts) + "."


def _title(row: StudyRow) -> str:
    if row.blind:
        return f"{row.head.removeprefix(PREFIX)} (no pixels)"
    return head_title(row.head, row.marks.difficulty)


def _headings(table: StudyTable) -> Iterator[tuple[str, bool]]:
    """The names of the metrics, and whether lower is better."""
    for metric in table.metrics:
        yield metric.title or metric.name, metric.lower_better


def _digits(table: StudyTable) -> list[int]:
    return [
        metric.digits_for(row.cells[number].value for row in table.rows)
        for number, metric in enumerate(table.metrics)
    ]


def _cells(
    table: StudyTable, row: StudyRow, bold: Callable[[str], str], plus_minus: str, none: str
) -> Iterator[str]:
    """A row's cells as text: the value, in bold where it is the best, and its spread."""
    for cell, digits in zip(row.cells, _digits(table), strict=True):
        yield _cell(cell, digits, bold, plus_minus, none)


def _cell(
    cell: StudyCell, digits: int, bold: Callable[[str], str], plus_minus: str, none: str
) -> str:
    if cell.value is None:
        return none
    text = fixed(cell.value, digits)
    text = bold(text) if cell.best else text
    if cell.spread is None:
        return text
    if isinstance(cell.spread, float):
        return f"{text} {plus_minus} {cell.spread:.{digits}f}"
    return f"{text} [{', '.join(fixed(end, digits) for end in cell.spread)}]"


# LaTeX ------------------------------------------------------------------------------------------


def tex_text(text: str) -> str:
    """Text that LaTeX shows as it is: nothing in it is a command."""
    shown = "".join(" " if ord(sign) < 32 else _TEX.get(sign, sign) for sign in text)
    return re.sub("-(?=-)", "-{}", shown.replace("+-", r"$\pm$"))


def _tex(tables: Sequence[StudyTable], caption: str | None, command: str) -> str:
    lines = ["% Needs \\usepackage{booktabs}, and \\usepackage[T1]{fontenc} for some signs."]
    lines += [f"% Made by: {' '.join(command.split())}"] if command else []
    for table in tables:
        arrows = [
            tex_text(name) + (r" $\downarrow$" if lower else r" $\uparrow$")
            for name, lower in _headings(table)
        ]
        lines += [
            "\\begin{table}",
            "  \\centering",
            f"  \\caption{{{tex_text(caption or caption_of(table))}}}",
            f"  \\begin{{tabular}}{{l{'r' * len(table.metrics)}}}",
            "    \\toprule",
            f"    {' & '.join(['Head', *arrows])} \\\\",
            "    \\midrule",
        ]
        for blind in (False, True):
            rows = [row for row in table.rows if row.blind == blind]
            if blind and rows and len(rows) < len(table.rows):
                lines.append("    \\midrule")
            lines += [f"    {' & '.join(_tex_row(table, row))} \\\\" for row in rows]
        lines += ["    \\bottomrule", "  \\end{tabular}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def _tex_row(table: StudyTable, row: StudyRow) -> Iterator[str]:
    yield tex_text(_title(row))
    for cell in _cells(table, row, lambda text: f"\\mathbf{{{text}}}", r"\pm", "--"):
        yield cell if cell == "--" else f"${cell}$"


# Markdown, HTML, CSV ----------------------------------------------------------------------------


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _markdown(tables: Sequence[StudyTable], caption: str | None, command: str) -> str:
    parts = []
    for table in tables:
        names = [f"{markdown_text(n)} {'↓' if lower else '↑'}" for n, lower in _headings(table)]
        lines = [f"| {' | '.join(['Head', *names])} |", f"| --- |{' ---: |' * len(names)}"]
        for row in sorted(table.rows, key=lambda one: one.blind):
            cells = _cells(table, row, lambda text: f"**{text}**", "±", "-")
            lines.append(f"| {' | '.join([markdown_text(_title(row)), *cells])} |")
        told = markdown_text(caption or caption_of(table)).replace("+-", "±")
        parts.append("\n".join([*lines, "", told]))
    return "\n\n".join(parts) + "\n"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Results</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem }}
body {{ padding: 0 1rem }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; border-block: 2px solid; margin-bottom: 2rem }}
caption {{ text-align: start; padding-bottom: .5rem }}
th, td {{ padding: .2rem .8rem; text-align: end; white-space: nowrap }}
th:first-child {{ text-align: start; font-weight: normal }}
thead th {{ border-bottom: 1px solid }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _html(tables: Sequence[StudyTable], caption: str | None, command: str) -> str:
    parts = []
    for table in tables:
        names = [f"{html.escape(n)} {'↓' if lower else '↑'}" for n, lower in _headings(table)]
        told = html.escape(caption or caption_of(table)).replace("+-", "±")
        lines = [f'<div class="wide"><table>\n<caption>{told}</caption>']
        lines += ["<thead><tr>" + "".join(f'<th scope="col">{n}</th>' for n in ["Head", *names])]
        lines += ["</tr></thead>\n<tbody>"]
        for row in sorted(table.rows, key=lambda one: one.blind):
            cells = _cells(table, row, lambda text: f"<strong>{text}</strong>", "±", "-")
            shown = "".join(f"<td>{cell}</td>" for cell in cells)
            lines.append(f'<tr><th scope="row">{html.escape(_title(row))}</th>{shown}</tr>')
        parts.append("\n".join([*lines, "</tbody></table></div>"]))
    body = "\n".join(parts)
    made = f"\n<p><code>{html.escape(command)}</code></p>" if command else ""
    return _PAGE.format(body=body + made)


def csv_text(text: str) -> str:
    """Text that a spreadsheet takes for text: a formula stands behind an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(tables: Sequence[StudyTable], caption: str | None, command: str) -> str:
    """A line per head and metric, with every digit."""
    out = io.StringIO()
    named = ("target", "family", "splits", "seeds", "test_videos", "head", "pixels", "metric")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*named, "value", "spread", "std", "low", "high", "best"])
    for table in tables:
        for row in table.rows:
            for metric, cell in zip(table.metrics, row.cells, strict=True):
                writer.writerow([*_keys(table, row, metric), *_numbers(table, cell)])
    return out.getvalue()


def _keys(table: StudyTable, row: StudyRow, metric: Metric) -> list[str | int]:
    counts = (len(table.splits), max(len(table.seeds), 1), table.videos)
    pixels = "no" if row.blind else "yes"
    texts = map(csv_text, (table.target, table.family))
    return [*texts, *counts, csv_text(row.head), pixels, metric.name]


def _numbers(table: StudyTable, cell: StudyCell) -> list[str | float]:
    ends = cell.spread if isinstance(cell.spread, list) else ["", ""]
    std = cell.spread if isinstance(cell.spread, float) else ""
    best = "yes" if cell.best else "no"
    return ["" if cell.value is None else cell.value, table.spread, std, *ends, best]


_WRITERS: dict[str, Callable[[Sequence[StudyTable], str | None, str], str]] = {
    ".tex": _tex,
    ".md": _markdown,
    ".csv": _csv,
    ".html": _html,
}
