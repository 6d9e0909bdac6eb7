"""Which engine extracts into a store, and whether the asked precision is worth anything here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from aqa.annotations.manifest import Video
from aqa.errors import AqaError, WrongUsageError
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.encode import NOT_TORCH, Encoder, blank_response
from aqa.extract.engines.calibration import int8_network
from aqa.extract.engines.names import SAME, Engine, check_installed, engine_of, openvino_version
from aqa.extract.engines.openvino_net import relative_distance
from aqa.extract.engines.trial import TimedRun, compare, first_clips
from aqa.extract.inference import processor_has
from aqa.extract.progress import ExtractionProgress
from aqa.extract.summary import ExtractionSummary
from aqa.extract.video_encoder import EncodingSettings, make_encoder
from aqa.features.store import FeatureStore, Spec, StoreError
from aqa.features.store.network_file import NetworkFile, network_of

AskedEngine = Literal["torch", "openvino", "auto"]
# Another engine than PyTorch is chosen only if it is so many times as fast.
_WORTH = 1.05


class Choice(NamedTuple):
    """engine: that encodes. stored: of the store that is there already; None for a new one. int8:
    the file of the network where that is the precision.
    """

    engine: Engine
    stored: Spec | None
    int8: NetworkFile | None = None


class EngineChoice:
    """Chooses the engine of an extraction, by measuring on its first video where it must.

    asked: `auto` takes the engine of the store that is there or else the fastest. settings: of the
    extraction, but for its engine. device: `cpu`, or else a GPU. everything: all videos, of which
    `videos` may be a share; an int8 network is calibrated on some of them.
    """

    def __init__(
        self,
        asked: AskedEngine,
        settings: EncodingSettings,
        backbone: Backbone,
        store: Path,
        videos: Sequence[Video],
        device: str,
        everything: Sequence[Video] = (),
    ):
        self._asked, self._settings, self._backbone = asked, settings, backbone
        self._path, self._device = store, device
        self._everything = everything or videos
        self._spec, self._todo = _stored(store, videos)

    def choose(self, summary: ExtractionSummary, progress: ExtractionProgress) -> Choice:
        """The engine; `AqaError` where the asked one cannot be had, or not for this store."""
        asked = self._asked
        if self._settings.precision == "int8":
            return self._choose_int8(summary, progress)
        if asked != "auto":
            check_installed(asked, f"--engine {asked}")
        if self._spec is None:
            return Choice(self._fastest(progress) if asked == "auto" else asked, None)
        if network_of(self._spec, self._path) is not None:
            raise StoreError(
                f"{self._path} was made with other settings: precision is int8, not "
                f"{self._settings.precision}. Go on with --engine openvino --precision int8, or "
                "name another file with --store"
            )
        made = engine_of(self._spec)
        check_installed(made, f"{self._path} was made with --engine {made}")
        if asked == "auto":
            asked = made
        elif asked != made:
            self._check_mixing(asked, made, summary, progress)
        return Choice(asked, self._spec)

    def _choose_int8(self, summary: ExtractionSummary, progress: ExtractionProgress) -> Choice:
        """OpenVINO, with the network beside the store; it is made now for a new store."""
        if self._asked != "openvino":
            raise WrongUsageError(NOT_TORCH)
        if (self._settings.batch_size or 1) > 1:
            raise AqaError(
                f"--batch-size {self._settings.batch_size}: int8 networks take one clip at a time; "
                "leave it out"
            )
        if self._spec is not None:
            file = network_of(self._spec, self._path)
            if file is None:
                raise StoreError(
                    f"{self._path} was made with other settings: precision is "
                    f"{self._spec.get('precision')}, not int8. Ask for the same settings, or name "
                    "another file with --store"
                )
            return Choice("openvino", self._spec, self._with_network(file))
        file, is_clean = int8_network(
            *(self._backbone, self._settings.rule, self._everything, self._path.parent, progress)
        )
        if not is_clean:
            summary.warn_of_all(
                "int8: the network is calibrated on test or validation videos of some splits, too, "
                "as too few are training videos of all; only on their pixels, not on scores",
                progress,
            )
        return Choice("openvino", None, self._with_network(file))

    def _with_network(self, file: NetworkFile) -> NetworkFile:
        self._settings = replace(self._settings, int8=file)
        return file

    def check_precision(
        self, engine: Engine, summary: ExtractionSummary, progress: ExtractionProgress
    ) -> None:
        """Warn where the precision that was asked for is no faster here than float32."""
        asked = self._settings.precision
        on_gpu = engine == "torch" and self._device != "cpu"
        if asked == "float32" or on_gpu or not self._todo:
            return
        if engine == "torch" and asked == "float16" and not processor_has(asked):
            times = "it takes many times as long"  # too long to be timed
        else:
            ways = {name: self._maker(engine, name) for name in ("float32", asked)}
            trial = self._try(ways)
            if trial is None or trial[asked].seconds < trial["float32"].seconds:
                return
            exact = trial["float32"].seconds
            times = f"{trial[asked].seconds:.3g} seconds per clip, float32 {exact:.3g}"
        summary.warn_of_all(
            f"--precision {asked} is no faster than float32 on this processor, and less exact: "
            f"{times}; leave out --precision",
            progress,
        )

    def _fastest(self, progress: ExtractionProgress) -> Engine:
        if self._device != "cpu":
            return "torch"
        if openvino_version() is None:
            progress.line("engine: torch; OpenVINO is not installed")
            return "torch"
        try:
            trial = self._try_engines()
        except AqaError as error:  # not for this network, or in this precision
            progress.line(f"engine: torch; {error}")
            return "torch"
        if trial is None:
            return "torch"
        torch, other = trial["torch"], trial["openvino"]
        engine: Engine = "openvino" if torch.seconds > _WORTH * other.seconds else "torch"
        progress.line(
            f"engine: {engine}; torch takes {torch.seconds:.3g} seconds per clip, openvino "
            f"{other.seconds:.3g}; their features differ by {_drift(trial):.1g}"
        )
        return engine

    def _check_mixing(
        self,
        asked: Engine,
        made: Engine,
        summary: ExtractionSummary,
        progress: ExtractionProgress,
    ) -> None:
        """`StoreError` where a store would get features that differ from those it holds."""
        trial = self._try_engines()
        if trial is None:
            return  # there is nothing to add
        drift = _drift(trial)
        if not drift <= SAME:
            raise StoreError(
                f"{self._path} was made with other settings: engine is {made}, not {asked}, and "
                f"in {self._settings.precision} their features of the first video differ by "
                f"{drift:.1g}, more than {SAME:.0e}. Ask for --engine {made}, or name another file "
                "with --store"
            )
        summary.warn_of_all(
            f"{self._path}: its features are by {made}, new ones are by {asked}: they differ by "
            f"{drift:.1g}",
            progress,
        )

    def _try_engines(self) -> dict[Engine, TimedRun] | None:
        engines: tuple[Engine, ...] = ("torch", "openvino")
        return self._try({name: self._maker(name, self._settings.precision) for name in engines})

    def _maker(self, engine: Engine, precision: Any) -> Callable[[], Encoder]:
        settings = replace(self._settings, engine=engine, precision=precision)

        def make() -> Encoder:
            encoder = make_encoder(self._backbone, settings, "cpu")
            blank_response(encoder, self._backbone, settings.rule.length)  # refuses in plain words
            return encoder

        return make

    def _try(self, ways: dict[Any, Callable[[], Encoder]]) -> dict[Any, TimedRun] | None:
        """None where no video that is still to do can be decoded."""
        clips = first_clips(self._todo, self._backbone, self._settings)
        return None if clips is None else compare(ways, clips)


def _drift(trial: dict[Engine, TimedRun]) -> float:
    return relative_distance(trial["openvino"].features, trial["torch"].features)


def _stored(store: Path, videos: Sequence[Video]) -> tuple[Spec | None, list[Video]]:
    """The spec of the store that is there, if one is, and the videos that it does not hold."""
    if not store.exists():
        return None, list(videos)
    with FeatureStore.open(store) as opened:
        return opened.spec, [video for video in videos if video.id not in opened]
