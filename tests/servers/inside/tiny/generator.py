"""What the Generator reads: the index of the pipeline and each of its parts."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler
from transformers import PreTrainedTokenizerBase

from servers.inside.tiny import shape as sizes
from servers.inside.tiny.shape import Shape

_LATENT_CHANNELS = 48
_PATCH = 2

_PARTS = {
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "text_tokenizer": ["transformers", "Qwen2TokenizerFast"],
    "transformer": ["diffusers", "Cosmos3OmniTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLWan"],
}


def write(folder: Path, shape: Shape, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write all of it below `folder`."""
    index = {
        "_class_name": "Cosmos3OmniDiffusersPipeline",
        "_diffusers_version": diffusers.__version__,
    }
    (folder / "model_index.json").write_text(json.dumps({**index, **_PARTS}, indent=2))
    UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
    ).save_pretrained(folder / "scheduler")
    tokenizer.save_pretrained(folder / "text_tokenizer")
    _transformer(shape, len(tokenizer)).to(torch.bfloat16).save_pretrained(folder / "transformer")
    _vae().to(torch.bfloat16).save_pretrained(folder / "vae")


def _transformer(shape: Shape, vocabulary: int) -> torch.nn.Module:
    return diffusers.Cosmos3OmniTransformer(
        head_dim=shape.head_dim,
        hidden_size=sizes.HIDDEN,
        intermediate_size=sizes.INTERMEDIATE,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        num_hidden_layers=shape.layers,
        latent_channel=_LATENT_CHANNELS,
        latent_patch_size=_PATCH,
        patch_latent_dim=_LATENT_CHANNELS * _PATCH * _PATCH,
        rope_scaling={"mrope_section": shape.mrope_section},
        rope_theta=sizes.ROPE_THETA,
        vocab_size=vocabulary,
    )


def _vae() -> AutoencoderKLWan:
    """Return Wan 2.2's autoencoder, thin: 48 channels, 4 frames and 16 × 16 pixels to a latent."""
    return AutoencoderKLWan(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=_LATENT_CHANNELS,
        num_res_blocks=1,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_temporal=4,
        scale_factor_spatial=16,
        latents_mean=[0.0] * _LATENT_CHANNELS,
        latents_std=[1.0] * _LATENT_CHANNELS,
    )
