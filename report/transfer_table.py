"""What fine-tuning on a new action brings, to a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aqa.report.result_tables import _with_std
from aqa.report.tables import table

if TYPE_CHECKING:
    from aqa.workflows.transfer.results import TransferResult


def transfer_table(found: TransferResult) -> str:
    """Spearman as the new action finds the network, and what fine-tuning makes of it."""
    blind = {"mean": found.zero_shot["random"], "mean_std": found.zero_shot["random_std"]}
    learned = {"mean": found.zero_shot["multi-action"]}
    header = ["samples", "start", "zero-shot", "last iteration", "best iteration"]
    cells = []
    for row in found.readings():
        shown = [_with_std(row, reading) for reading in ("zero_shot", "last", "best")]
        cells.append([str(row["samples"]), row["start"], *shown])
    return "\n".join(
        [
            f"{found.action}: new to a head of {found.n_others} videos of "
            f"{', '.join(found.others)}",
            f"zero-shot Spearman on all its {found.n} videos: {_with_std(learned, 'mean')}; "
            f"untrained: {_with_std(blind, 'mean')}",
            f"fine-tuned on samples, Spearman on {found.tested} others:",
            table(cells, header, left=2),
            "best iteration: chosen on the test videos, as parmar2019action Table 4 is",
        ]
    )
