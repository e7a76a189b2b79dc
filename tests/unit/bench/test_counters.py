"""Reading the API server's own count of requests."""

from __future__ import annotations

from collections import Counter

from bench.counters import by_verb_and_resource, difference, parse_writes, refused

PAGE = """\
# HELP apiserver_request_total [STABLE] Counter of apiserver requests
# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="apps",\
resource="deployments",scope="resource",subresource="",verb="APPLY",version="v1"} 6
apiserver_request_total{code="409",component="apiserver",dry_run="",group="apps",\
resource="deployments",scope="resource",subresource="",verb="APPLY",version="v1"} 1
apiserver_request_total{code="200",component="apiserver",dry_run="",group="serving.cosmos3.io",\
resource="cosmosgenerators",scope="resource",subresource="status",verb="APPLY",version="v1"} 1e+01
apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",\
resource="deployments",scope="cluster",subresource="",verb="WATCH",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",\
resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 9
apiserver_request_duration_seconds_count{resource="deployments",verb="APPLY"} 7
"""
RESOURCES = ("deployments", "cosmosgenerators")


def test_reads_are_no_writes_and_housekeeping_is_not_ours() -> None:
    assert parse_writes(PAGE, resources=RESOURCES) == {
        ("APPLY", "deployments", "201"): 6,
        ("APPLY", "deployments", "409"): 1,
        ("APPLY", "cosmosgenerators/status", "200"): 10,
    }


def test_a_page_without_writes_counts_none() -> None:
    assert not parse_writes("# nothing\n", resources=RESOURCES)


def test_what_was_there_before_is_taken_off() -> None:
    before = parse_writes(PAGE, resources=RESOURCES)
    after = before + Counter({("DELETE", "deployments", "200"): 2})
    assert difference(after, before) == {("DELETE", "deployments", "200"): 2}


def test_codes_are_added_up_and_refusals_counted() -> None:
    writes = parse_writes(PAGE, resources=RESOURCES)
    assert by_verb_and_resource(writes)["APPLY", "deployments"] == 7
    assert refused(writes) == 1
