"""One cited work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """One cited work. note: what this project takes from it."""

    key: str
    authors: str
    year: int
    title: str
    venue: str
    note: str

    def __str__(self) -> str:
        end = "" if self.title.endswith("?") else "."
        return f"{self.authors}. {self.title}{end} {self.venue}, {self.year}."
