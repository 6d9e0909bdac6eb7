"""The scores of new videos, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aqa.report.tables import table


def scores_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One row per video; where several runs were averaged, the lowest and highest of them."""
    header = ["video", "score", "lowest and highest run"]
    cells = []
    for row in rows:
        values = list(row["by_split"].values())
        spread = f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""
        cells.append([row["video"], f"{row['score']:.2f}", spread])
    if not any(cell[2] for cell in cells):
        header, cells = header[:2], [cell[:2] for cell in cells]
    return table(cells, header)
