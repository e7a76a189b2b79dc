"""The note about a decided runtime: what is kept of the decision, and for which question.

In: a spec, a choice, or the text of the Deployment's annotation. Out: `Note`, or its text. The
question is what the catalog's choice depends on and the user may change: as long as it is the same,
so is the answer. Everything else in the spec that reaches the pods is kept as a digest, which tells
whether the pods of the note are those of the spec at hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cosmos3_operator.api.resource import Spec
from cosmos3_operator.plan.digest import short_digest

_NOT_IN_PODS = {"replicas", "rollout", "service", "network_policy"}
"""Fields of a spec that can change without a change of its pods."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """A decision about the runtime."""

    engine: str
    name: str
    """Name in the catalog that it was taken from."""
    version: str
    image: str
    cuda: str
    """Major CUDA version of the image, "" if it was not known."""
    question: Mapping[str, str]
    pods: str
    """Digest of what the spec says about pods."""

    @property
    def label(self) -> str:
        """What messages call it, e.g. `vllm-omni 0.30.0`."""
        return f"{self.engine} {self.version}"

    def __str__(self) -> str:
        """Return the text of the annotation."""
        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)})


def read(text: str) -> Note | None:
    """Return the note of an annotation; None for anything else, which decides nothing."""
    try:
        found: Any = json.loads(text)
        return Note(
            question={str(key): str(value) for key, value in found["question"].items()},
            **{name: _text(found[name]) for name in _TEXTS},
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def question_of(spec: Spec) -> dict[str, str]:
    """Return what was asked: the model, and what spec.runtime says of version, image and line."""
    asked = spec.runtime
    said = {
        "model": spec.model,
        "version": asked.version,
        "image": asked.image,
        "cuda": None if asked.cuda == "Auto" else asked.cuda,
    }
    return {name: value for name, value in said.items() if value is not None}


def pods_of(spec: Spec) -> str:
    """Return what tells a spec from others whose pods differ.

    Defaults are left out, so that a field that a later release adds makes no difference.
    """
    said = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_NOT_IN_PODS)
    return short_digest(json.dumps(said, sort_keys=True))


_TEXTS = tuple(field.name for field in fields(Note) if field.name != "question")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
