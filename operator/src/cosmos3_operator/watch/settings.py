"""kopf's settings for a level-triggered operator that stores nothing on anybody's objects.

In: the namespaces to serve. Out: `OperatorSettings`. Each line that departs from kopf's default
says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import kopf

from cosmos3_operator.reconcile.kinds import CHILDREN, PODS, SELECTOR


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last-handled state: nothing here compares with it.

    The default would copy each object three times for every event.
    """

    def build(self, **_: Any) -> Any:
        """Reduce an object to nothing."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Return the same nothing, so that the difference is empty."""
        return {}

    def store(self, **_: Any) -> None:
        """Write nothing."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no handler's progress: our queue retries, not kopf."""

    def fetch(self, **_: Any) -> None:
        """Know of nothing."""

    def store(self, **_: Any) -> None:
        """Write nothing."""

    def purge(self, **_: Any) -> None:
        """Remove nothing."""

    def touch(self, **_: Any) -> None:
        """Write nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Return the essence as it is, without a copy."""
        return essence


def make_settings(namespaces: Sequence[str]) -> kopf.OperatorSettings:
    """Build the settings of one run."""
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.posting.enabled = False
    settings.peering.standalone = True
    # The default of five minutes hides a connection that hangs.
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.enforce_retry_after = True
    # Then the engine starts again as a whole, with growing delays, for as long as it takes.
    settings.networking.error_backoffs = (1, 1, 2, 3, 5, 8)
    # kopf decodes a page at once: small pages keep the peak of memory at start low.
    settings.watching.chunk_size = 100
    # An idle worker keeps the last body of its object alive: a second is enough to batch.
    settings.queueing.idle_timeout = 1.0
    settings.process.ultimate_exiting_timeout = 40
    # With roles in single namespaces, neither CRDs nor namespaces may be listed.
    settings.scanning.disabled = bool(namespaces)
    for resource in (*CHILDREN.values(), PODS):
        # The key must be a tuple: a string like "apps/deployments" matches nothing, silently.
        key = (resource.group, resource.version, resource.plural)
        settings.watching.label_selectors[key] = SELECTOR
    return settings
