"""Why no pod can be created: quota, admission, Pod Security.

In: the condition ReplicaFailure of the Deployment. Out: a finding. The pod that was refused has a
new name each time, so it is left out.
"""

from __future__ import annotations

import re

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.reading import one_line
from cosmos3_operator.status.words import said

REFUSED_RETRY_SECONDS = 60.0
"""A quota or a permission may change without an event that we see."""

_POD = re.compile(r'^pods "[^"]*" is forbidden: ')
_NAME = re.compile(r'\b[Pp]ods? "[^"]*"')


def refused_finding(text: str) -> Finding:
    """Return why no pod could be created."""
    words = _NAME.sub("the pod", _POD.sub("", text))
    found = said("admission", words)
    if found is None:
        return Finding(
            reason=Reason.PODS_REFUSED,
            message="No pod could be created",
            evidence=one_line(words),
            remedy="Change the rule that refuses it, or what it objects to in spec.pod",
            stalled=True,
            requeue_after=REFUSED_RETRY_SECONDS,
        )
    finding = found.finding(evidence=words)
    return Finding(
        reason=finding.reason,
        message=finding.message,
        evidence=finding.evidence,
        remedy=finding.remedy,
        stalled=finding.stalled,
        requeue_after=REFUSED_RETRY_SECONDS,
    )
