"""Averages over the targets of a head, as papers print them: TES, PCS, and their mean.

Some papers average correlations plainly, others by Fisher's z (parmar2019action §5); both are
given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.evaluation.families import Tested
from aqa.evaluation.metric import metrics_of
from aqa.evaluation.resampling import MetricValues
from aqa.evaluation.result import Result
from aqa.evaluation.score_metrics import FEWEST, score_samples
from aqa.evaluation.score_rows import Row, spans, true_and_predicted
from aqa.metrics import Values, fisher_z


def target_means(
    results: Sequence[Result], tested: Mapping[Tested, Sequence[Row]], manifest: Manifest
) -> list[Result]:
    """The averages over the `score_<name>` columns that a head was fitted to, per split.

    results: of single targets, whose marks are taken. tested: rows of predictions.csv of the test
    videos. A head that was fitted to fewer than two of these columns has none.
    """
    of = {(one.head, one.target, one.split): one for one in results if one.kind == "scores"}
    alike = of.keys() & tested.keys()  # classes have no average
    means: list[Result] = []
    for head, split in dict.fromkeys((head, split) for head, _, split in tested):
        targets = [one for one in manifest.targets if (head, one, split) in alike]
        if len(targets) > 1:
            each = [of[head, target, split] for target in targets]
            leak = dict.fromkeys(line for one in each for line in one.marks.leak)
            marks = replace(each[0].marks, leak=tuple(leak), alpha=None)
            rows = {target: tested[head, target, split] for target in targets}
            means += [
                Result.of(
                    *(measured, "scores", head, split),
                    marks=marks,
                    pooled=each[0].pooled,
                    target=name,
                )
                for name, measured in _averages(rows, manifest)
            ]
    return means


def _averages(
    rows: Mapping[str, Sequence[Row]], manifest: Manifest
) -> Iterator[tuple[str, MetricValues]]:
    """What each average is called, and its metrics.

    A metric that is undefined for one of the targets has no average. Resamples draw the same videos
    of every target; there is no interval where the targets were not tested on the same videos.
    """
    samples = [
        score_samples(*true_and_predicted(tested), span=spans(tested, manifest.of_target(target)))
        for target, tested in rows.items()
    ]
    ids = [[row["video_id"] for row in tested] for tested in rows.values()]
    n = len({video_id for tested in ids for video_id in tested})
    paired = n >= FEWEST and all(tested == ids[0] for tested in ids)

    def averaged(average: Callable[[Values], Values], names: Sequence[str]) -> MetricValues:
        values = {name: average(np.stack([one[name] for one in samples], -1)) for name in names}
        measured = MetricValues.of(n, values, targets=list(rows))
        return measured if paired else measured.without_intervals()

    metrics = metrics_of("scores")
    yield f"mean of {len(rows)}", averaged(_mean, [metric.name for metric in metrics])
    correlations = [metric.name for metric in metrics if metric.correlation]
    yield f"Fisher z of {len(rows)}", averaged(fisher_z, correlations)


def _mean(values: Values) -> Values:
    return values.mean(axis=-1)
