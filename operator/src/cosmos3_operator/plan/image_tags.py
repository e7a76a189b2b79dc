"""Tags of images that users name: those that do not exist, stand still, or move.

In: an image reference and what the catalog knows of tags. Out: Invalid for a tag that was never
published where the reference leads to the public registry; warnings otherwise. A digest settles
everything, so a reference with one is never complained about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.catalog.images import split
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import TagFate, TagRule

_PUBLIC = "docker.io/"


def refuse_unpublished(image: str, catalog: Catalog) -> None:
    """Raise Invalid when nothing can be pulled by this reference."""
    rule = _rule(image, catalog)
    if rule and rule.fate is TagFate.UNPUBLISHED and _is_public(image, rule):
        message = f"{image} is not published ({rule.source}): {rule.instead}"
        raise Invalid((FieldError("spec.runtime.image", message),))


def tag_warnings(image: str | None, catalog: Catalog) -> Iterator[str]:
    """Yield what may surprise about a tag."""
    rule = _rule(image, catalog) if image else None
    if rule is None:
        return
    if rule.fate is TagFate.MOVES:
        yield f"runtime.image {image} moves: nodes may run different versions; {rule.instead}"
    else:
        state = {
            TagFate.STALE: "is no longer updated",
            TagFate.UNPUBLISHED: "was never published where it is mirrored from",
        }[rule.fate]
        yield f"runtime.image {image} {state} ({rule.source}): {rule.instead}"


def _rule(image: str, catalog: Catalog) -> TagRule | None:
    """Return the first rule that an image's tag matches, None if it may be trusted."""
    reference = split(image)
    if reference.digest:
        return None
    held = (r for r in catalog.tags if _holds(reference.repository, r.repository))
    return next((rule for rule in held if re.fullmatch(rule.pattern, reference.tag)), None)


def _holds(asked: str, repository: str) -> bool:
    return not repository or f"/{asked}".endswith(f"/{repository}")


def _is_public(image: str, rule: TagRule) -> bool:
    return split(image).repository.removeprefix(_PUBLIC) == rule.repository
