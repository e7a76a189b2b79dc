"""Two runs are compared only if they made the same objects."""

from __future__ import annotations

import pytest
from bench.errors import BenchError
from bench.measure import same


def test_equal_objects_pass() -> None:
    same({("Service", "a"): {"spec": {"ports": [1]}}}, {("Service", "a"): {"spec": {"ports": [1]}}})


def test_the_first_difference_is_named_with_its_path() -> None:
    with pytest.raises(BenchError, match=r"Service/a\.spec\.ports\[1\]: 2 / 3"):
        same(
            {("Service", "a"): {"spec": {"ports": [1, 2]}}},
            {("Service", "a"): {"spec": {"ports": [1, 3]}}},
        )


def test_an_object_that_only_one_made_is_a_difference() -> None:
    with pytest.raises(BenchError, match=r'Service/b: null / \{"spec": 1\}'):
        same({}, {("Service", "b"): {"spec": 1}})
