"""How fast an extraction goes, and what it is bound by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pace:
    """Seconds of an extraction, and where they went.

    n_clips: clips that were encoded. processes: that shared the work. seconds: by the clock.
    decoding, encoding: of all processes together, that networks waited for clips, and took.
    writing: that the one writer took.
    """

    n_clips: int = 0
    processes: int = 1
    seconds: float = 0.0
    decoding: float = 0.0
    encoding: float = 0.0
    writing: float = 0.0

    @property
    def clips_per_second(self) -> float:
        """Clips of all processes together."""
        return self.n_clips / max(self.seconds, 1e-9)

    @property
    def shares(self) -> dict[str, float]:
        """Of each stage, the share of the time that it took, 0 to 1, the largest first.

        Decoding and encoding of each process; writing goes on beside them, if there are several.
        """
        whole = max(self.seconds, 1e-9)
        found = {
            "decoding": self.decoding / self.processes / whole,
            "the network": self.encoding / self.processes / whole,
            "writing": self.writing / whole,
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def bound_by(self) -> str:
        """The stage that took most of the time."""
        return next(iter(self.shares))

    def __str__(self) -> str:
        (first, most), *others = self.shares.items()
        rest = ", ".join(f"{name} {share:.0%}" for name, share in others)
        many = f" in {self.processes} processes" if self.processes > 1 else ""
        return (
            f"{self.clips_per_second:.1f} clips/s{many}, bound by {first} "
            f"({most:.0%} of the time; {rest})"
        )
