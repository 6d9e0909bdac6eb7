"""Commentary, by the head `mtl`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError, pack_texts
from aqa.models.heads.mtl import MTLHead

QUICK = {
    **{"epochs": 60, "device": "cpu", "hidden": 16, "lr": 0.01, "caption_hidden": 24},
    **{"classify": False, "caption_dropout": 0.0, "caption_words": 12},
}


@pytest.fixture(scope="module")
def videos(performances) -> Examples:
    """The commentary names the type and says whether the score is high; every fourth is unknown."""
    median = np.median(performances.y)
    said = [
        f"A type {label} dive, {'very good' if y > median else 'with a big splash'}!"
        for label, y in zip(performances.type, performances.y, strict=True)
    ]
    texts = [None if i % 4 == 3 else text for i, text in enumerate(said)]
    return Examples.of(performances.x, performances.y, commentary=texts)


@pytest.fixture(scope="module")
def fitted(videos: Examples) -> MTLHead:
    with pytest.warns(AqaWarning, match=r"15 of 60 training videos have no commentary; how"):
        return MTLHead(**QUICK).fit_examples(videos)


def texts_of(examples: Examples) -> list[str | None]:
    return [*examples.columns["commentary"]]


def silent(examples: Examples) -> Examples:
    return replace(examples, columns={"commentary": [None] * len(examples)})


def fit(examples: Examples, *more: Examples, **params: Any) -> MTLHead:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AqaWarning)
        return MTLHead(**QUICK | params).fit_examples(examples, *more)


def test_it_says_what_was_performed_and_how_well(fitted: MTLHead, videos: Examples) -> None:
    assert fitted.gives == ("attributes", "commentary")
    said = fitted.commentary(videos)
    known = [
        (text.lower().replace(",", "").replace("!", ""), own)
        for text, own in zip(texts_of(videos), said, strict=True)
        if text
    ]
    assert np.mean([true == own for true, own in known]) > 0.8
    assert len({*said}) == 6


def test_videos_with_and_without_are_both_scored_as_without_captions(
    fitted: MTLHead, videos: Examples
) -> None:
    plain = fit(videos, captions=False)
    np.testing.assert_array_equal(fitted.predict_examples(videos), plain.predict_examples(videos))
    assert (plain.gives, plain.vocabulary.words) == (("attributes",), ())
    with pytest.raises(HeadError, match="has learned no commentary"):
        plain.commentary(videos)


def test_words_come_from_training_videos_alone(videos: Examples) -> None:
    strange = replace(videos, columns={"commentary": ["zigzag"] * 60})
    head = fit(videos, strange, epochs=2)
    assert "zigzag" not in head.vocabulary.words
    assert "splash" in head.vocabulary.words


def test_each_is_stopped_by_its_own_loss(fitted: MTLHead) -> None:
    every = fitted.history_
    rows = [row for row in every if row["fit"] == "held out"]
    again = [row for row in every if row["fit"] == "refit"]
    assert {"train_loss", "val_loss", "caption_loss", "val_caption_loss"} <= rows[0].keys()
    assert [row["epoch"] for row in rows] == [*range(1, len(rows) + 1)]
    assert fitted.best_epoch_ == 1 + int(np.argmin([r.get("val_loss", np.inf) for r in rows]))
    best = 1 + int(np.argmin([r.get("val_caption_loss", np.inf) for r in rows]))
    assert fitted.caption_epoch_ == best
    assert sum("train_loss" in row for row in again) == fitted.best_epoch_
    assert sum("caption_loss" in row for row in again) == best


def test_without_a_refit_there_is_one_fit(videos: Examples) -> None:
    head = fit(videos, refit=False, epochs=3)
    assert "fit" not in head.history_[0]
    assert len(head.commentary(videos)) == 60


@pytest.mark.parametrize("text", [None, "", "..."])
def test_without_commentary_it_is_the_head_without(videos: Examples, text: str | None) -> None:
    head = fit(replace(videos, columns={"commentary": [text] * 60}), epochs=2)
    assert head.gives == ("attributes",)
    assert not any(key.startswith("net.captions") for key in head.state())


def test_validation_videos_need_no_commentary(videos: Examples) -> None:
    head = fit(videos, silent(videos), epochs=3)
    assert "val_caption_loss" not in head.history_[0]
    assert len(head.commentary(videos)) == 60


def test_commentary_of_held_out_videos_alone_is_refused(videos: Examples) -> None:
    held = MTLHead(**QUICK).hold_out(60)[1]
    texts = ["a big splash" if i in held else None for i in range(60)]
    with pytest.raises(HeadError, match="no video that is not held out to stop by"):
        fit(replace(videos, columns={"commentary": texts}), epochs=1)


def test_too_rare_words_are_named(videos: Examples) -> None:
    texts = [f"word{i}" for i in range(60)]
    with pytest.raises(HeadError, match=r"no word stands 5 times .* 60 .*-p caption_least=1"):
        fit(replace(videos, columns={"commentary": texts}))


def test_saved_it_writes_the_same(fitted: MTLHead, videos: Examples) -> None:
    restored = MTLHead(**QUICK).restore(fitted.state())
    assert restored.commentary(videos) == fitted.commentary(videos)


def test_a_head_saved_before_there_were_captions_opens(videos: Examples) -> None:
    plain = fit(videos, captions=False, epochs=2)
    state = {key: value for key, value in plain.state().items() if key != "vocabulary"}
    restored = MTLHead(**QUICK).restore(state)
    np.testing.assert_array_equal(restored.predict_examples(videos), plain.predict_examples(videos))
    assert restored.gives == ("attributes",)


SPOIL: dict[str, Callable[[dict[str, Any]], Any]] = {
    "other words": lambda state: state.update(vocabulary=pack_texts(["a"])),
    "no words": lambda state: state.update(vocabulary=pack_texts([])),
    "what is no word": lambda state: state.update(vocabulary=pack_texts(["\x1b[2J"])),
    "no network": lambda state: [state.pop(k) for k in [*state] if "captions" in k],
}


@pytest.mark.parametrize("how", SPOIL)
def test_a_damaged_vocabulary_is_refused(fitted: MTLHead, how: str) -> None:
    state = fitted.state()
    SPOIL[how](state)
    with pytest.raises(HeadError, match="vocabulary"):
        MTLHead(**QUICK).restore(state)


def test_what_is_written_is_bounded(fitted: MTLHead, videos: Examples) -> None:
    short = MTLHead(**QUICK | {"caption_words": 2}).restore(fitted.state())
    assert all(len(text.split()) <= 2 for text in short.commentary(videos))
    with pytest.raises(HeadError, match="caption_words=100000"):
        MTLHead(**QUICK | {"caption_words": 100_000}).restore(fitted.state()).commentary(videos)
