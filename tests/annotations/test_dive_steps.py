from __future__ import annotations

import pytest

from aqa.annotations.dive_steps import steps_of_dive
from aqa.annotations.manifest import Manifest


@pytest.mark.parametrize(
    ("number", "steps"),
    [
        ("103B", ("forward take-off", "1.5 somersaults pike", "entry")),
        ("4 07c", ("inward take-off", "3.5 somersaults tuck", "entry")),
        ("1011C", ("forward take-off", "5.5 somersaults tuck", "entry")),
        ("113B", ("forward take-off", "1.5 flying somersaults pike", "entry")),
        ("5253B", ("back take-off", "2.5 somersaults pike", "1.5 twists", "entry")),
        ("6243D", ("armstand back take-off", "2 somersaults free", "1.5 twists", "entry")),
        ("6245", ("armstand back take-off", "2 somersaults", "2.5 twists", "entry")),
        ("301A", ("reverse take-off", "0.5 somersaults straight", "entry")),
        ("voluntary", ()),
        ("707B", ()),
        ("", ()),
    ],
)
def test_a_dives_number_tells_its_steps(number: str, steps: tuple[str, ...]) -> None:
    assert steps_of_dive(number) == steps


def test_a_manifest_tells_steps_by_their_names(tmp_path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(
        "video_id,path,score,steps\n1,a.mp4,3,Forward;2.5 Soms.Pike; Entry\n2,b.mp4,4,\n",
        encoding="utf-8",
    )
    first, second = Manifest.read(path)
    assert first.steps == ("Forward", "2.5 Soms.Pike", "Entry")
    assert second.steps == ()
