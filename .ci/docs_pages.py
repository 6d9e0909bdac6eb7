"""Pages of the documentation that are made from the code whenever the site is built."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from aqa.models.heads import find_head, head_names
from aqa.models.target_transforms import target_params
from aqa.report.heads import parameter_rows, summary


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page of every head's hyper-parameters."""
    files.append(File.generated(config, "hyper-parameters.md", content=hyper_parameters()))
    return files


def hyper_parameters() -> str:
    """What `aqa heads NAME` prints of every head, as one page."""
    parts = [
        "# Hyper-parameters",
        "`-p name=value` sets one, as in `aqa fit --head lstm -p epochs=50`; `aqa heads NAME`"
        " prints the same tables.",
    ]
    for name in head_names():
        head = find_head(name).head_class
        rows = ["| parameter | default | meaning | source |", "| --- | --- | --- | --- |"]
        rows += [_line(row) for row in parameter_rows(head, target_params(head))]
        parts += [f"## {name}", f"{summary(name)}.", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def _line(cells: list[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| `{escaped[0]}` | {' | '.join(escaped[1:])} |"
