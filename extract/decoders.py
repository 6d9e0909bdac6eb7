"""What decoded the videos of a store, and a warning where another decoder adds to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqa.annotations.manifest import Video
from aqa.extract.progress import ExtractionProgress
from aqa.extract.summary import ExtractionSummary
from aqa.extract.video.decode import decoder_name, decoder_of
from aqa.features.store import FeatureStore


def decoders_before(store: Path) -> tuple[str, ...]:
    """What the videos of a store were decoded with; older stores tell of all of them at once."""
    if not store.exists():
        return ()
    with FeatureStore.open(store) as opened:
        decoder, opencv = (opened.provenance.get(name) for name in ("decoder", "opencv"))
        of_all = decoder or (f"OpenCV {opencv}" if opencv else None)
        return opened.decoders or ((of_all,) if of_all and opened.ids else ())


def warn_of_decoders(
    store: Path,
    before: Sequence[str],
    todo: Sequence[Video],
    summary: ExtractionSummary,
    progress: ExtractionProgress,
) -> None:
    """Warn where a store is extended with videos that another decoder reads."""
    now = {decoder_of(video.path) for video in todo if video.path and not video.path.is_dir()}
    now |= {decoder_name() for video in todo if video.url is not None}
    others = [name for name in before if name not in now and not name.startswith("images")]
    if now and others:
        warning = (
            f"{store}: its videos were decoded by {' and '.join(others)}, new ones are by "
            f"{' and '.join(now)}: their frames may differ a little"
        )
        summary.warn_of_all(warning, progress)
