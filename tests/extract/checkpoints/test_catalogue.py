"""The records of public checkpoints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aqa.errors import UnknownNameError
from aqa.extract.backbones import backbone_names
from aqa.extract.checkpoints.catalogue import find_checkpoint, known_checkpoints

# tiny3d is shipped; isa and mscadc are learned from a user's own videos.
OURS = {"tiny3d", "isa", "mscadc"}


def test_the_records_are_sound():
    known = known_checkpoints()
    assert {one.backbone for one in known} == set(backbone_names()) - OURS
    assert len({one.name for one in known}) == len({one.file for one in known}) == len(known)
    for one in known:
        assert re.fullmatch(r"[0-9a-f]{8}([0-9a-f]{56})?", one.sha256 or "0" * 8), one
        assert one.url.startswith("http")
        assert one.by_hand or one.url.endswith(Path(one.file).name)
        assert not (one.by_hand and one.sha256)


def test_an_unknown_record():
    with pytest.raises(UnknownNameError, match="did you mean 'i3d-k400'"):
        find_checkpoint("i3d-k40")
