"""The shapes of tiny checkpoints keep the numbers that rules are about."""

from __future__ import annotations

import pytest

from servers.checkpoints import shape_of
from servers.errors import ServerError
from unit.servers.samples import NANO, SUPER


def test_heads_are_those_of_the_model():
    assert (shape_of(NANO).heads, shape_of(NANO).kv_heads) == (32, 8)
    assert (shape_of(SUPER).heads, shape_of(SUPER).kv_heads) == (64, 8)


def test_super_is_deeper_than_nano():
    assert shape_of(SUPER).layers > shape_of(NANO).layers


def test_a_model_of_ones_own_is_shaped_like_nano():
    assert shape_of("someone/fine-tune") == shape_of("/cache/models/mine") == shape_of(NANO)


@pytest.mark.parametrize("model", ["nvidia/Cosmos3-Edge", "nvidia/Cosmos3-Super-Text2Image-4Step"])
def test_another_architecture_is_refused_by_name(model: str):
    with pytest.raises(ServerError, match=model):
        shape_of(model)


def test_the_kv_cache_of_a_token_holds_keys_and_values_of_every_layer():
    shape = shape_of(NANO)
    assert shape.kv_bytes_per_token == shape.layers * shape.kv_heads * shape.head_dim * 4
