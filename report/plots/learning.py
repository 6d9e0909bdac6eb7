"""Learning curves: what the training of each split's head has written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from matplotlib.axes import Axes

from aqa.errors import RunError
from aqa.evaluation.head_results import HeadResults, HistoryRow
from aqa.report.figures import PALETTE, style
from aqa.report.plots.axes import HEIGHT, axes_of, name_axes, plain_numbers

# Columns of history.csv that say where training stood, not how well it went.
_STEPS = ("epoch", "lr", "seconds")
# What a search over settings has tried.
_SEARCHED = ("C", "gamma", "epsilon", "ridge")
_LINES = ("-", "--", ":", "-.")


@style()
def learning_curves(head: HeadResults, ax: Axes | None = None) -> Axes:
    """A thin line per split and quantity, such as the training loss, over the epochs.

    Of a head that searched for its settings: the best that each value of its first setting reached
    in cross-validation. `RunError` where no run has a history.
    """
    histories = {split: rows for split, rows in head.histories.items() if rows}
    if not histories:
        folder = next(iter(head.folders.values()))
        raise RunError(f"{folder}: {head.name} keeps no history of its training (history.csv)")
    axes = axes_of(ax, height=HEIGHT - 0.4)
    if any("epoch" in row for rows in histories.values() for row in rows):
        _over_epochs(axes, histories)
    else:
        _over_settings(axes, histories)
    splits = len(head.histories)
    name_axes(axes, f"{head.name}: {splits} splits" if splits > 1 else head.name)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", fontsize="small")
    return axes


def _over_epochs(axes: Axes, histories: Mapping[str, Sequence[HistoryRow]]) -> None:
    curves = [curve for rows in histories.values() for curve in _curves(rows)]
    names = list(dict.fromkeys(name for name, _, _ in curves))
    quantities = list(dict.fromkeys(name.partition(" (")[0] for name in names))
    drawn: set[str] = set()
    for name, epochs, values in curves:
        quantity = quantities.index(name.partition(" (")[0])
        phases = [one for one in names if one.partition(" (")[0] == quantities[quantity]]
        axes.plot(
            *(epochs, values),
            color=PALETTE[quantity % len(PALETTE)],
            linestyle=_LINES[phases.index(name) % len(_LINES)],
            linewidth=1.0,
            marker="" if len(epochs) > 1 else ".",
            alpha=0.8,
            label=None if name in drawn else name,
        )
        drawn.add(name)
    largest = [abs(value) for _, _, values in curves for value in values if value]
    if (
        largest
        and max(largest) > 50 * min(largest)
        and all(v > 0 for _, _, vs in curves for v in vs)
    ):
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
    axes.set(xlabel="epoch", ylabel="loss or error")


def _curves(rows: Sequence[HistoryRow]) -> list[tuple[str, list[float], list[float]]]:
    """(quantity and its phase, epochs, values) of one split's rows."""
    found = []
    for phase, group in groupby(rows, key=_phase):
        alike = [row for row in group if "epoch" in row]
        known = dict.fromkeys(
            name
            for row in alike
            for name, value in row.items()
            if isinstance(value, float) and name not in (*_STEPS, *_SEARCHED)
        )
        for name in known:
            at = [(float(row["epoch"]), float(row[name])) for row in alike if name in row]
            label = name.replace("_", " ").replace("val ", "validation ")
            label = label.replace("train ", "training ")
            found.append(
                (f"{label} ({phase})" if phase else label, [x for x, _ in at], [y for _, y in at])
            )
    return found


def _phase(row: HistoryRow) -> str:
    """The names in a row, such as the phase of training and the part of the score."""
    return ", ".join(str(value) for value in row.values() if isinstance(value, str))


def _over_settings(axes: Axes, histories: Mapping[str, Sequence[HistoryRow]]) -> None:
    """The best result of each value of the first setting, over the others."""
    first = next(iter(histories.values()))[0]
    setting = next((name for name in first if name in _SEARCHED), next(iter(first)))
    result = [name for name in first if name not in _SEARCHED][-1]
    best = max if result.endswith("accuracy") else min
    for i, (split, rows) in enumerate(histories.items()):
        at: dict[float, list[float]] = {}
        for row in rows:
            if isinstance(row.get(setting), float) and isinstance(row.get(result), float):
                at.setdefault(float(row[setting]), []).append(float(row[result]))
        axes.plot(
            *(sorted(at), [best(at[value]) for value in sorted(at)]),
            color=PALETTE[i % len(PALETTE)],
            linestyle=_LINES[i // len(PALETTE) % len(_LINES)],
            marker="o",
            markersize=3.5,
            linewidth=1.0,
            label=f"split {split}" if len(histories) <= len(PALETTE) else None,
        )
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    measured = result.replace("cv_", "cross-validated ").replace("loo_", "leave-one-out ")
    axes.set(
        xlabel=f"{setting}, of the search for settings",
        ylabel=f"{'highest' if best is max else 'lowest'} {measured.replace('mse', 'MSE')}",
    )
