"""Action quality assessment: from a video of a dive, a vault, a jump, to the judges' score.

Stage 1 (`aqa.extract`) turns videos into clip features with a pretrained network, once.
Stage 2 (`aqa.models`) fits light heads on those features. `aqa.features` is what both share:
the manifest of videos, the splits, the clips and the feature store.
"""

__version__ = "0.1.0"
