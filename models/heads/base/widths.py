"""How wide a network is that was published for more videos, or for other features."""

from __future__ import annotations

from typing import Any

from aqa.errors import HeadUsageError
from aqa.models.heads.base.params import param

LEAST = 16


def width_param(published: int, source: str) -> Any:
    """The hyper-parameter `hidden`: a width, or none for one by the data, see `fitting_width`."""
    return param(
        None,
        f"width of the network; none: the largest power of 2 that is at most {published}, the "
        f"features' width, and the number of training videos, but no less than {LEAST}",
        source=f"none: ours; {source}: {published}",
    )


def fitting_width(published: int, dim: int, videos: int) -> int:
    """The largest power of 2 up to all three, and no less than `LEAST`; ours.

    published: as its authors have it. dim: of a clip's features. videos: to learn from. A network
    as wide as published has more weights than few videos can tell.

    >>> fitting_width(1024, 1024, 1059), fitting_width(1024, 128, 88), fitting_width(256, 2048, 300)
    (1024, 64, 256)
    """
    most = max(min(published, dim, videos), LEAST)
    return 1 << (most.bit_length() - 1)


def check_parts(width: int | None, heads: int) -> None:
    """Raise `HeadUsageError` where a width, if it is known, does not part into attention heads."""
    if width is not None and width % heads:
        raise HeadUsageError(
            f"hidden={width} does not part into attention_heads={heads}; choose a multiple with "
            "-p hidden=..."
        )
