"""Every metric, as data: the registry is built from it, and so is the table in the docs.

In: nothing. Out: `FAMILIES`. The first three groups have the names, labels and meanings that Go
controllers have from controller-runtime and client-go, so that dashboards made for those show this
operator too; the last group is about what this operator alone knows. No label holds the name of an
object: their number would have no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PASS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
QUEUE_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
STARTUP_BUCKETS = (
    *(30.0, 60.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0),
    *(5400.0, 7200.0),
)
"""From a small model on a warm cache to a download of more than 100 GiB over a slow line."""

Type = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One metric."""

    name: str
    """As Prometheus stores it; of a histogram without _bucket, _sum and _count."""
    type: Type
    labels: tuple[str, ...] = ()
    help: str
    buckets: tuple[float, ...] = ()
    when_scraped: bool = False
    """Worked out from what is known at the moment of the scrape."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Metrics that are about one thing."""

    title: str
    families: tuple[Family, ...]


def _counter(name: str, help_: str, *labels: str) -> Family:
    return Family(name=name, type="counter", labels=labels, help=help_)


def _gauge(name: str, help_: str, *labels: str) -> Family:
    return Family(name=name, type="gauge", labels=labels, help=help_, when_scraped=True)


def _histogram(name: str, help_: str, *labels: str, buckets: tuple[float, ...]) -> Family:
    return Family(name=name, type="histogram", labels=labels, help=help_, buckets=buckets)


LOOP = Group(
    title="The loop, as controller-runtime names it",
    families=(
        _counter(
            "controller_runtime_reconcile_total",
            "Passes by controller (our kind in lower case) and result: success, error, requeue "
            "(at once: a child moved), requeue_after (before the next resync).",
            *("controller", "result"),
        ),
        _counter(
            "controller_runtime_reconcile_errors_total",
            "Passes that ended in an error or with a refused child, and are tried again.",
            "controller",
        ),
        _histogram(
            "controller_runtime_reconcile_time_seconds",
            "Duration of passes.",
            "controller",
            buckets=PASS_BUCKETS,
        ),
        _gauge(
            "controller_runtime_active_workers", "Workers that run a pass right now.", "controller"
        ),
        _gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Workers that there are; both kinds share them.",
            "controller",
        ),
    ),
)
QUEUE = Group(
    title="The queue, as client-go's workqueue names it",
    families=(
        _gauge("workqueue_depth", "Keys that wait for a worker.", "name"),
        _counter("workqueue_adds_total", "Keys added to the queue.", "name"),
        _histogram(
            "workqueue_queue_duration_seconds",
            "Time that a key waited for a worker.",
            "name",
            buckets=QUEUE_BUCKETS,
        ),
        _histogram(
            "workqueue_work_duration_seconds",
            "Time that a worker took over a key.",
            "name",
            buckets=QUEUE_BUCKETS,
        ),
        _counter("workqueue_retries_total", "Keys put back with a growing delay.", "name"),
        _gauge(
            "workqueue_unfinished_work_seconds",
            "Age of all running passes together; large values mean stuck workers.",
            "name",
        ),
        _gauge(
            "workqueue_longest_running_processor_seconds", "Age of the oldest running pass.", "name"
        ),
    ),
)
CLIENT = Group(
    title="The API server, as client-go names it",
    families=(
        _counter(
            "rest_client_requests_total",
            "Requests by status code (<error>: no answer), HTTP method and host.",
            *("code", "method", "host"),
        ),
        _histogram(
            "rest_client_request_duration_seconds",
            "Duration of requests by HTTP method and host, but for watches.",
            *("verb", "host"),
            buckets=REQUEST_BUCKETS,
        ),
        _gauge(
            "leader_election_master_status",
            "1 if this process does the work, 0 if another one does.",
            "name",
        ),
    ),
)
OPERATOR = Group(
    title="The operator itself",
    families=(
        Family(
            name="cosmos3_operator_build_info",
            type="gauge",
            labels=("version",),
            help="Version of the operator, always 1.",
        ),
        _gauge("cosmos3_operator_ready", "1 if the operator does its work (/readyz)."),
        _gauge(
            "cosmos3_operator_watch_up",
            "1 if a kind is watched everywhere it should be.",
            "resource",
        ),
        _gauge(
            "cosmos3_operator_watch_down_seconds",
            "Time since when a kind is not watched; 0 if it is.",
            "resource",
        ),
        _counter(
            "cosmos3_operator_events_total",
            "Kubernetes Events by what became of them: created, repeated (as a series), limited "
            "(too many for one object), dropped (the queue was full), failed.",
            *("type", "reason", "result"),
        ),
        _counter(
            "cosmos3_operator_evidence_requests_total",
            "Requests for evidence while something is wrong (what: log, events or inventory), by "
            "result.",
            *("what", "result"),
        ),
    ),
)
FLEET = Group(
    title="The fleet",
    families=(
        _gauge("cosmos3_operator_resources", "Resources that exist.", "kind", "namespace"),
        _gauge(
            "cosmos3_operator_resource_conditions",
            "Resources by the status and reason of a condition.",
            *("kind", "namespace", "condition", "status", "reason"),
        ),
        _gauge(
            "cosmos3_operator_not_ready_seconds",
            "Time since when the resource that has been not Ready for longest is so, by reason.",
            *("kind", "namespace", "reason"),
        ),
        _gauge(
            "cosmos3_operator_replicas_wanted", "Replicas that specs ask for.", "kind", "namespace"
        ),
        _gauge("cosmos3_operator_replicas_ready", "Replicas that serve.", "kind", "namespace"),
        _gauge(
            "cosmos3_operator_gpus_requested",
            "GPUs of all wanted replicas, by the name of the extended resource.",
            *("kind", "namespace", "resource"),
        ),
        _gauge(
            "cosmos3_operator_gpus_allocated",
            "GPUs of the servers' pods that have a node.",
            *("kind", "namespace", "resource"),
        ),
        _histogram(
            "cosmos3_operator_startup_seconds",
            "Time from the start of a server's container until its pod was Ready.",
            "kind",
            buckets=STARTUP_BUCKETS,
        ),
        _counter(
            "cosmos3_operator_transitions_total",
            "Conditions that took another status or reason.",
            *("kind", "condition", "status", "reason"),
        ),
    ),
)

GROUPS = (LOOP, QUEUE, CLIENT, OPERATOR, FLEET)
FAMILIES: dict[str, Family] = {one.name: one for group in GROUPS for one in group.families}
