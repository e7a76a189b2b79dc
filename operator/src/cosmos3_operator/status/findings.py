"""What a check found, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from cosmos3_operator.api.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The one answer to “is it ready, and if not, why not?”."""

    reason: Reason
    message: str
    """Why, with figures that do not flap; without `evidence` and `remedy`, what to do as well."""
    evidence: str = ""
    """The telling line or words, literally, as their source wrote them."""
    remedy: str = ""
    """What to do, with the names of fields and commands."""
    pod: str = ""
    """The pod that it is about, "" if none in particular."""
    answering: str = ""
    """How many replicas answer nevertheless, "" if that goes without saying."""
    ready: bool = False
    stalled: bool = False
    """Nothing will get better without somebody doing something."""
    requeue_after: float | None = None
    """Look again after this many seconds, where no event will tell."""

    @property
    def text(self) -> str:
        """All of it, in the order in which people ask: what, how do you know, what now."""
        evidence = self.evidence and f"Evidence: {self.evidence}"
        parts = (self.answering, self.message, evidence, self.remedy)
        return ". ".join(part.rstrip(".") for part in parts if part)
