"""A tokenizer of bytes with Qwen3-VL's special tokens and a chat template.

Every byte is a token, so that any text in any language can be told in a vocabulary of a few hundred
entries.
"""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import Qwen2TokenizerFast

END, START, PADDING = "<|im_end|>", "<|im_start|>", "<|endoftext|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
IMAGE, VIDEO = "<|image_pad|>", "<|video_pad|>"

_HIDDEN = (
    *(PADDING, START, END),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>"),
    *(VISION_START, VISION_END, "<|vision_pad|>", IMAGE, VIDEO),
)
_SHOWN = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)

CHAT_TEMPLATE = f"""\
{{%- for message in messages -%}}
{START}{{{{ message.role }}}}
{{% if message.content is string -%}}
{{{{ message.content }}}}
{{%- else -%}}
{{%- for part in message.content -%}}
{{%- if part.type == 'image' or 'image' in part or 'image_url' in part -%}}
{VISION_START}{IMAGE}{VISION_END}
{{%- elif part.type == 'video' or 'video' in part -%}}
{VISION_START}{VIDEO}{VISION_END}
{{%- elif 'text' in part -%}}
{{{{ part.text }}}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- endif -%}}
{END}
{{% endfor -%}}
{{%- if add_generation_prompt -%}}
{START}assistant
{{% endif -%}}
"""


def build() -> Qwen2TokenizerFast:
    """Return the tokenizer."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(
        models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[])
    )
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True) for token in _HIDDEN])
    backend.add_tokens([AddedToken(token, normalized=False) for token in _SHOWN])
    return Qwen2TokenizerFast(
        tokenizer_object=backend,
        unk_token=None,
        eos_token=END,
        pad_token=PADDING,
        additional_special_tokens=[token for token in _HIDDEN if token not in (END, PADDING)],
        chat_template=CHAT_TEMPLATE,
    )
