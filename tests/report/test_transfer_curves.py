from __future__ import annotations

import numpy as np

from aqa.report.figures import PALETTE
from aqa.report.transfer_curves import transfer_figure
from aqa.workflows.transfer.results import TransferResult


def test_a_plot_per_number_of_samples_and_a_line_per_draw(transfer: TransferResult) -> None:
    figure = transfer_figure(transfer)
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left") for axes in panels] == ["25 videos", "75 videos"]
    assert panels[0].get_ylabel() == "Spearman correlation,\n50 test videos"
    for axes in panels:
        learned = [line for line in axes.lines if line.get_color() == PALETTE[0]]
        assert len(learned) == 3  # two draws and their mean
        thick = max(learned, key=lambda line: line.get_linewidth())
        expected = [[100 * i, 0.1 * i + 0.005] for i in range(4)]
        np.testing.assert_allclose(thick.get_xydata(), expected)


def test_undefined_values_are_left_out(transfer: TransferResult) -> None:
    axes = transfer_figure(transfer).axes[0]
    untrained = [line for line in axes.lines if line.get_color() == PALETTE[1]]
    assert {int(line.get_xdata()[0]) for line in untrained} == {100}
