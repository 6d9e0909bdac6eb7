"""A file of aspects may come from anybody: what is wrong in it is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqa.errors import UnknownNameError
from aqa.features.aspects.definition import KINDS, AspectError
from aqa.features.aspects.read import BUILT_IN, load_aspects, parse_aspects

GOOD = """
name = "mine"
[events.low]
rule = "lowest"
[[aspect]]
name = "knee"
kind = "joint-bend"
points = ["hip", "knee", "ankle"]
over = "low"
worse = "more"
neutral = 0
says = "knee bent by {value} {unit}"
"""


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_sets_are_read(name: str) -> None:
    one = load_aspects(name)
    assert one.name == name
    assert len(one.aspects) >= 9
    for aspect in one.aspects:
        assert aspect.unit == KINDS[aspect.kind].unit
        assert "{value}" in aspect.says


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    one = load_aspects(str(tmp_path / "mine.toml"))
    assert one.aspects[0].over == ("low", "low")
    assert one.text == GOOD


WRONG = {
    "not TOML": ("neutral = 0", "neutral = "),
    "no key 'neutrl'; did you mean 'neutral'?": ("neutral", "neutrl"),
    "worse is missing": ('worse = "more"\n', ""),
    "kind is 'joint-bent'; did you mean 'joint-bend'?": ("joint-bend", "joint-bent"),
    "points is 'kneee'; did you mean": ('"knee", "ankle"', '"kneee", "ankle"'),
    "2 points; joint-bend takes 3": ('"hip", "knee"', '"knee"'),
    "over is 'lowe'; did you mean 'low'?": ('over = "low"', 'over = "lowe"'),
    "over is ['low']; expected an event": ('over = "low"', 'over = ["low"]'),
    "neutral is nan; expected a number": ("neutral = 0", "neutral = nan"),
    "neutral is True; expected a number": ("neutral = 0", "neutral = true"),
    "neutral is 1000000000": ("neutral = 0", f"neutral = {10**9}"),
    "rule is 'deepest'; known": ('rule = "lowest"', 'rule = "deepest"'),
    "start and end are the video's own": ("[events.low]", "[events.start]"),
    "only printable signs": ("says = \"knee", "says = \"\\u001b[31mknee"),
    "signed is of limb-vertical alone": ("neutral = 0", 'neutral = 0\nsigned = "past"'),
    "which leaves no frame": ("neutral = 0", "neutral = 0\ntrim = [0.5, 0.5]"),
    "expected two shares": ("neutral = 0", "neutral = 0\ntrim = 0.5"),
    "only is 'pike'; expected { column": ("neutral = 0", 'neutral = 0\nonly = "pike"'),
    "name is 'a/b'": ('name = "mine"', 'name = "a/b"'),
    "neutral is 99999999": ("neutral = 0", f"neutral = {'9' * 400}"),
    "neutral is a number of too many digits": ("neutral = 0", f"neutral = 0x{'f' * 9000}"),
    "not TOML: Exceeds the limit": ("neutral = 0", f"neutral = {'9' * 9000}"),
    "over is {'a': {'a': {...}}}": ("over =", f"over{'.a' * 2000} ="),
    "the name of an event: only printable": ("[events.low]", '[events."\\u001b[31mlow"]'),
    "a column: only printable": ("neutral = 0", 'neutral = 0\nonly = {"a\\nb" = ["x"]}'),
    "only: a is 3": ("neutral = 0", "neutral = 0\nonly = {a = [3]}"),
    "two aspects are called 'knee'": (GOOD, GOOD + GOOD[GOOD.index("[[") :]),
}  # fmt: skip


@pytest.mark.parametrize("told", WRONG)
def test_mistakes_are_told_in_one_line(told: str) -> None:
    before, after = WRONG[told]
    text = GOOD.replace(before, after, 1)
    with pytest.raises(AspectError) as caught:
        parse_aspects(text, "mine.toml")
    message = str(caught.value)
    assert told in message
    assert message.startswith("mine.toml")
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "aspect = 3", "aspect = [1]", "name = 'a'\nevents = 1"])
def test_other_shapes_are_told(text: str) -> None:
    with pytest.raises(AspectError, match=r"^mine\.toml"):
        parse_aspects(text, "mine.toml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown set of aspects 'divin'; did you"):
        load_aspects("divin")
    with pytest.raises(AspectError, match=r"no such file, and no built-in set \(diving, squat\)"):
        load_aspects("divin.toml")
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(AspectError, match="no text in UTF-8"):
        load_aspects(str(tmp_path / "a.toml"))
    (tmp_path / "b.toml").write_text("#" * (300 << 10))
    with pytest.raises(AspectError, match="more than"):
        load_aspects(str(tmp_path / "b.toml"))
