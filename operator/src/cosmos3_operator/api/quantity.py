"""Kubernetes quantities as exact numbers."""

from __future__ import annotations

from fractions import Fraction

_SUFFIXES = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
}


def parse_quantity(quantity: int | str) -> Fraction:
    """Return the exact amount of a quantity that has passed validation."""
    text = str(quantity)
    number = text.rstrip("kKMGTim")
    return Fraction(number) * _SUFFIXES[text[len(number) :]]
