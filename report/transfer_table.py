"""What fine-tuning on a new action brings, to a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aqa.report.tables import table
from aqa.report.values import with_std

if TYPE_CHECKING:
    from aqa.workflows.transfer.results import TransferResult


def transfer_table(result: TransferResult) -> str:
    """Spearman as the new action finds the network, and what fine-tuning makes of it."""
    learned = with_std(result.zero_shot["multi-action"], None, 3)
    untrained = with_std(result.zero_shot["random"], result.zero_shot["random_std"], 3)
    header = ["samples", "start", "zero-shot", "last iteration", "best iteration"]
    cells = []
    for row in result.readings():
        shown = [
            with_std(row[reading], row.get(f"{reading}_std"), 3)
            for reading in ("zero_shot", "last", "best")
        ]
        cells.append([str(row["samples"]), row["start"], *shown])
    return "\n".join(
        [
            f"{result.action}: new to a head of {result.n_others} videos of "
            f"{', '.join(result.others)}",
            f"zero-shot Spearman on all its {result.n} videos: {learned}; untrained: {untrained}",
            f"fine-tuned on samples, Spearman on {result.tested} others:",
            table(cells, header, left=2),
            "best iteration: chosen on the test videos, as parmar2019action Table 4 is",
        ]
    )
