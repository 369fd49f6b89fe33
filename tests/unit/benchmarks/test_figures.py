"""Aims of the benchmarks, and the comparison with committed figures."""

from __future__ import annotations

import json

import pytest

from benchmarks.figures import Aim
from benchmarks.quick_benchmark import COMMITTED, TOLERANCE, worse


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim("ratio", 2.5, at_most=2.5), "met"),
        (Aim("ratio", 2.51, at_most=2.5), "missed"),
        (Aim("ratio", 1.5, at_least=1.5), "met"),
        (Aim("ratio", 1.49, at_least=1.5), "missed"),
    ],
)
def test_a_missed_aim_is_printed_as_missed(aim: Aim, met: str) -> None:
    assert aim.row.endswith(f"| {met} |")


def test_a_ratio_within_the_tolerance_is_accepted() -> None:
    assert worse({"load": 2 * TOLERANCE}, {"load": 2}) == []


def test_a_ratio_beyond_the_tolerance_is_named() -> None:
    [problem] = worse({"load": 2 * TOLERANCE + 0.1, "DAG": 0.5}, {"load": 2, "DAG": 1})

    assert problem.startswith("load: 2.6, more than")


def test_a_ratio_without_a_committed_figure_is_named() -> None:
    [problem] = worse({"load": 1}, {})

    assert "--accept" in problem


def test_the_committed_figures_are_ratios() -> None:
    assert all(ratio > 0 for ratio in json.loads(COMMITTED.read_bytes()).values())
