"""A published table that was run, as a page and as Markdown: printed beside measured, and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aqa import __version__
from aqa.papers import cited
from aqa.report.page.template_files import page_templates
from aqa.report.reproduction import table_row
from aqa.report.study_tables import markdown_text
from aqa.workflows.reproduce.cells import Reproduction, sources

HEADER = ("system", "case", "metric", "printed", "measured", "differs", "spread")
# Of the header, the columns of numbers: printed, measured, differs.
_NUMBERS = (3, 4, 5)


@dataclass(frozen=True)
class _Told:
    """What a page says of a table; each list is of sentences without their stop."""

    name: str
    title: str
    stand_in: str | None
    summary: str
    rows: Sequence[Sequence[str]]
    missing: Sequence[str]
    differs: Sequence[str]
    references: Sequence[tuple[str, str]]


def reproduction_page(reproduction: Reproduction, command: str) -> str:
    """One HTML file that opens without a network. command: as it was typed."""
    template = page_templates().get_template("reproduction.html.j2")
    return template.render(
        told=_told(reproduction),
        header=HEADER,
        numbers=_NUMBERS,
        command=command,
        version=__version__,
    )


def reproduction_markdown(reproduction: Reproduction, command: str) -> str:
    """The same as Markdown."""
    told = _told(reproduction)
    lines = [f"# {markdown_text(told.name)}: {markdown_text(told.title)}", ""]
    if told.stand_in:
        lines += [f"**{markdown_text(told.stand_in)}.**", ""]
    lines += [f"{told.summary}.", "", f"| {' | '.join(HEADER)} |"]
    rules = ["---:" if number in _NUMBERS else "---" for number in range(len(HEADER))]
    lines.append(f"| {' | '.join(rules)} |")
    lines += [f"| {' | '.join(map(markdown_text, row))} |" for row in told.rows]
    for heading, sentences in (
        ("What was missing", told.missing),
        ("What differs from the paper", told.differs),
    ):
        if sentences:
            lines += ["", f"## {heading}", ""]
            lines += [f"- {markdown_text(sentence)}" for sentence in sentences]
    lines += ["", "## References", ""]
    lines += [f"- {markdown_text(key)}: {markdown_text(text)}" for key, text in told.references]
    lines += ["", f"Made by aqa {__version__}: `{' '.join(command.split()).replace('`', '')}`"]
    return "\n".join(lines) + "\n"


def _told(reproduction: Reproduction) -> _Told:
    table = reproduction.table
    rows = [table_row(cell) for cell in reproduction.cells]
    measured = sum(row[4] != "-" for row in rows)
    stand_in = None
    if reproduction.stand_in:
        stand_in = (
            f"STAND-IN: run on {reproduction.stand_in}, not on the paper's videos: these are no "
            "measurements, and the differences mean nothing"
        )
    differs = [f"selection: {table.selected}"] if table.selected else []
    differs += sources(table)
    differs += reproduction.notes
    title = f"{table.title}; {table.dataset}"
    papers = cited(table.name, title, *differs)
    return _Told(
        table.name,
        title,
        stand_in,
        f"{measured} of the {len(rows)} figures of this table were measured; splits by "
        f"{table.splits_by}",
        rows,
        list(reproduction.failed),
        differs,
        [(paper.key, str(paper)) for paper in papers],
    )
