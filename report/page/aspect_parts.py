"""Measured aspects as the template shows them."""

from __future__ import annotations

from dataclasses import dataclass

from aqa.report.page.template_files import data_address
from aqa.workflows.measure.shown import ShownAspect


@dataclass(frozen=True)
class AspectPart:
    """Texts and drawn numbers of one aspect. picture: "" for none. lines: of SVG polylines."""

    says: str
    text: str
    frame: int | None
    picture: str
    width: int
    height: int
    lines: tuple[str, ...]


def aspect_part(aspect: ShownAspect) -> AspectPart:
    """One aspect, ready for the page."""
    shown = aspect.picture
    details = [
        aspect.says[0].upper() + aspect.says[1:],
        aspect.standing,
        aspect.cost,
        "" if aspect.frame is None else f"frame {aspect.frame}",
        f"confidence of the joints {aspect.confidence:.0%}" if aspect.confidence < 0.995 else "",
    ]
    return AspectPart(
        aspect.says,
        "; ".join(filter(None, details)) + ".",
        aspect.frame,
        data_address("image/jpeg", shown.data) if shown else "",
        shown.width if shown else 0,
        shown.height if shown else 0,
        tuple(" ".join(f"{x:.1f},{y:.1f}" for x, y in line) for line in shown.lines)
        if shown
        else (),
    )
