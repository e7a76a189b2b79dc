"""No permission is idle: without it something is lost, and the operator names what is missing.

reconcile/permissions.yaml says for each verb on each resource what is lost and where that is told;
here each is really taken away, and that is looked for. Several operators run at once, whose
roles are the chart's but for what each lacks in each of its namespaces:

- one lacks everything else in turn, a namespace for each, and works in all of them;
- one lacks list or watch of one resource in each namespace: it waits, and works once it has them;
- two serve the whole cluster and may not list or may not watch resource definitions;
- three may do all but one thing with their Lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cosmos3_operator.api.resource import parse
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.settings import Settings
from cosmos3_operator.reconcile.permissions import Atom, Row, rows
from support.api import CHILD_PATHS, MANAGED, NOT_LOOKED_AT, Api, ready
from support.atoms import atoms_of, without
from support.helm import NAMESPACE, Helm
from support.kubectl import Kubectl
from support.operator_process import OperatorProcess
from support.resources import TOKEN, generator, reasoner, simulated
from support.rights import apply, operator_account, remove, rendered
from support.waiting import eventually

Json = dict[str, Any]
Nudge = Callable[[], None]

ROWS: Mapping[Atom, Row] = {atom: row for row in rows() for atom in row.atoms()}
ATOMS = tuple(ROWS)
IMAGE = "example/operator:1"
AT_ONCE = 8
WATCHES = tuple(
    atom
    for atom in ATOMS
    if atom.scope == "namespace" and atom.verb in ("list", "watch") and atom.resource != "events"
)
OTHERS = tuple(atom for atom in ATOMS if atom.scope == "namespace" and atom not in WATCHES)
DEFINITIONS = tuple(atom for atom in ATOMS if atom.resource == "customresourcedefinitions")
LEASES = tuple(atom for atom in ATOMS if atom.scope == "release")
NODES, ALL_PODS = (
    next(atom for atom in ATOMS if atom.scope == "cluster" and atom.resource == name)
    for name in ("nodes", "pods")
)
KINDS = {path.rpartition("/")[2]: kind for kind, path in CHILD_PATHS.items()}
DROPS: Mapping[str, Json] = {
    "configmaps": {"guardrails": {"mode": "Disabled"}},
    "persistentvolumeclaims": {"cache": {"type": "EmptyDir"}},
    "networkpolicies": {"networkPolicy": {"enabled": False}},
    "jobs": {"huggingFace": None},
}
"""What a user changes so that the plan has no such child, or another one."""


def place(atom: Atom) -> str:
    """Name the namespace in which an atom is missing."""
    return f"lacks-{ATOMS.index(atom)}"


WHOLE = "lacks-nothing"


# The table and the chart.


def test_the_table_has_what_the_chart_allows_and_nothing_else(helm: Helm) -> None:
    cluster = rendered(helm, namespace=NAMESPACE, release="x")
    values = {"watchNamespaces": ["a"], "rbac": {"clusterReads": True}}
    roles = rendered(helm, values, namespace=NAMESPACE, release="x")
    allowed = {
        *atoms_of(role(roles, "Role", namespace="a"), "namespace"),
        *atoms_of(role(roles, "ClusterRole"), "cluster"),
        *atoms_of(role(roles, "Role", namespace=NAMESPACE), "release"),
    }
    in_cluster = set(atoms_of(role(cluster, "ClusterRole"), "namespace"))
    of_namespaces = {atom for atom in allowed if atom.scope == "namespace"}
    allowed |= {atom._replace(scope="cluster") for atom in in_cluster - of_namespaces}
    assert of_namespaces <= in_cluster
    assert set(ATOMS) == allowed
    assert len(ATOMS) == sum(len(list(row.atoms())) for row in rows()), "no atom has two rows"


def role(objects: list[Json], kind: str, namespace: str = "") -> Json:
    (found,) = [
        one
        for one in objects
        if one["kind"] == kind and one["metadata"].get("namespace", "") == namespace
    ]
    return found


# Everything at once.


class Stage(NamedTuple):
    """Operators that each lack something."""

    api: Api
    others: OperatorProcess
    watches: OperatorProcess
    definitions: Mapping[Atom, OperatorProcess]
    leases: Mapping[Atom, OperatorProcess]
    pool: ThreadPoolExecutor
    whole: Future[None]
    found: dict[Atom, Future[None]]


@pytest.fixture(scope="module")
def stage(
    kubeconfig: Path, api: Api, crds_installed: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Start all operators, and all that has to happen under their eyes."""
    folder = tmp_path_factory.mktemp("roles")
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        make = partial(pool.submit, admin=kubeconfig, folder=folder)
        making = {
            **{atom: make(serves_all_namespaces, atom=atom) for atom in DEFINITIONS},
            **{atom: make(candidate, atom=atom) for atom in LEASES},
            OTHERS: make(operator, release="others", lacks=(NODES, *OTHERS), places=(WHOLE,)),
            WATCHES: make(operator, release="watches", lacks=(ALL_PODS, *WATCHES)),
        }
        made = {what: future.result() for what, future in making.items()}
        for process in made.values():
            stack.callback(process.end)
        definitions = {atom: made[atom] for atom in DEFINITIONS}
        leases = {atom: made[atom] for atom in LEASES}
        others, watches = made[OTHERS], made[WATCHES]
        look_for_definitions(definitions)
        for process in (watches, *leases.values()):
            process.start(wait=False)
        others.start()
        whole = pool.submit(serves_all, api)
        found = {atom: pool.submit(look, api, others, atom) for atom in (NODES, *OTHERS)}
        yield Stage(api, others, watches, definitions, leases, pool, whole, found)
        pool.shutdown(cancel_futures=True)
    clear(kubeconfig, api)


def operator(
    admin: Path,
    folder: Path,
    *,
    release: str,
    lacks: tuple[Atom, ...],
    places: tuple[str, ...] = (),
) -> OperatorProcess:
    """One operator for many namespaces, with the role in each but for one atom."""
    namespaces = [*map(place, lacks), *places]
    missing = {place(atom): atom for atom in lacks}

    def change(objects: list[Json]) -> None:
        for number, one in enumerate(objects):
            if one["kind"] == "ClusterRole":
                objects[number] = without(one, [a for a in lacks if a.scope == "cluster"])
            elif one["kind"] == "Role" and (atom := missing.get(one["metadata"]["namespace"])):
                objects[number] = without(one, [atom] if atom.scope == "namespace" else [])

    values = {"watchNamespaces": namespaces, "rbac": {"clusterReads": True}}
    account = operator_account(
        admin=admin, folder=folder / release, release=release, values=values, change=change
    )
    options = (f"--preflight-image={IMAGE}", *(f"--namespace={name}" for name in namespaces))
    return OperatorProcess(kubeconfig=account, log=folder / f"{release}.log", options=options)


def serves_all_namespaces(admin: Path, folder: Path, atom: Atom) -> OperatorProcess:
    """An operator for the whole cluster that lacks one permission there."""

    def change(objects: list[Json]) -> None:
        cluster = role(objects, "ClusterRole")
        objects[objects.index(cluster)] = without(cluster, [atom])

    release = f"definitions-{atom.verb}"
    account = operator_account(admin=admin, folder=folder / release, release=release, change=change)
    return OperatorProcess(kubeconfig=account, log=folder / f"{release}.log")


def look_for_definitions(operators: Mapping[Atom, OperatorProcess]) -> None:
    """Run them until each has said what it may not do, and no longer.

    They have all namespaces, and would do there what the others may not.
    """
    for process in operators.values():
        process.start(wait=False)
    for atom, process in operators.items():
        eventually(partial(said, process, atom), partial(says, atom), what=words(atom))
        process.end()


def candidate(admin: Path, folder: Path, atom: Atom) -> OperatorProcess:
    """An operator that lacks a permission on its Lease."""

    def change(objects: list[Json]) -> None:
        leader = role([o for o in objects if o["metadata"]["name"].endswith("-leader")], "Role", ns)
        objects[objects.index(leader)] = without(leader, [atom])

    ns = place(atom)
    account = operator_account(
        admin=admin,
        folder=folder / ns,
        namespace=ns,
        values={"watchNamespaces": [ns]},
        change=change,
    )
    return OperatorProcess(
        kubeconfig=account,
        log=folder / f"{ns}.log",
        options=("--leader-elect", f"--namespace={ns}"),
    )


def clear(admin: Path, api: Api) -> None:
    """Leave nothing behind that holds GPUs or allows anything."""
    releases = ("others", "watches", *(f"definitions-{atom.verb}" for atom in DEFINITIONS))
    for release in releases:
        remove(admin, release=release)
    for name in (*map(place, ATOMS), WHOLE):
        api.delete(f"/api/v1/namespaces/{name}")
        # The namespace's own controller takes its time, and nothing can be made anew any more.
        api.delete(f"/api/v1/namespaces/{name}/pods")
    for name in (*map(place, ATOMS), WHOLE):
        eventually(
            partial(api.pods, name), lambda pods: not pods, what=f"the end of pods in {name}"
        )


# What is seen.


def words(atom: Atom) -> str:
    """Return what the operator must say without an atom, in full."""
    if atom in DEFINITIONS:
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        return f"cannot read {path}: the API server answers 403: {must_allow(atom)}"
    if ROWS[atom].told == "readyz" and atom.scope == "namespace":
        return f"{atom.resource} in {place(atom)}: the API server answers 403: {must_allow(atom)}"
    where = (
        "at the cluster scope" if atom.scope == "cluster" else f'in the namespace "{place(atom)}"'
    )
    return f'cannot {atom.verb} resource "{atom.resource}" in API group "{atom.group}" {where}'


def must_allow(atom: Atom) -> str:
    return f"the operator's role must allow {atom.verb}"


def says(atom: Atom, text: str) -> bool:
    return words(atom) in text


def said(process: OperatorProcess, atom: Atom, api: Api | None = None) -> str:
    """Return the text in which the words must be, where docs/permissions.md says."""
    told = ROWS[atom].told
    if told == "readyz":
        return process.readyz()
    if told == "log":
        return "\n".join(entry["message"] for entry in process.entries())
    assert api is not None
    return str(ready(api.get(api.path(resource(atom))) or {}).get("message"))


def look(api: Api, process: OperatorProcess, atom: Atom) -> None:
    """Let happen what needs the atom, and see that it is lost and named."""
    nudge = happen(api, atom)

    def text() -> str:
        nudge()
        return said(process, atom, api)

    eventually(text, partial(says, atom), what=f"without {atom}, {words(atom)!r}")
    lost(api, atom)


# What happens.


def everything(namespace: str) -> Json:
    """A resource that has a child of each kind, and needs no GPU."""
    return generator(
        "all",
        namespace,
        runtime={"version": "0.30.0"},
        huggingFace=TOKEN,
        cache={"type": "Claim", "size": "10Gi"},
        replicas=0,
    )


def resource(atom: Atom) -> Json:
    """Return the resource that a user has in the namespace."""
    namespace = place(atom)
    if atom.resource.startswith("cosmosreasoners"):
        return reasoner("all", namespace, replicas=0)
    if atom.resource == "pods/log":
        pod = simulated(fail="exit", ready_after="100ms", back_off="1h")
        return reasoner("all", namespace, pod=pod)
    if atom.group == "" and atom.resource == "events":
        claim = {"type": "Claim", "size": "10Gi", "storageClassName": "there-is-none"}
        return reasoner("all", namespace, cache=claim)
    return everything(namespace)


def happen(api: Api, atom: Atom) -> Nudge:
    """Create the resource, and what else it takes; return what to do again and again."""
    body = resource(atom)
    if atom.resource in KINDS and atom.verb == "get":
        take_names(api, body, KINDS[atom.resource])
    api.create(body)
    if atom.verb == "delete":
        eventually(partial(children, api, atom), bool, what=f"{atom.resource} to delete")
        api.merge(api.path(body), {"spec": DROPS[atom.resource]})
    if atom.resource in ("cosmosgenerators", "cosmosreasoners"):
        return disturb(api, body)
    if (atom.group, atom.verb) == ("events.k8s.io", "patch"):
        return break_again(api, body)
    return lambda: None


def take_names(api: Api, body: Json, kind: str) -> None:
    """Create what has the names of children and belongs to somebody else."""
    resource = parse({**body, "metadata": {**body["metadata"], "uid": "u"}})
    plan = make_plan(resource, Facts(), settings=Settings(preflight_image=IMAGE))
    for child in render(plan):
        if child["kind"] == kind:
            name = child["metadata"]["name"]
            path = CHILD_PATHS[kind].format(body["metadata"]["namespace"])
            api.post(path, {**child, "metadata": {"name": name}})


def disturb(api: Api, body: Json) -> Nudge:
    """Change a resource all the time, so that a status meets a newer version of it."""
    numbers = count()

    def nudge() -> None:
        api.merge(
            api.path(body), {"spec": {"replicas": 0, "service": {"port": 9000 + next(numbers)}}}
        )
        for number in range(10):
            labels = {"metadata": {"labels": {"number": f"{next(numbers)}-{number}"}}}
            api.merge(api.path(body), labels)

    return nudge


def break_again(api: Api, body: Json) -> Nudge:
    """Break and mend a resource by turns: the same is told twice."""
    versions = count()

    def nudge() -> None:
        broken = next(versions) % 2 == 0
        found = api.merge(
            api.path(body), {"spec": {"runtime": {"version": "9.9.9" if broken else "0.30.0"}}}
        )
        eventually(
            lambda: api.get(api.path(body)) or {},
            lambda seen: ready(seen).get("observedGeneration") == found["metadata"]["generation"],
            what="a status of this generation",
        )

    return nudge


def children(api: Api, atom: Atom) -> list[Json]:
    """Return what the operator has made of this kind: a Job takes over the labels of its pods."""
    path = CHILD_PATHS[KINDS[atom.resource]].format(place(atom))
    found = (api.get(path, labelSelector=MANAGED) or {})["items"]
    return [one for one in found if one["metadata"].get("ownerReferences")]


def lost(api: Api, atom: Atom) -> None:
    """See what a user would miss, where that is more than words."""
    live = api.get(api.path(resource(atom))) or {} if atom.scope == "namespace" else {}
    if atom.resource.endswith("/status"):
        assert live["status"] == NOT_LOOKED_AT
    if atom.resource not in KINDS:
        return
    assert ready(live)["reason"] == "ChildRefused"
    assert f"The operator's role lacks {atom.verb} on " in ready(live)["message"]
    if atom.verb in ("create", "patch", "get"):
        assert children(api, atom) == []
    if atom.verb == "delete":
        assert children(api, atom)


def serves_all(api: Api) -> None:
    """See that a namespace where nothing is missing is served, whatever is missing in others."""
    body = api.create(everything(WHOLE))
    eventually(
        lambda: ready(api.get(api.path(body)) or {}),
        lambda seen: seen.get("reason") == "ScaledToZero",
        what="service in the namespace that lacks nothing",
    )
    assert {one["kind"] for one in api.children(WHOLE)} == set(CHILD_PATHS)


@pytest.mark.cluster
@pytest.mark.parametrize("atom", [NODES, *OTHERS], ids=str)
def test_without_it_something_is_lost_and_named(stage: Stage, atom: Atom) -> None:
    stage.found[atom].result()


@pytest.mark.cluster
def test_a_namespace_that_lacks_nothing_is_served_meanwhile(stage: Stage) -> None:
    stage.whole.result()
    told = "\n".join(entry["message"] for entry in stage.others.entries())
    assert f'in the namespace "{WHOLE}"' not in told


@pytest.mark.cluster
@pytest.mark.parametrize("atom", DEFINITIONS, ids=str)
def test_definitions_that_may_not_be_read_are_named(stage: Stage, atom: Atom) -> None:
    assert words(atom) in said(stage.definitions[atom], atom)


@pytest.mark.cluster
@pytest.mark.parametrize("atom", LEASES, ids=str)
def test_who_may_not_hold_a_lease_never_works_and_is_not_ready(stage: Stage, atom: Atom) -> None:
    process = stage.leases[atom]
    eventually(partial(said, process, atom), partial(says, atom), what=words(atom))
    told = [entry["message"] for entry in process.entries() if entry["level"] == "warning"]
    assert len([one for one in told if words(atom) in one]) == 1, told
    assert not any("all watches run" in entry["message"] for entry in process.entries())


@pytest.mark.cluster
def test_without_one_list_or_watch_nothing_is_served_until_it_is_granted(
    stage: Stage, kubeconfig: Path, tmp_path: Path
) -> None:
    api, process = stage.api, stage.watches
    bodies = [api.create(reasoner("all", place(atom), replicas=0)) for atom in WATCHES]
    eventually(
        process.readyz,
        lambda text: all(words(atom) in text for atom in WATCHES),
        what=f"{[*map(words, WATCHES)]} in /readyz",
    )
    told = "\n".join(entry["message"] for entry in process.entries())
    assert [atom for atom in WATCHES if must_allow(atom) not in told] == []
    seen = [api.get(api.path(body)) for body in bodies]
    assert [live for live in seen if live is None or live["status"] != NOT_LOOKED_AT] == []

    values = {"watchNamespaces": [*map(place, WATCHES)], "rbac": {"clusterReads": False}}
    roles = rendered(Helm(home=tmp_path), values, namespace=NAMESPACE, release="watches")
    apply(Kubectl(kubeconfig), [one for one in roles if one["kind"] == "Role"])
    process.wait_until_watching()
    eventually(process.readyz, lambda text: text == "ok\n", what="readiness")
    for body in bodies:
        eventually(
            lambda body=body: ready(api.get(api.path(body)) or {}),
            lambda seen: seen.get("reason") == "ScaledToZero",
            what="service",
        )

    pod = {"resources": {"requests": {"cpu": "9000"}}}
    api.create(reasoner("large", place(ALL_PODS), pod=pod))
    eventually(
        partial(said, process, ALL_PODS),
        partial(says, ALL_PODS),
        what=words(ALL_PODS),
    )
