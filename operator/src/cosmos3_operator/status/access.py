"""What the hub said about access, and whether the Deployment waits for it.

In: plan and observation, with the Job that asks and its pods. Out: a finding about access, whether
the Deployment is held back (`hold`), and a check. A Deployment that waits is not applied: a new one
is not made, and one that runs is left as it is. It never waits for what it was let through for
already: another version of the program, or a Job that somebody deleted, must not make a model that
serves look unready.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.names import ACCESS, ACCESS_CONTAINER
from cosmos3_operator.plan.types import AccessPlan, Plan
from cosmos3_operator.status.creation import cannot_start
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import ChildRef, Observation
from cosmos3_operator.status.reading import last_line
from cosmos3_operator.status.reports import report_in
from cosmos3_operator.status.scheduling import unscheduled_words

PROBE = "hub"
"""How the program names itself in what it reports."""

JOB_NAME = "batch.kubernetes.io/job-name"
"""Label by which Kubernetes tells whose pod it is: an older Job's may still be there."""

_UNTIL = ". Until access is granted, "
_WITHOUT = "set spec.preflight.access to Advisory or Disabled"
_PULL_ADVICE = "Check --preflight-image of the operator, and spec.pod.imagePullSecrets"

_REPORTED: Mapping[str, Reason] = {
    str(reason): reason
    for reason in (
        Reason.HUGGING_FACE_TOKEN_MISSING,
        Reason.HUGGING_FACE_TOKEN_REJECTED,
        Reason.HUGGING_FACE_LICENCE_NOT_ACCEPTED,
        Reason.REPOSITORY_NOT_FOUND,
        Reason.REVISION_NOT_FOUND,
        Reason.HUB_UNREACHABLE,
    )
}


def is_held(plan: Plan, observation: Observation) -> bool:
    """Tell whether the Deployment waits. One without pods takes no GPU, so it never does."""
    access = plan.access
    if access is None or not access.image or not access.required or plan.replicas == 0:
        return False
    return not (
        _ended(_job(observation), "Complete") or _was_let_through(plan, access, observation)
    )


def access_held(plan: Plan, observation: Observation) -> Finding | None:
    """Report why the Deployment waits."""
    finding = access_finding(plan, observation) if is_held(plan, observation) else None
    if finding is None:
        return None
    runs = ChildRef("Deployment", plan.owner.base) in observation.children
    then = "the Deployment stays as an earlier spec made it" if runs else "no GPU is taken"
    before, _, _ = finding.message.partition(_UNTIL)
    return replace(finding, message=f"{before}{_UNTIL}{then}")


def access_finding(plan: Plan, observation: Observation) -> Finding | None:
    """Return what is known about access; None if nothing is to be asked."""
    access = plan.access
    if access is None:
        return None
    names = ", ".join(map(str, access.repositories))
    if not access.image:
        return Finding(
            reason=Reason.NOT_CHECKED,
            message=f"Nobody asked for access to {names}: the operator runs without "
            "--preflight-image",
        )
    job = _job(observation)
    if done := _ended(job, "Complete"):
        return Finding(
            reason=Reason.ACCESS_GRANTED,
            message=f"Granted when asked at {done.get('lastTransitionTime')}: {names}",
            ready=True,
        )
    return _of_pods(plan, access, observation) or _of_job(job, names)


def _of_job(job: Mapping[str, Any], names: str) -> Finding:
    name = (job.get("metadata") or {}).get("name")
    look = f"If it lasts, see `kubectl describe job {name}`" if name else ""
    if failed := _ended(job, "Failed"):
        words = str(failed.get("message") or failed.get("reason")).rstrip(".")
        return Finding(
            reason=Reason.CONTAINER_FAILED,
            message=f"The Job {name}, which asks the hub for access to {names}, was given up",
            evidence=words,
            remedy="Delete it, and it is made anew",
            stalled=True,
        )
    suspended = f"; the Job {name} is suspended" if _ended(job, "Suspended") else ""
    return Finding(
        reason=Reason.CHECKING_ACCESS,
        message=f"A Job asks the hub for access to {names}{suspended}",
        remedy=look,
    )


def _of_pods(plan: Plan, access: AccessPlan, observation: Observation) -> Finding | None:
    """Return what the newest pod of the Job says, None if it says nothing of its own."""
    name = (_job(observation).get("metadata") or {}).get("name")
    for pod in reversed(observation.access_pods):
        metadata = pod["metadata"]
        mine = (metadata.get("labels") or {}).get(JOB_NAME) == name
        if mine and not metadata.get("deletionTimestamp"):
            return _of_pod(plan, access, observation, pod)
    return None


def _of_pod(
    plan: Plan, access: AccessPlan, observation: Observation, pod: Mapping[str, Any]
) -> Finding | None:
    if words := unscheduled_words(pod):
        return Finding(
            reason=Reason.CHECKING_ACCESS,
            message="The pod that asks the hub for access waits for a node",
            evidence=f"the scheduler: {words}",
            pod=_name(pod),
        )
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    for container in containers:
        finding = cannot_start(
            container, advice=_PULL_ADVICE, pod=_name(pod), previous=observation.previous
        )
        if finding:
            return finding
    asks: Mapping[str, Any] = next(
        (one for one in containers if one.get("name") == ACCESS_CONTAINER), {}
    )
    if ended := _newest_failure(asks):
        return _reported(plan, access, ended) or _unreported(ended, pod_name=_name(pod))
    return _kept_from_ending(asks, containers)


def _kept_from_ending(
    asks: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]
) -> Finding | None:
    """Report a success that does not count: an injected sidecar runs on, and so does the Job."""
    ended = (asks.get("state") or {}).get("terminated")
    others = [str(one.get("name")) for one in containers if "running" in (one.get("state") or {})]
    if not ended or not others:
        return None
    return Finding(
        reason=Reason.CHECKING_ACCESS,
        message=f"The hub has granted access, but {', '.join(others)} keeps the pod of the check "
        "from ending",
        remedy=f"Keep it out by a label or an annotation in spec.pod, or {_WITHOUT}",
    )


def _newest_failure(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return how the container ended, if badly: while it tries again, that still stands."""
    ends = ((container.get(when) or {}).get("terminated") for when in ("state", "lastState"))
    newest: Mapping[str, Any] | None = next(filter(None, ends), None)
    return newest if newest and newest.get("exitCode") != 0 else None


def _reported(plan: Plan, access: AccessPlan, ended: Mapping[str, Any]) -> Finding | None:
    """Return what the program found out, None if it left no word of that."""
    report = report_in(str(ended.get("message") or ""), probe=PROBE)
    reason = _REPORTED.get(str(report.get("reason")))
    if reason is None:
        return None
    words = str(report.get("message") or "").rstrip(".")
    remedy = remedy_for(reason, plan, access, repository=str(report.get("repository") or ""))
    return Finding(
        reason=reason,
        message=words,
        remedy=f"{remedy}. It is asked again at the latest after five minutes",
        stalled=reason is not Reason.HUB_UNREACHABLE,
    )


def _unreported(ended: Mapping[str, Any], *, pod_name: str) -> Finding:
    text = str(ended.get("message") or "")
    words = str(
        report_in(text, probe=PROBE).get("message") or last_line(text) or "it left no message"
    )
    return Finding(
        reason=Reason.CONTAINER_FAILED,
        message=f"The check of access failed with exit code {ended.get('exitCode')}",
        evidence=words,
        remedy=f"See `kubectl logs --previous {pod_name}`, or {_WITHOUT}",
        pod=pod_name,
        stalled=True,
    )


def remedy_for(reason: Reason, plan: Plan, access: AccessPlan, *, repository: str) -> str:
    """Return who must do what."""
    token = access.token
    kept = f"key {token.key} of Secret {token.name}" if token else "the Secret"
    page = f"https://huggingface.co/{repository}"
    if reason is Reason.HUGGING_FACE_TOKEN_MISSING and token is None:
        return "Put a token into a Secret and name that in spec.huggingFace.tokenSecretRef"
    remedies = {
        Reason.HUGGING_FACE_TOKEN_MISSING: f"Put a token into {kept}, which is empty",
        Reason.HUGGING_FACE_TOKEN_REJECTED: f"Put a valid token into {kept}",
        Reason.HUGGING_FACE_LICENCE_NOT_ACCEPTED: "Sign in to the hub with the account of the "
        f"token ({kept}), open {page} and accept the terms; a fine-grained token also needs the "
        "permission to read public gated repositories",
        Reason.REPOSITORY_NOT_FOUND: (
            "Correct spec.model, or have" if repository == plan.model else "Have"
        )
        + f" the account of the token ({kept}) admitted to {page}",
        Reason.REVISION_NOT_FOUND: "Correct spec.revision",
        Reason.HUB_UNREACHABLE: "Open the way from this namespace to the hub (DNS and HTTPS), name "
        "a mirror or a proxy in spec.pod.env (HF_ENDPOINT, HTTPS_PROXY), set huggingFace.offline "
        f"with a cache that holds everything, or {_WITHOUT}",
    }
    return remedies[reason]


def _name(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"].get("name"))


def _job(observation: Observation) -> Mapping[str, Any]:
    """Return the Job of this very plan: of others, the observation has none."""
    return next((child for ref, child in observation.children.items() if ref.kind == "Job"), {})


def _ended(job: Mapping[str, Any], type_: str) -> Mapping[str, Any] | None:
    conditions = (job.get("status") or {}).get("conditions") or ()
    found: Iterator[Mapping[str, Any]] = (
        item for item in conditions if item.get("type") == type_ and item.get("status") == "True"
    )
    return next(found, None)


def _was_let_through(plan: Plan, access: AccessPlan, observation: Observation) -> bool:
    deployment = observation.children.get(ChildRef("Deployment", plan.owner.base), {})
    annotations = (deployment.get("metadata") or {}).get("annotations") or {}
    return annotations.get(ACCESS) == access.fingerprint
