"""What the Reasoner reads: the configuration of the whole, the vision encoder, the processors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedTokenizerBase,
    Qwen2VLImageProcessorFast,
    Qwen3VLVideoProcessor,
    Qwen3VLVisionConfig,
    Qwen3VLVisionModel,
)

from servers.inside.tiny import shape as sizes
from servers.inside.tiny import tokenizer as tokens
from servers.inside.tiny.shape import Shape

_DEPTH = 2


def write(folder: Path, shape: Shape, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write all of it below `folder`."""
    (folder / "config.json").write_text(json.dumps(_config(shape, tokenizer), indent=2))
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id})
    )
    tokenizer.save_pretrained(folder)
    Qwen3VLVisionModel(_vision()).to(torch.bfloat16).save_pretrained(folder / "vision_encoder")
    patches = {"patch_size": 16, "merge_size": 2, "temporal_patch_size": 2}
    images = Qwen2VLImageProcessorFast(
        size={"shortest_edge": 65536, "longest_edge": 16777216}, **patches
    )
    images.save_pretrained(folder)
    Qwen3VLVideoProcessor(**patches).save_pretrained(folder)


def _config(shape: Shape, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    return {
        "architectures": ["Cosmos3ForConditionalGeneration"],
        "model_type": "cosmos3_omni",
        "dtype": "bfloat16",
        "tie_word_embeddings": False,
        "image_token_id": tokenizer.convert_tokens_to_ids(tokens.IMAGE),
        "video_token_id": tokenizer.convert_tokens_to_ids(tokens.VIDEO),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids(tokens.VISION_START),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids(tokens.VISION_END),
        "text_config": _text(shape, tokenizer),
        "vision_config": {"model_type": "cosmos3_omni", **_vision().to_diff_dict()},
    }


def _text(shape: Shape, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    return {
        "model_type": "qwen3_vl_text",
        "dtype": "bfloat16",
        "vocab_size": len(tokenizer),
        "hidden_size": sizes.HIDDEN,
        "intermediate_size": sizes.INTERMEDIATE,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context_tokens,
        "rope_theta": sizes.ROPE_THETA,
        "rope_scaling": {
            "rope_type": "default",
            "mrope_interleaved": True,
            "mrope_section": shape.mrope_section,
        },
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
    }


def _vision() -> Qwen3VLVisionConfig:
    return Qwen3VLVisionConfig(
        depth=_DEPTH,
        hidden_size=64,
        intermediate_size=128,
        # As published: what --mm-encoder-tp-mode weights would have to divide.
        num_heads=16,
        out_hidden_size=sizes.HIDDEN,
        num_position_embeddings=2304,
        deepstack_visual_indexes=[0],
    )
