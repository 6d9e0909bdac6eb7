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
    "only printable characters": ("says = \"knee", "says = \"\\u001b[31mknee"),
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
    "aspect is one table; write [[aspect]]": ("[[aspect]]", "[aspect]"),
    "worse is missing; write worse = one of more": ('worse = "more"\n', ""),
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


# Of a new file alone: a store measured before may hold the like, and opens.
WRONG_IN_A_FILE = {
    "says has {vlaue}; only {value} and {unit}": ("{value}", "{vlaue}"),
    "says has no {value}": ("{value}", "12"),
    "says has {value:.1f}": ("{value}", "{value:.1f}"),
    "points has 'knee' twice": ('["hip", "knee"', '["knee", "knee"'),
    "over is ['end', 'low']; name the earlier": ('over = "low"', 'over = ["end", "low"]'),
    "axis changes nothing of a joint-bend": ("neutral = 0", 'neutral = 0\naxis = "x"'),
    "to changes nothing of a joint-bend": ("neutral = 0", 'neutral = 0\nto = "down"'),
    "name is 'diving', a built-in set": ('"mine"', '"diving"'),
    "name has 61 characters; give one of 60": ('"mine"', f'"{"m" * 61}"'),
}


@pytest.mark.parametrize("told", WRONG_IN_A_FILE)
def test_what_can_only_be_a_mistake_in_a_new_file(told: str, tmp_path: Path) -> None:
    text = GOOD.replace(*WRONG_IN_A_FILE[told], 1)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(AspectError) as caught:
        load_aspects(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)
    assert parse_aspects(text, "the store").text == text


def test_a_duration_is_one_number(tmp_path: Path) -> None:
    """Of which nothing is the mean, or a share of the frames."""
    lasting = GOOD.replace("joint-bend", "duration").replace(
        'over = "low"', "over = ['low', 'end']"
    )
    lasting = lasting.replace('points = ["hip", "knee", "ankle"]\n', "")
    path = tmp_path / "mine.toml"
    path.write_text(lasting)
    assert load_aspects(str(path)).aspects[0].unit == "seconds"
    for key in ("reduce = 'mean'", "before = 1", "trim = [0.1, 0.1]"):
        path.write_text(f"{lasting}{key}\n")
        with pytest.raises(AspectError, match="changes nothing of a duration; leave it out"):
            load_aspects(str(path))


def test_a_mark_before_the_text_is_no_mistake(tmp_path: Path) -> None:
    """As Windows' editor writes it."""
    (tmp_path / "mine.toml").write_text(GOOD, encoding="utf-8-sig")
    assert load_aspects(str(tmp_path / "mine.toml")).text == GOOD


@pytest.mark.parametrize("text", ["", "aspect = 3", "aspect = [1]", "name = 'a'\nevents = 1"])
def test_other_shapes_are_told(text: str) -> None:
    with pytest.raises(AspectError, match=r"^mine\.toml"):
        parse_aspects(text, "mine.toml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown set of aspects 'divin'; did you"):
        load_aspects("divin")
    with pytest.raises(AspectError, match=r"no such file, and no built-in set \(diving, squat\)"):
        load_aspects("divin.toml")
    with pytest.raises(AspectError, match="it is no file"):
        load_aspects(str(tmp_path))
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(AspectError, match="no text in UTF-8"):
        load_aspects(str(tmp_path / "a.toml"))
    (tmp_path / "b.toml").write_text("#" * (300 << 10))
    with pytest.raises(AspectError, match="more than"):
        load_aspects(str(tmp_path / "b.toml"))


def test_a_sentence_says_one_degree() -> None:
    angle = parse_aspects(GOOD, "mine.toml").aspects[0]
    built_in = load_aspects("diving").by_name["knees bent"]
    assert angle.sentence(1.2) == "knee bent by 1 degree"
    assert [built_in.sentence(x) for x in (0.9, 12, -0.2)] == [
        "knees bent by 1 degree",
        "knees bent by 12 degrees",
        "knees bent by 0 degrees",
    ]
    assert (angle.with_unit(1.0), angle.with_unit(2.0)) == ("1 degree", "2 degrees")
