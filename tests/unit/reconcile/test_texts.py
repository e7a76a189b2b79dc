"""What is kept of texts has a bound."""

from __future__ import annotations

from cosmos3_operator.reconcile.texts import Texts


def test_a_text_comes_back_as_it_was() -> None:
    texts = Texts()
    texts.put("a", "Grüße\n" * 1000)
    assert texts.get("a") == "Grüße\n" * 1000
    assert texts.packed_size < 1000
    assert texts.get("b") is None


def test_those_that_were_not_used_for_longest_go_first() -> None:
    texts = Texts(largest_together=30)
    for name in "abc":
        texts.put(name, name * 10)
    assert texts.get("a") == "a" * 10
    texts.put("d", "d" * 10)
    assert [name for name in "abcd" if name in texts] == ["a", "c", "d"]


def test_what_is_replaced_or_dropped_counts_no_more() -> None:
    texts = Texts(largest_together=30)
    for _ in range(10):
        texts.put("a", "a" * 20)
    texts.put("b", "b" * 10)
    assert len(texts) == 2
    texts.drop("a")
    texts.drop("a")
    texts.put("c", "c" * 20)
    assert "b" in texts
    assert "c" in texts


def test_one_text_that_is_too_large_is_kept_alone() -> None:
    texts = Texts(largest_together=10)
    texts.put("a", "a")
    texts.put("b", "b" * 100)
    assert "a" not in texts
    assert texts.get("b") == "b" * 100
