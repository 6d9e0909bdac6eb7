"""The one divisor of scores and columns: values that are constant up to rounding give 1."""

import numpy as np
import pytest

from aqa.models.scaling import spread


@pytest.mark.parametrize("value", [0.0, 3.1, -3.1, 0.1, 1e-12, 7e-300, 87.3, 1e6 / 3, 1e15 + 0.5])
@pytest.mark.parametrize("n", [1, 3, 30, 1000])
def test_constant_values_of_any_size_give_one(value: float, n: int):
    assert spread([value] * n) == 1.0


def test_the_case_whose_plain_deviation_is_a_rounding_error():
    assert 0 < np.std([3.1] * 30) < 1e-14
    assert spread([3.1] * 30) == 1.0


def test_constant_single_precision_values_give_one():
    values = np.full(30, 3.1, np.float32)
    values[::2] = np.nextafter(values[::2], np.float32(4))
    assert spread(values) == 1.0


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_else_it_is_the_standard_deviation_to_the_last_digit(factor: float):
    values = factor * np.random.default_rng(0).normal(90, 10, 40)
    assert spread(values) == float(values.std())


def test_close_values_are_not_constant():
    assert spread([3.1, 3.1001]) == pytest.approx(5e-5)


def test_a_value_that_is_not_known_is_not_hidden():
    assert np.isnan(spread([1.0, np.nan]))
