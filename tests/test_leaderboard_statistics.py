"""Each statistic against scipy.stats, a second implementation, or a case that can be worked out by hand."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from coconut_bench.leaderboard.mcnemar import McNemar, mcnemar
from coconut_bench.leaderboard.statistics import (
    Estimate,
    bootstrap_interval,
    cluster_estimate,
    detectable,
    estimate,
    holm,
    mean_interval,
    t_interval,
    t_test,
    tost,
    wilson,
)
from coconut_bench.leaderboard.student import quantile, tail

VALUES = [0.97, 0.955, 0.982, 0.961, 0.99]


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_scipy(counts: tuple[int, int]) -> None:
    n_correct, n = counts
    expected = stats.binomtest(n_correct, n).proportion_ci(method="wilson")
    found = wilson(n_correct, n)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found.low <= n_correct / n <= found.high <= 1


@pytest.mark.parametrize(("n_correct", "n"), [(1, 0), (-1, 5), (6, 5), (0, -3)])
def test_wilson_refuses_impossible_counts(n_correct: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"must be .*, got"):
        wilson(n_correct, n)


def test_a_mean_over_seeds_has_the_t_interval() -> None:
    low, high = stats.t.interval(0.95, len(VALUES) - 1, np.mean(VALUES), stats.sem(VALUES))
    found = mean_interval(VALUES)
    assert found.mean == pytest.approx(np.mean(VALUES))
    assert found.interval == pytest.approx((low, min(1.0, high)))


def test_the_interval_of_a_mean_stays_within_0_and_1() -> None:
    assert mean_interval([1.0, 0.9]).interval.high == 1.0
    assert mean_interval([0.0, 0.1]).interval.low == 0.0


def test_one_seed_has_no_interval_over_seeds() -> None:
    with pytest.raises(ValueError, match="at least 2, got 1"):
        mean_interval([0.5])


def of_counts(only_a: int, only_b: int) -> McNemar:
    """Every question a cluster of its own."""
    return mcnemar([1] * only_a + [-1] * only_b, range(only_a + only_b))


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_without_clusters_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert of_counts(only_a, only_b) == (only_a, only_b, pytest.approx(expected, rel=1e-9))


@pytest.mark.parametrize(("only_a", "only_b"), [(1000, 0), (900, 10), (3000, 1200), (5000, 4800)])
def test_tiny_p_values_of_mcnemar_keep_their_digits(only_a: int, only_b: int) -> None:
    expected = 2 * stats.binom.cdf(only_b, only_a + only_b, 0.5)
    assert of_counts(only_a, only_b).p == pytest.approx(expected, rel=1e-9, abs=0)


def test_mcnemar_gives_the_published_value() -> None:
    """14 and 12 discordant questions of pause-as-thought against Coconut: p = .845."""
    assert of_counts(14, 12).p == pytest.approx(0.845, abs=5e-4)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 1)), min_size=1, max_size=14))
def test_clustered_mcnemar_is_every_flip_of_the_clusters_signs(answers: list[tuple[int, int]]) -> None:
    clusters, differences = zip(*answers, strict=True)
    sums = np.bincount(clusters, weights=differences)
    flipped = np.abs(np.array(list(product((1, -1), repeat=len(sums)))) @ sums)
    expected = (flipped >= abs(sums.sum())).mean()
    assert mcnemar(differences, clusters).p == pytest.approx(expected)


def test_questions_asked_twice_in_a_cluster_are_no_more_evidence() -> None:
    once = of_counts(14, 4)
    twice = mcnemar(([1] * 14 + [-1] * 4) * 2, [*range(18), *range(18)])
    assert twice == (28, 8, pytest.approx(once.p))
    assert of_counts(28, 8).p < once.p / 10
    assert mcnemar([1, -1] * 30, [i // 2 for i in range(60)]).p == 1.0  # one of each pair, in every pair


def test_without_clusters_the_robust_error_is_that_of_independent_values() -> None:
    alone = cluster_estimate(VALUES, range(len(VALUES)))
    assert alone == pytest.approx(estimate(VALUES))
    assert alone.error == pytest.approx(stats.sem(VALUES))


def test_twins_that_always_agree_count_once() -> None:
    """Every value twice, clustered: the same estimate as every value once."""
    doubled = [value for value in VALUES for _ in range(2)]
    clusters = [index // 2 for index in range(len(doubled))]
    assert cluster_estimate(doubled, clusters) == pytest.approx(estimate(VALUES))
    assert estimate(doubled).error < 0.8 * estimate(VALUES).error


def test_clusters_of_different_size_follow_the_formula() -> None:
    values, clusters = [1.0, 0.0, 0.0, 1.0, 1.0], ["a", "a", "a", "b", "c"]
    mean = 0.6
    sums = {key: sum(v - mean for v, c in zip(values, clusters, strict=True) if c == key) for key in "abc"}
    expected = math.sqrt(3 / 2 * sum(value**2 for value in sums.values())) / 5
    assert cluster_estimate(values, clusters) == pytest.approx(Estimate(mean, expected, 2))


def test_clusters_must_fit_the_values() -> None:
    with pytest.raises(ValueError, match="clusters must be 2"):
        cluster_estimate([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="at least 2, got 1"):
        cluster_estimate([1.0, 2.0], ["a", "a"])


def test_the_bootstrap_agrees_with_every_possible_resample() -> None:
    """Three clusters have 27 resamples: the interval's ends are quantiles of their means."""
    values, clusters = [1.0, 0.0, 1.0, 1.0, 0.0], ["a", "a", "b", "b", "c"]
    sums, sizes = {"a": 1.0, "b": 2.0, "c": 0.0}, {"a": 2, "b": 2, "c": 1}
    means = [
        sum(sums[key] for key in drawn) / sum(sizes[key] for key in drawn)
        for drawn in product("abc", repeat=3)
    ]
    expected = np.quantile(means, [0.1, 0.9], method="inverted_cdf")
    found = bootstrap_interval(values, clusters, samples=40_000, confidence=0.8)
    assert found == pytest.approx(expected)


def test_the_bootstrap_is_reproducible_and_close_to_theory() -> None:
    generator = np.random.default_rng(1)
    values = generator.choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=600).tolist()
    clusters = [index // 2 for index in range(600)]
    found = bootstrap_interval(values, clusters)
    assert found == bootstrap_interval(values, clusters)
    assert found == pytest.approx(t_interval(cluster_estimate(values, clusters)), abs=0.005)


FREEDOM = st.one_of(st.integers(1, 40), st.integers(1, 10_000))


@given(t=st.floats(-60, 60), freedom=FREEDOM)
@example(t=0.0, freedom=1)
@example(t=1e-9, freedom=3)
@example(t=1e6, freedom=2)
def test_a_tail_of_student_s_t_is_that_of_scipy(t: float, freedom: int) -> None:
    assert tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-8, abs=1e-250)


@given(share=st.floats(0.001, 0.999), freedom=FREEDOM)
@example(share=0.5, freedom=3)
def test_a_quantile_of_student_s_t_is_that_of_scipy(share: float, freedom: int) -> None:
    assert quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-8, abs=1e-12)


def test_the_t_test_is_that_of_scipy() -> None:
    differences = [0.01, -0.02, 0.03, 0.015, 0.02]
    assert t_test(estimate(differences)) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_tost_is_the_larger_of_two_one_sided_tests() -> None:
    differences = [0.01, -0.005, 0.002, 0.004, -0.001]
    below = stats.ttest_1samp(differences, -0.02, alternative="greater").pvalue
    above = stats.ttest_1samp(differences, 0.02, alternative="less").pvalue
    assert tost(estimate(differences), 0.02) == pytest.approx(max(below, above))
    with pytest.raises(ValueError, match="margin must be positive"):
        tost(estimate(differences), 0)


def test_without_any_spread_the_tests_say_what_is_certain() -> None:
    assert t_test(Estimate(0.0, 0.0, 4)) == 1.0
    assert t_test(Estimate(0.1, 0.0, 4)) == 0.0
    assert tost(Estimate(0.01, 0.0, 4), 0.02) == 0.0
    assert tost(Estimate(0.02, 0.0, 4), 0.02) == 1.0


def test_a_detectable_difference_is_detected_with_the_power_it_says() -> None:
    found = Estimate(0.0, 0.01, 10_000)
    difference = detectable(found)
    threshold = stats.norm.ppf(0.975) * found.error
    assert stats.norm.sf(threshold, loc=difference, scale=found.error) == pytest.approx(0.8, abs=1e-3)


def test_holm_worked_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    assert [q for _, q in sorted(zip(p_values, adjusted, strict=True))] == sorted(adjusted)
