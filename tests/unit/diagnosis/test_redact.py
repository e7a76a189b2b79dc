"""What must never leave a log, and what must be left as it is."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cosmos3_operator.diagnosis.redact import redact

ALNUM = string.ascii_letters + string.digits
SECRETS = st.text(ALNUM, min_size=34, max_size=34)
NOISE = st.text(st.characters(codec="utf-8"), max_size=60)
PLACES = (
    "hf_{}",
    "HF_TOKEN=hf_{}",
    "Authorization: Bearer {}",
    "authorization: Basic {}==",
    "{{'Authorization': 'Bearer {}'}}",
    '"authorization": "{}"',
    "curl -H 'X-API-Key: {}'",
    "api_key={}",
    "--api-key {}",
    "--api-key={}",
    "non-default args: {{'api_key': ['{}'], 'port': 8000}}",
    '{{"apiKey": "{}"}}',
    "password={}",
    "HUGGING_FACE_HUB_TOKEN={}",
    "token='{}'",
    "https://user:{}@mirror.example/models",
    "https://{}@mirror.example/models",
    "HTTPS_PROXY=http://me:{}@proxy:3128",
    "https://cdn.example/file?Expires=1&Signature={}&Key-Pair-Id=K",
    "url: /bucket/file?X-Amz-Signature={}&x-id=GetObject (Caused by",
    "/file?X-Amz-Credential={}%2F2026&X-Amz-Security-Token={}",
    "AWS_SECRET_ACCESS_KEY={}",
    "aws_access_key_id = {}",
    "nvapi-{}",
    "sk-{}",
    "eyJhbGciOiJIUzI1NiJ9.eyJ{}.{}",
    "ghp_{}",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n{}",
)


@pytest.mark.parametrize("place", PLACES)
@given(secret=SECRETS, before=NOISE, after=NOISE)
def test_a_secret_is_cut_out_wherever_it_stands(
    place: str, secret: str, before: str, after: str
) -> None:
    assume(secret not in before + after)
    text = f"{before}\n{place.format(*[secret] * place.count('{}'))}\n{after}"
    assert secret not in redact(text)


@given(text=st.text(max_size=300))
def test_twice_is_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(place=st.sampled_from(PLACES), secret=SECRETS)
def test_twice_is_once_with_secrets(place: str, secret: str) -> None:
    text = place.format(*[secret] * place.count("{}"))
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: Root=1-6a-5b;0f)",
        "Cannot access gated repo for url https://huggingface.co/nvidia/Cosmos3-Nano/resolve/main/a",
        "hf_xet is not installed; hf_hub_download falls back, hf_transfer too",
        "max_num_batched_tokens=8192, max_tokens: 16, eos_token_id=151645",
        'INFO: 10.0.0.7:51234 - "GET /health HTTP/1.1" 200 OK',
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 96.00 MiB. GPU 0 has a "
        "total capacity of 79.18 GiB of which 51.06 MiB is free.",
        "Unauthorized: the token is missing",
        "--api-keys",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


WORST = (
    "://",
    "hf_",
    "eyJ",
    "token=",
    "'",
    "[",
    "?X-Amz-",
    "-----BEGIN PRIVATE KEY-----",
    "sk-",
    "Bearer ",
    "https://a?",
    "api_key",
    "a",
    ":",
    "=",
    '"',
    "https://a",
)


@pytest.mark.parametrize("piece", WORST)
def test_long_text_of_the_worst_kind_is_read_once(piece: str) -> None:
    """A pattern that looked back would not get through a mebibyte within the limit of a test."""
    redact(piece * (1_048_576 // len(piece)))
