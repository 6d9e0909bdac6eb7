from __future__ import annotations

import subprocess
import sys

import pytest

import aqa
from aqa.errors import UnknownNameError
from aqa.extract.backbones import backbone_names, get_architecture

NAMES = {
    "c3d",
    "r3d-18",
    "r3d-34",
    "r3d-50",
    "r3d-101",
    "r2plus1d-18",
    "r2plus1d-34",
    "r2plus1d-50",
    "r2plus1d-34-ig65m",
    "r3d-18-tv",
    "mc3-18-tv",
    "r2plus1d-18-tv",
    "p3d-199",
    "i3d",
}


def test_every_backbone_of_the_papers_is_there():
    assert set(backbone_names()) >= NAMES


def test_names_come_without_importing_torch():
    code = (
        "import sys\n"
        "from aqa.extract.backbones import backbone_names\n"
        "assert backbone_names()\n"
        "print(sorted({'torch', 'cv2', 'aqa.extract.backbones.architecture'} & sys.modules.keys()))"
    )
    root = next(iter(aqa.__path__)).rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{root}:{':'.join(sys.path)}"},
    )
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_told_the_likely_one():
    with pytest.raises(UnknownNameError, match="did you mean 'r3d-50'"):
        get_architecture("r3d50")


@pytest.mark.parametrize("name", backbone_names())
def test_a_description_holds_together(name):
    architecture = get_architecture(name)
    assert architecture.name == name
    assert architecture.default_layer in architecture.layers
    layouts = [layout.name for layout in architecture.layouts]
    assert len(set(layouts)) == len(layouts)
    assert {layout.last_layer for layout in architecture.layouts} <= architecture.layers.keys()
    assert {known.layout for known in architecture.checkpoints} <= set(layouts)
    assert {known.backbone for known in architecture.checkpoints} <= {name}
