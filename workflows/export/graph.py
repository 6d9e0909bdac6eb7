"""A run as one network: the clips of one video in, its score out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa import __version__
from aqa.annotations.manifest import Video
from aqa.errors import RunError
from aqa.extract.encode import Encoder, probe_of
from aqa.extract.engines.names import engine_for_new_videos
from aqa.extract.inference import fused
from aqa.extract.preprocess import Preprocess
from aqa.extract.rebuild import rebuild_backbone, rule_of
from aqa.features.clips import ClipRule
from aqa.models.examples import example_of
from aqa.models.runs import Run
from aqa.models.trust.model_facts import model_facts
from aqa.target_names import RANK_VALUE

FORMAT = 1
# The names of what goes in and of what comes out.
INPUT, OUTPUT = "clips", "score"
# What computes the features of new videos, by the names that people know.
ENGINES = {"torch": "PyTorch", "openvino": "OpenVINO"}
# What is done inside the network, of how frames are prepared.
INSIDE = ("scale", "mean", "std")


class VideoGraph(nn.Module):
    """Normalisation, backbone and head of one video: uint8 (clips, T, H, W, 3) -> ().

    as_half: features are rounded to float16, as the run's store holds them.
    """

    def __init__(self, net: nn.Module, preprocess: Preprocess, head: nn.Module, *, as_half: bool):
        super().__init__()
        self.net, self.head = net, head
        self.preprocess, self.as_half = preprocess, as_half

    def forward(self, clips: Tensor) -> Tensor:
        """uint8 (clips, T, H, W, 3), resized and cropped -> ()."""
        features: Tensor = self.net(self.preprocess.normalise(clips))
        if self.as_half:
            features = features.half().float()
        score: Tensor = self.head(features)
        return score


class ExportedRun:
    """A run with its backbone: its network to export, what it must answer, and what files tell.

    weights, backbone: see `aqa.extract.rebuild.rebuild_backbone`. Raises `AqaError` for a run whose
    head, or features, cannot be exported.
    """

    def __init__(self, run: Run, weights: Any = None, backbone: str | None = None):
        spec = run.spec
        if run.head.kind != "scores":
            run.scoring_head()  # says why
        if "joints" in spec:
            raise RunError(f"{run.folder}: it was fitted on joints, and `aqa export` takes videos")
        if spec.get("precision") == "int8":
            raise RunError(
                f"{run.folder}: it was fitted on features of an int8 network, and exported files "
                "compute in float32; extract into another store in float32 and fit on that"
            )
        head = run.head.score_graph()
        self._backbone = rebuild_backbone(spec, weights, backbone)
        self.run, self.rule = run, rule_of(spec)
        engine = engine_for_new_videos(spec)
        self.engine = ENGINES[engine]
        self._encoder = Encoder(self._backbone, "cpu", precision=spec["precision"], engine=engine)
        self.graph = VideoGraph(
            fused(self._backbone.net, probe_of(self._backbone)),
            self._backbone.preprocess,
            head,
            as_half=spec["dtype"] == "float16",
        ).eval()

    def clips(self, n: int, seed: int = 0) -> NDArray[np.uint8]:
        """A made video of `n` clips, uint8 (n, T, H, W, 3): coloured squares; one clip is black."""
        rng = np.random.default_rng((seed, n))
        height, width = self._backbone.preprocess.crop
        shape = (n, self.rule.length, -(-height // 8), -(-width // 8), 3)
        coarse = rng.integers(0, 256, shape, dtype=np.uint8)
        clips = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width]
        clips[n // 2 : n // 2 + (n > 1)] = 0
        return np.ascontiguousarray(clips)

    def answer(self, clips: NDArray[np.uint8]) -> float:
        """What `aqa score` says of a video of these clips."""
        spec = self.run.spec
        features = self._encoder(clips).cpu().numpy().astype(spec["dtype"])
        length = self.rule.length
        cut = [ClipRule(length, length).clips(length)[0]] * len(clips)
        example = example_of(Video("made", None, np.nan), features, cut, ())
        return float(self.run.head.predict_examples(example)[0])

    def facts(self) -> dict[str, Any]:
        """What a file tells: how frames become clips, what goes in, what comes out, of whom."""
        preprocess, rule = self._backbone.preprocess, self.rule
        prepared = preprocess.to_dict()
        return {
            "format": FORMAT,
            "made_by": f"aqa {__version__}",
            "input": {
                "name": INPUT,
                "type": "uint8",
                "shape": ["clips", rule.length, *preprocess.crop, 3],
            },
            "output": {"name": OUTPUT, "unit": self.unit, "target": self.run.target},
            "frames": {name: prepared[name] for name in prepared if name not in INSIDE},
            "inside": {name: prepared[name] for name in INSIDE},
            "clips": {
                "length": rule.length,
                "stride": rule.stride,
                "frames": rule.video_length,
                "pad": rule.pad,
                "tail": rule.tail,
                "spread": rule.spread,
                "window": rule.window,
                "cuts": rule.cuts,
            },
            "model": self._model,
        }

    @property
    def _model(self) -> dict[str, Any]:
        """Whose answers these are, see `ModelFacts`, without folders of whoever exports it."""
        told = model_facts([self.run]).as_dict()
        name = f"{self.run.label}/split-{self.run.split}"
        return {**told, "runs": [{**one, "run": name} for one in told["runs"]]}

    @property
    def unit(self) -> str:
        """Of its answers, in words."""
        if self.run.head.says_probability:
            return "probability"
        if self.run.kind == "ranking":
            return RANK_VALUE
        return "points"
