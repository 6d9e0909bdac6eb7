"""What an extraction will take, in words."""

from __future__ import annotations

from itertools import groupby

from aqa.extract.checkpoints.progress import in_bytes
from aqa.extract.engines.names import SAME
from aqa.extract.plan import NetworkRate, Plan

# For how many GPUs the time is told.
_GPUS = (1, 2, 4, 8)


def plan_rows(plan: Plan) -> list[list[str]]:
    """Rows of a name and a text."""
    device = str(plan.device) if plan.device.type != "cpu" else f"cpu, {plan.cores} cores"
    seen = f"{plan.n_seen} of {plan.n_videos} videos, {plan.clips_seen} clips"
    gpu = f"; of the GPU {in_bytes(plan.gpu_memory)}" if plan.gpu_memory else ""
    return [
        ["measured on", f"{device}: {seen}"],
        ["clips", f"about {plan.n_clips}"],
        ["store", in_bytes(plan.n_clips * plan.row_bytes)],
        ["memory", f"{in_bytes(plan.memory)} per process{gpu}"],
        ["decoding", f"{plan.decoding:.1f} clips/s per thread"],
        *(
            [f"network, {name}", _rates_in_words(list(rates))]
            for name, rates in groupby(plan.rates, _name)
        ),
        ["bound by", plan.bound_by],
        ["time", _times(plan)],
        ["take", _advice(plan)],
    ]


def _name(rate: NetworkRate) -> str:
    return rate.precision if rate.engine == "torch" else f"{rate.engine} {rate.precision}"


def _rates_in_words(rates: list[NetworkRate]) -> str:
    told = ", ".join(f"batch {one.batch_size}: {one.clips_per_second:.1f}" for one in rates)
    drift = max(one.drift for one in rates)
    if rates[0].precision == "float32":
        return f"{told} clips/s" + (f"; features differ by {drift:.0e}" if drift > SAME else "")
    return f"{told} clips/s; features differ by {drift:.1%}"


def _times(plan: Plan) -> str:
    if plan.device.type != "cpu":
        return ", ".join(
            f"{n} GPU{'s' if n > 1 else ''} like this one: {duration(plan.seconds(n))}"
            for n in _GPUS
        )
    many = [1] if plan.cores == 1 else [1, plan.cores]
    return ", ".join(
        f"{n} process{'es' if n > 1 else ''}: {duration(plan.seconds(n))}" for n in many
    )


def _advice(plan: Plan) -> str:
    best = plan.best
    engine = [] if best.engine == "torch" else [f"--engine {best.engine}"]
    options = [*engine, f"--batch-size {best.batch_size}", f"--precision {best.precision}"]
    faster = plan.device.type == "cpu" and plan.seconds(plan.cores) < 0.9 * plan.seconds(1)
    return " ".join([*options, *([f"--processes {plan.cores}"] if faster else [])])


def duration(seconds: float) -> str:
    """A time as people read it: `45 s`, `12 min` or `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
