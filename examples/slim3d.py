"""A backbone of your own: two 3D convolutions, clips of 8 small frames, 32 numbers per clip."""

from torch import nn

from aqa.extract.backbones import BackboneSpec
from aqa.extract.preprocess import Preprocess


def make() -> BackboneSpec:
    """The network without weights: `--weights FILE` fills it, `--weights random` draws them."""
    net = nn.Sequential(
        nn.Conv3d(3, 16, 3, stride=(1, 2, 2), padding=1),
        nn.ReLU(),
        nn.Conv3d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
    )
    frames = Preprocess(resize=32, crop=(32, 32), scale=1 / 255, mean=(0.5,) * 3, std=(0.25,) * 3)
    return BackboneSpec(net, frames, clip_length=8, shape=32)
