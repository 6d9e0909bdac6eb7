from __future__ import annotations

import pytest

from aqa.workflows.demo.commentary import FAULT_PHRASES, commentary, named_faults, named_type
from aqa.workflows.demo.program import DIVE_TYPES
from aqa.workflows.demo.sampling import sample_dive

MANY = [sample_dive(0, index) for index in range(300)]


def test_it_names_the_faults_that_were_drawn_and_no_others() -> None:
    for dive in MANY:
        assert named_faults(commentary(dive)) == {fault.name for fault in dive.faults}


def test_it_names_what_was_performed() -> None:
    said: dict[str, set[str]] = {}
    for dive in MANY:
        said.setdefault(dive.type.name, set()).add(named_type(commentary(dive)))
    assert said.keys() == DIVE_TYPES.keys()
    assert all(len(names) == 1 for names in said.values())  # one name, in whatever words
    assert len(set.union(*said.values())) == len(DIVE_TYPES)
    assert said["5154B"] == {"forward two and a half somersault with two twists pike"}


def test_the_same_dive_is_described_alike_and_another_in_other_words() -> None:
    assert commentary(MANY[7]) == commentary(sample_dive(0, 7))
    texts = {commentary(sample_dive(seed, 0, type="107B", faults={})) for seed in range(40)}
    assert len(texts) > 10


@pytest.mark.parametrize("name", FAULT_PHRASES)
def test_the_words_tell_a_slight_fault_from_a_clear_one(name: str) -> None:
    slight, clear = (
        commentary(sample_dive(0, 1, type="107B", faults={name: severity}))
        for severity in (0.3, 0.9)
    )
    assert any(word in slight for word in ("slightly", "a little"))
    assert "clearly" in clear
