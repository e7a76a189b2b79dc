"""Quantities: which are accepted, and that they are read exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import TypeAdapter, ValidationError

from cosmos3_operator.api.fields import Bytes, Cpu
from cosmos3_operator.api.quantity import parse_quantity

BYTES: TypeAdapter[str] = TypeAdapter(Bytes)
CPU: TypeAdapter[int | str] = TypeAdapter(Cpu)


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        (8, Fraction(8)),
        ("8", Fraction(8)),
        ("500m", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("1k", Fraction(1000)),
        ("1Ki", Fraction(1024)),
        ("1M", Fraction(10**6)),
        ("1.5Mi", Fraction(3 * 2**19)),
        ("80G", Fraction(80 * 10**9)),
        ("64Gi", Fraction(2**36)),
        ("0.001T", Fraction(10**9)),
        ("2Ti", Fraction(2**41)),
    ],
)
def test_amounts_are_exact(quantity: int | str, amount: Fraction) -> None:
    assert parse_quantity(quantity) == amount


@pytest.mark.parametrize(
    "good", ["64Gi", "80G", "1", "0.5Gi", "1.25Ti", "0.001k", "007k", "999999999Mi", "999Ti"]
)
def test_good_bytes(good: str) -> None:
    assert BYTES.validate_python(good) == good
    assert parse_quantity(good).denominator == 1, "whole bytes"
    assert 0 < parse_quantity(good) * 1000 < 2**63, "within Kubernetes' own arithmetic"


@pytest.mark.parametrize(
    "bad",
    [
        *("", "0", "0Gi", "00", "0.0G", "-1Gi", "+1Gi", "1 Gi", " 1Gi", "1Gi\n", "1gi", "1GB"),
        *("1K", "1e3", "1E3", "10Ei", "1P", "0.5", "0.1Gi", "1.0001G", "1000Ti", "1000000Gi"),
        *(".5Gi", "1.", "1m", "\uff11Gi", "9" * 16),
    ],
)
def test_bad_bytes(bad: str) -> None:
    with pytest.raises(ValidationError):
        BYTES.validate_python(bad)


@pytest.mark.parametrize("good", [1, 99999, "1", "0.5", "0.25", ".125", "1.5", "500m", "1m"])
def test_good_cpu(good: int | str) -> None:
    assert CPU.validate_python(good) == good
    assert parse_quantity(good) > 0


@pytest.mark.parametrize(
    "bad", [0, -1, 100_000, 1.5, True, None, [], "0", "0m", "0.0", "00.5", "0.0001", "1k", "1 "]
)
def test_bad_cpu(bad: object) -> None:
    with pytest.raises(ValidationError):
        CPU.validate_python(bad)


def test_a_whole_float_is_a_whole_number() -> None:
    assert CPU.validate_python(2.0) == 2
