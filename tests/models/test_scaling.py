"""The one divisor of scores and columns: values that are constant up to rounding give 1."""

import tracemalloc

import numpy as np
import pytest

from aqa.models.scaling import column_scaling, divisors, spread


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


def columns(rng: np.random.Generator, n: int = 40, dim: int = 7) -> list[np.ndarray]:
    """Sequences whose columns differ in place and scale; the first two are constant."""
    scale = np.logspace(-4, 6, dim)
    x = [(scale * rng.normal(5, 1, (rng.integers(1, 9), dim))).astype(np.float32) for _ in range(n)]
    for sequence in x:
        sequence[:, 0], sequence[:, 1] = 0, 0.1
    return x


def test_columns_are_scaled_as_all_rows_together(rng: np.random.Generator):
    x = columns(rng)
    rows = np.concatenate(x).astype(np.float64)
    mean, deviation = column_scaling(x)
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation[2:], rows.std(axis=0)[2:], rtol=1e-12)
    assert deviation[:2].tolist() == [1.0, 1.0]


def test_columns_far_from_0_keep_their_deviation(rng: np.random.Generator):
    """The difference of squares would lose all digits here."""
    x = [1e6 + rng.normal(size=(50, 3)) for _ in range(20)]
    rows = np.concatenate(x)
    np.testing.assert_allclose(column_scaling(x)[1], rows.std(axis=0), rtol=1e-9)


def test_features_are_scaled_without_a_copy_of_all(rng: np.random.Generator):
    x = [rng.normal(size=(20, 500)).astype(np.float32) for _ in range(100)]
    tracemalloc.start()
    try:
        column_scaling(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.2 * sum(sequence.nbytes for sequence in x)


def test_divisors_are_never_rounding_errors():
    found = divisors([0.0, 1e-16, 0.5, 1e-9], [0.0, 3.1, 3.1, 1e-9])
    assert found.tolist() == [1.0, 1.0, 0.5, 1e-9]
