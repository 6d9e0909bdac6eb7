"""Counts and durations in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

# Upper ends, in seconds, of the classes that durations are counted in.
_CLASSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 60.0)

Labels = tuple[tuple[str, str], ...]


class Durations:
    """How long something took: counts by class, their number and sum."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_CLASSES) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[next((i for i, top in enumerate(_CLASSES) if seconds <= top), -1)] += 1
        self._sum += seconds

    def lines(self, name: str, labels: Labels) -> Iterator[str]:
        """As Prometheus reads a histogram."""
        below = 0
        for top, count in zip((*map(str, _CLASSES), "+Inf"), self._counts, strict=True):
            below += count
            yield f"{name}_bucket{_text((*labels, ('le', top)))} {below}"
        yield f"{name}_sum{_text(labels)} {self._sum:.6f}"
        yield f"{name}_count{_text(labels)} {below}"


class Metrics:
    """What the server counts. gauges: name -> what tells its value now, None where unknown."""

    def __init__(self) -> None:
        self._requests: Counter[Labels] = Counter()
        self._jobs: Counter[Labels] = Counter()
        self._seconds: dict[Labels, Durations] = {}
        self.gauges: dict[str, Callable[[], float | None]] = {}

    def request(self, route: str, status: int) -> None:
        """Count an answered request. route: its pattern, so that names of users are not kept."""
        self._requests[(("route", route), ("status", str(status)))] += 1

    def job(self, kind: str, status: int, seconds: float) -> None:
        """Count a job of the child."""
        self._jobs[(("kind", kind), ("status", str(status)))] += 1
        self._seconds.setdefault((("kind", kind),), Durations()).add(seconds)

    def text(self) -> str:
        """All of them."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield from _counted("aqa_requests_total", "Requests answered.", self._requests)
        yield from _counted("aqa_jobs_total", "Videos or features worked on.", self._jobs)
        yield "# HELP aqa_job_seconds How long decoding and scoring took."
        yield "# TYPE aqa_job_seconds histogram"
        for labels, seconds in self._seconds.items():
            yield from seconds.lines("aqa_job_seconds", labels)
        for name, value in self.gauges.items():
            now = value()
            if now is not None:
                yield f"# TYPE {name} gauge"
                yield f"{name} {now:g}" if now < 1e6 else f"{name} {now:.0f}"


def _counted(name: str, what: str, counts: Mapping[Labels, int]) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} counter"
    for labels, count in sorted(counts.items()):
        yield f"{name}{_text(labels)} {count}"


def _text(labels: Labels) -> str:
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in labels
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}" if labels else ""
