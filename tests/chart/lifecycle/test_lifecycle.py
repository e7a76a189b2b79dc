"""A release from its first day to its last, and what it does to models that serve: nothing.

One story is lived through once, and pictures are taken on the way. Each test looks at one promise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.api import condition
from support.doc_blocks import block
from support.helm import CHART, NAMESPACE, RELEASE
from support.next_chart import (
    FIELD,
    LONGEST_CONTEXT,
    MOST_REPLICAS,
    RULE,
    broken_chart,
    next_chart,
    spec_schema,
)
from support.resources import TOKEN, generator, reasoner
from support.site import CRDS, Site
from support.untouched import Picture, picture
from support.waiting import eventually

pytestmark = pytest.mark.cluster

MODELS = "models"
WIDE = generator("wide", MODELS, guardrails={"mode": "Disabled"}, replicas=MOST_REPLICAS + 1)
LONG = reasoner("long", MODELS, maxModelLength=2 * LONGEST_CONTEXT)
"""What the next version's rules would refuse."""


def with_spec(body: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return the same resource with more in its spec."""
    return {**body, "spec": {**body["spec"], **spec}}


RESOURCES = (
    WIDE,
    LONG,
    generator("asks-the-hub", MODELS, huggingFace=TOKEN),
    reasoner("keeps-weights", MODELS, cache={"type": "Claim", "size": "64Gi"}),
)
NEW_RULES = {
    "a new resource above the lower maximum": generator("new", MODELS, replicas=MOST_REPLICAS + 1),
    "a new resource against the new CEL rule": reasoner(
        "new", MODELS, maxModelLength=LONGEST_CONTEXT + 1
    ),
    "a changed value that breaks it anew": with_spec(LONG, maxModelLength=LONGEST_CONTEXT + 1),
}
STILL_ALLOWED = {
    "the new field": with_spec(WIDE, **{FIELD: "served"}),
    "another field": with_spec(LONG, replicas=2),
}


@dataclass(kw_only=True)
class Story:
    """What was seen on the way."""

    pictures: dict[str, Picture] = field(default_factory=dict)
    crds: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(clean_site: Site, work: Path) -> Story:
    site, story = clean_site, Story()

    def look(moment: str) -> None:
        story.pictures[moment] = picture(site.api, MODELS)
        story.crds[moment] = site.crds()

    site.install("--wait")
    site.api.namespace(MODELS)
    with site.operator():
        site.apply(*RESOURCES)
        site.serving(*RESOURCES)
        look("installed")
        story.said["drift"] = drift(site)
        story.said["dry run"] = site.release("upgrade", RELEASE, str(CHART), "--dry-run=server")
    with site.operator(resources=len(RESOURCES)):
        look("the operator restarted")
        failed = site.try_release(
            *("upgrade", RELEASE, str(broken_chart(work)), "--rollback-on-failure")
        )
        story.said["half-way"] = f"{failed.returncode} {failed.stderr}"
        look("an upgrade failed half-way")
        # Helm replaces the CRDs first: for a while the old operator works with the new ones.
        site.commands(of_the_page("upgrade", chart=next_chart(work / "next")))
        look("upgraded, the old operator still at work")
    with site.operator(resources=len(RESOURCES)):
        look("upgraded")
        judge_by_the_next_rules(site, story)
        look("judged by the new rules")
        story.said["check"] = site.commands(of_the_page("check"))
        site.commands(of_the_page("rollback"))
    with site.operator(resources=len(RESOURCES)):
        look("rolled back")
    story.said["uninstall"] = site.release("uninstall", RELEASE, "--wait")
    look("uninstalled")
    story.said["operators left"] = site.kubectl(
        *("get", "deployments,serviceaccounts", f"--namespace={NAMESPACE}"),
        f"--selector=app.kubernetes.io/instance={RELEASE}",
        "--output=name",
    )
    site.install("--wait")
    with site.operator(resources=len(RESOURCES)):
        look("installed again")
    return story


def of_the_page(name: str, *, chart: Path = CHART) -> str:
    """Return commands of docs/upgrading.md, for another chart than the repository's."""
    return block("upgrading.md", name).replace("charts/cosmos3-operator", str(chart))


def drift(site: Site) -> str:
    """Return what plain kubectl would change to make the release what the chart renders."""
    rendered = site.helm("template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--no-hooks")
    return site.kubectl("diff", "-f", "-", stdin=rendered, check=False)


def judge_by_the_next_rules(site: Site, story: Story) -> None:
    """Try what the next version refuses, and what it must let pass."""
    for what, body in NEW_RULES.items():
        story.said[what] = dry_apply(site, body)
    for what, body in STILL_ALLOWED.items():
        story.said[what] = dry_apply(site, body)
    story.statuses["before"] = status_of(site, WIDE)
    pod = next(name for name in story.pictures["upgraded"] if name.startswith("Pod/wide-"))
    for word in ("fail=never-ready", "fail-"):
        site.kubectl("annotate", pod, f"--namespace={MODELS}", f"bed.cosmos3.io/{word}")
        wanted = "False" if word == "fail=never-ready" else "True"
        eventually(
            lambda: status_of(site, WIDE),
            lambda seen, wanted=wanted: ready_of(seen) == wanted,
            what=f"Ready={wanted}",
        )
        story.statuses[word] = status_of(site, WIDE)


def dry_apply(site: Site, body: dict[str, Any]) -> str:
    """Apply something for show only."""
    words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--output=yaml")
    return site.kubectl(*words, "--filename=-", stdin=yaml.safe_dump(body), check=False)


def status_of(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    found = site.api.get(site.api.path(body))
    assert found is not None
    return dict(found["status"])


def ready_of(status: dict[str, Any]) -> str:
    return str(condition({"status": status}, "Ready").get("status"))


@pytest.mark.parametrize(
    "moment",
    [
        "the operator restarted",
        "an upgrade failed half-way",
        "upgraded, the old operator still at work",
        "upgraded",
        "judged by the new rules",
        "rolled back",
        "uninstalled",
        "installed again",
    ],
)
def test_resources_children_and_pods_are_untouched(story: Story, moment: str) -> None:
    assert story.pictures[moment] == story.pictures["installed"]


def test_the_pictures_show_what_they_should(story: Story) -> None:
    seen = Counter(name.partition("/")[0] for name in story.pictures["installed"])
    kinds = ("CosmosGenerator", "CosmosReasoner", "PersistentVolumeClaim", "Deployment", "Pod")
    assert [seen[kind] for kind in kinds] == [2, 2, 1, 4, MOST_REPLICAS + 1 + 3]
    pods = [one for name, one in story.pictures["installed"].items() if name.startswith("Pod/")]
    assert [pod["restarts"] for pod in pods] == [[0]] * len(pods)


def test_what_runs_is_what_the_chart_renders(story: Story) -> None:
    assert story.said["drift"] == ""
    assert "STATUS: pending-upgrade" in story.said["dry run"]


def test_the_documented_check_shows_release_operator_and_models(story: Story) -> None:
    said = story.said["check"]
    assert "STATUS: deployed" in said
    assert "successfully rolled out" in said
    assert all(body["metadata"]["name"] in said for body in RESOURCES)


def test_a_failed_upgrade_leaves_all_as_it_was(story: Story) -> None:
    code, _, message = story.said["half-way"].partition(" ")
    assert code == "1"
    assert "progressDeadlineSeconds" in message
    assert specs(story.crds["an upgrade failed half-way"]) == specs(story.crds["installed"])


def test_crds_are_upgraded_and_rolled_back_with_the_release(story: Story) -> None:
    for name in CRDS:
        fields = {
            moment: spec_schema(crds[name])["properties"] for moment, crds in story.crds.items()
        }
        assert fields["upgraded"][FIELD] == {"type": "string", "maxLength": 20}
        assert fields["upgraded"]["replicas"]["maximum"] == MOST_REPLICAS
        assert fields["rolled back"] == fields["installed"]
        assert FIELD not in fields["installed"]


def test_crds_stay_the_same_objects_from_first_to_last(story: Story) -> None:
    uids = [
        {name: crd["metadata"]["uid"] for name, crd in crds.items()} for crds in story.crds.values()
    ]
    assert uids == [uids[0]] * len(uids)
    assert set(uids[0]) == set(CRDS)


@pytest.mark.parametrize("what", NEW_RULES)
def test_a_tightened_rule_holds_for_what_is_new_or_changed(story: Story, what: str) -> None:
    assert (
        RULE in story.said[what]
        or f"should be less than or equal to {MOST_REPLICAS}" in story.said[what]
    )


def test_a_new_field_is_served_even_where_an_old_value_breaks_a_new_rule(story: Story) -> None:
    assert f"\n  {FIELD}: served\n" in story.said["the new field"]


def test_another_field_can_change_where_an_old_value_breaks_a_new_rule(story: Story) -> None:
    assert "\n  replicas: 2\n" in story.said["another field"]
    assert (
        f"Warning: spec.maxModelLength: Invalid value: {2 * LONGEST_CONTEXT}"
        in (story.said["another field"])
    ), "the API server says what will not be let through once it changes"


def test_the_status_of_what_breaks_a_new_rule_is_still_written(story: Story) -> None:
    assert [ready_of(status) for status in story.statuses.values()] == ["True", "False", "True"]


def test_uninstalling_keeps_crds_and_models_and_says_so(story: Story) -> None:
    assert "kept due to the resource policy" in story.said["uninstall"]
    assert all(name in story.said["uninstall"] for name in CRDS)
    assert story.said["operators left"] == ""


def specs(crds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: crd["spec"] for name, crd in crds.items()}
