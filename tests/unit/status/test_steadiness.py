"""What repeats itself is said once: messages follow causes, not counters, ports and clocks."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from cosmos3_operator.status.evidence import EventsAsk, Evidence
from cosmos3_operator.status.observe import Observation
from unit.status import moments

Json = dict[str, Any]
IMAGE = "registry.example.com/omni:v9"
BACK_OFF = f'Back-off pulling image "{IMAGE}"'


def written(moments_: Iterable[Observation], **spec: Any) -> list[tuple[str, str]]:
    """Return reason and message of Ready, once for each time that it or the findings were new.

    How far a start is moves on, and has a place of its own in the status.
    """
    status: Json = {}
    found = []
    for moment in moments_:
        new = moments.summary(moment, before=status, **spec).status
        if any(new.get(part) != status.get(part) for part in ("conditions", "findings")):
            found.append((moments.ready(new)["reason"], moments.ready(new)["message"]))
        status = new
    return found


def reasons(found: list[tuple[str, str]]) -> list[str]:
    return [reason for reason, _ in found]


def crash_loop(times: int, *, code: int = 1, message: str = "") -> Iterable[Observation]:
    """Yield what is seen of a server that loads for a minute and ends, with growing delays."""
    last: Json = {}
    for count in range(times):
        delay = min(300, 10 * 2**count)
        back_off = f"back-off {delay}s restarting failed container=server pod={moments.POD}"
        end = moments.ended(code, message=message)
        yield moments.seen(moments.pod(moments.container(moments.runs(), last, restarts=count)))
        yield moments.seen(moments.pod(moments.container(end, last, restarts=count)))
        waits = moments.waits("CrashLoopBackOff", back_off)
        yield moments.seen(moments.pod(moments.container(waits, end, restarts=count)))
        last = end


def test_two_hundred_crashes_are_six_messages() -> None:
    found = written(crash_loop(200))
    assert reasons(found) == ["Starting", "ContainerFailed", *["CrashLooping"] * 4]


def test_words_that_repeat_are_no_news() -> None:
    found = written(crash_loop(9, message="step 1\nValueError: no such thing\n"))
    assert reasons(found) == ["Starting", "ContainerFailed", "CrashLooping"]
    assert all("Evidence: ValueError: no such thing. " in message for _, message in found[1:])


def out_of_memory(times: int) -> Iterable[Observation]:
    for moment in crash_loop(times):
        for container in moment.pods[0]["status"]["containerStatuses"]:
            for when in ("state", "lastState"):
                if "terminated" in container[when]:
                    container[when]["terminated"] |= {"reason": "OOMKilled", "exitCode": 137}
        yield moment


def test_a_loop_with_a_known_cause_keeps_it() -> None:
    found = written(out_of_memory(50))
    assert list(dict.fromkeys(reasons(found))) == ["Starting", "OutOfMemory"]
    assert len({message for _, message in found}) == 2


def scheduler(*parts: str, total: int) -> str:
    """Return its sentence with counts drawn anew, in the order of its sorting."""
    counted = sorted(f"{random.randint(1, 9)} {part}" for part in parts)
    return (
        f"0/{total} nodes are available: {', '.join(counted)}. preemption: 0/{total} nodes are "
        f"available: {total} No preemption victims found for incoming pod."
    )


@pytest.mark.parametrize(
    ("reason", "parts"),
    [
        ("InsufficientGPUs", ["Insufficient nvidia.com/gpu", "node(s) had untolerated taint(s)"]),
        (
            "NodesTainted",
            [
                "node(s) had untolerated taint {dedicated: training}",
                "node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }",
            ],
        ),
        ("Scheduling", ["Insufficient cpu", "Insufficient memory", "Too many pods"]),
        ("NoNodeFits", ["node(s) didn't match Pod's node affinity/selector"]),
        (
            "VolumeNotBound",
            ["node(s) didn't match PersistentVolume's node affinity", "Insufficient cpu"],
        ),
    ],
)
def test_nodes_that_come_and_go_are_no_news(reason: str, parts: list[str]) -> None:
    random.seed(1)
    sentences = [scheduler(*parts, total=total) for total in range(3, 60)]
    assert len(set(sentences)) == len(sentences)
    found = written(moments.seen(moments.unscheduled(words)) for words in sentences)
    assert reasons(found) == [reason]


def pulls(*, cause_while_waiting: bool, first_waits: bool = False) -> Iterable[Observation]:
    """Yield attempts from ports that differ, and the waiting between them."""
    for attempt in range(30):
        cause = (
            f'failed to resolve reference "{IMAGE}": failed to do request: Head '
            f'"https://registry.example.com/v2/omni/manifests/v9": read tcp '
            f"10.0.0.{attempt}:{40000 + attempt}->192.0.2.1:443: read: connection reset by peer"
        )
        back_off = f"{BACK_OFF}: ErrImagePull: {cause}" if cause_while_waiting else BACK_OFF
        steps = [("ErrImagePull", cause), ("ImagePullBackOff", back_off)]
        for reason, text in steps[1:] if first_waits and attempt == 0 else steps:
            waits = moments.waits(reason, text)
            yield moments.seen(moments.pod(moments.container(waits)))


@pytest.mark.parametrize("cause_while_waiting", [True, False])
def test_attempts_to_pull_are_one_message(*, cause_while_waiting: bool) -> None:
    found = written(pulls(cause_while_waiting=cause_while_waiting))
    assert reasons(found) == ["ImagePullFailed"]
    assert found[0][1].startswith(f"The node cannot reach the registry of the image {IMAGE}. ")


def test_what_nobody_can_wait_for_stays_stalled_between_attempts() -> None:
    path = "x" * 600
    cause = f'failed to pull and unpack image "{IMAGE}" {path}: no match for platform in manifest'
    texts = [("ErrImagePull", cause), ("ImagePullBackOff", BACK_OFF), ("ErrImagePull", cause)]
    seen = [moments.seen(moments.pod(moments.container(moments.waits(*text)))) for text in texts]
    assert len(written(seen)) == 1
    assert "Stalled" in {item["type"] for item in last_status(seen)["conditions"]}


def last_status(moments_: Iterable[Observation]) -> Json:
    status: Json = {}
    for moment in moments_:
        status = moments.summary(moment, before=status).status
    return status


def test_a_cause_that_comes_later_is_told_once() -> None:
    found = written(pulls(cause_while_waiting=False, first_waits=True))
    assert [message.partition(". ")[0] for _, message in found] == [
        f"The image {IMAGE} cannot be pulled",
        f"The node cannot reach the registry of the image {IMAGE}",
    ]


def test_another_cause_is_news() -> None:
    texts = [
        f'failed to resolve reference "{IMAGE}": {IMAGE}: not found',
        "x509: unknown authority",
    ]
    pods = [moments.pod(moments.container(moments.waits("ErrImagePull", one))) for one in texts]
    assert len(written(moments.seen(pod) for pod in pods)) == 2


def refusals_to_start() -> Iterable[Observation]:
    for attempt in range(20):
        text = f'runc create failed ({attempt}): exec: "vllm": executable file not found in $PATH'
        refused = moments.waits("RunContainerError", text)
        yield moments.seen(moments.pod(moments.container(refused, restarts=attempt)))
        waits = moments.waits("CrashLoopBackOff", f"back-off {attempt}s restarting")
        end = moments.ended(128, "StartError", text)
        yield moments.seen(moments.pod(moments.container(waits, end, restarts=attempt)))


def test_a_runtime_that_refuses_in_two_ways_says_one_thing() -> None:
    assert reasons(written(refusals_to_start())) == ["RuntimeRefused"]


def quota(names: Iterable[str]) -> Iterable[Observation]:
    for name in names:
        words = (
            f'pods "super-generator-7d4c-{name}" is forbidden: exceeded quota: gpus, requested: '
            "requests.nvidia.com/gpu=4, used: requests.nvidia.com/gpu=6, limited: "
            "requests.nvidia.com/gpu=8"
        )
        condition = {"type": "ReplicaFailure", "status": "True", "message": words}
        yield moments.seen(deployed=moments.deployment(conditions=[condition]))


def test_the_names_of_refused_pods_are_no_news() -> None:
    found = written(quota(["x2x8k", "9fj2w", "aaaaa"]))
    assert reasons(found) == ["QuotaExceeded"]
    assert "in use is requests.nvidia.com/gpu=6" in found[0][1]


def event(reason: str, message: str) -> Json:
    return {"type": "Warning", "reason": reason, "message": message}


def mounts() -> Iterable[Observation]:
    """Yield a cause and its consequence, in turns, as two components report them."""
    texts = [
        event(
            "FailedAttachVolume",
            'Multi-Attach error for volume "pvc-1" Volume is already used by'
            " pod(s) super-generator-5b9f-a",
        ),
        event(
            "FailedMount",
            "Unable to attach or mount volumes: unmounted volumes=[cache], "
            "unattached volumes=[], failed to process volumes=[]: context deadline exceeded",
        ),
    ]
    for count in range(1, 12):
        told = tuple(texts[i % 2] for i in range(count))
        evidence = Evidence(logs={}, events={EventsAsk("Pod", moments.POD): told}, inventory={})
        waits = moments.waits("ContainerCreating")
        yield moments.seen(moments.pod(moments.container(waits)), evidence=evidence)


def test_whoever_spoke_last_the_cause_counts() -> None:
    found = written(mounts())
    assert reasons(found) == ["VolumeMountFailed"]
    assert "still attached to another node" in found[0][1]


def silence() -> Iterable[Observation]:
    for port in range(40000, 40020):
        told = (event("Unhealthy", f"Readiness probe failed: read tcp 10.0.0.1:{port}: timeout"),)
        evidence = Evidence(logs={}, events={EventsAsk("Pod", moments.POD): told}, inventory={})
        server = moments.container(moments.runs(), started=True, ready=False)
        late = moments.pod(server, since="2026-11-23T11:57:00Z")
        yield moments.seen(late, evidence=evidence)


def test_a_silent_server_is_one_message() -> None:
    assert reasons(written(silence())) == ["NotAnswering"]


def test_evidence_that_was_not_read_this_time_is_kept() -> None:
    told, *_ = silence()
    untold = moments.seen(*told.pods)
    assert len(written([told, untold, told])) == 1


def test_a_count_of_pods_is_not_counted_again() -> None:
    pods = [
        moments.pod(moments.container(moments.waits("ErrImagePull", f"{IMAGE}: not found")), name=n)
        for n in "abc"
    ]
    deployed = moments.deployment(replicas=3)
    back = [
        moments.pod(moments.container(moments.waits("ImagePullBackOff", BACK_OFF)), name=n)
        for n in "abc"
    ]
    found = written([moments.seen(*p, deployed=deployed) for p in (pods, back, pods)], replicas=3)
    assert len(found) == 1
    assert found[0][1].count("(3 of 3 pods)") == 1
