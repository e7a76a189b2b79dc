"""Why an image is not there.

In: a container that waits for its image, and what was known before. Out: a finding. The kubelet
says the cause for a moment (ErrImagePull) and then, for minutes, that it waits (ImagePullBackOff);
kubelets before 1.32 leave the cause out of the latter. Both give the same message here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.reading import Container, one_line, waiting
from cosmos3_operator.status.words import Said, said

PULL_FAILURES = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Reasons of `waiting`: kubernetes 1.36.3 pkg/kubelet/images/types.go, cri-api pkg/errors."""

_FOR_GOOD = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_WITHOUT_CAUSE = "Back-off pulling image"
_CAUSE = "ErrImagePull: "
"""What stands between the back-off and its cause since kubelet 1.32."""


def waits_for_image(container: Container) -> bool:
    """Tell whether the image of a container cannot be pulled."""
    return waiting(container).get("reason") in PULL_FAILURES


def image_finding(
    container: Container,
    *,
    advice: str,
    pod: str = "",
    previous: Iterable[Mapping[str, Any]] = (),
    told: str = "",
) -> Finding | None:
    """Return why the image of a container is not there, None if that is not what it waits for.

    `advice` names the fields for image and credentials, `told` is what an event said of the pull.
    """
    if not waits_for_image(container):
        return None
    text = str(waiting(container).get("message") or "")
    image = str(container.get("image") or _quoted(text))
    known = _known(previous, image)
    for words in (text, told, str(known.get("evidence") or "")):
        if found := _cause(words):
            telling = words.partition(_CAUSE)[2] or words
            return found.finding(evidence=telling, pod=pod, image=image, advice=advice)
    return Finding(
        reason=Reason.IMAGE_PULL_FAILED,
        message=f"The image {image} cannot be pulled",
        evidence=str(known.get("evidence") or "") if _has_no_cause(text) else one_line(text),
        remedy=advice,
        pod=pod,
        stalled=waiting(container).get("reason") in _FOR_GOOD,
    )


def has_no_cause(container: Container) -> bool:
    """Tell whether the kubelet leaves open why the image cannot be pulled."""
    return waits_for_image(container) and _has_no_cause(
        str(waiting(container).get("message") or "")
    )


def _cause(text: str) -> Said | None:
    return None if _has_no_cause(text) else said("image", text)


def _has_no_cause(text: str) -> bool:
    head, _, tail = text.partition(_WITHOUT_CAUSE)
    return not text or (not head and not tail.partition('": ')[2])


def _known(previous: Iterable[Mapping[str, Any]], image: str) -> Mapping[str, Any]:
    """Return what was written of this image before, for this pod or another."""
    same = (item for item in previous if item.get("reason") == Reason.IMAGE_PULL_FAILED)
    return next((item for item in same if image in str(item.get("message"))), {})


def _quoted(text: str) -> str:
    return text.partition('"')[2].partition('"')[0]
