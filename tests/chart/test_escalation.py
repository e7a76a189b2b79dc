"""Who may only edit our kinds gains nothing through them that the namespace forbids.

The API server's own Pod Security admission judges every pod that the operator's code makes: of the
golden cases, and of specs that Hypothesis draws from the CRD's schema. In `baseline` all are let
in; in `restricted` all whose spec says runAsNonRoot, and of the others nothing is objected to but
that. Then a user with no right but on our kinds tries by hand: fields that would shape a pod beyond
that, names that others have, claims of others. What Pod Security does not cover is in
docs/permissions.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes.client.exceptions import ApiException

from cosmos3_operator.api.crds import schema
from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.resource import Kind, parse
from cosmos3_operator.manifests.render import render
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.make import make_plan
from cosmos3_operator.plan.settings import Settings
from strategies import UID, valid
from support.api import CHILD_PATHS, Api, ready
from support.kubectl import ROOT, Kubectl
from support.resources import PLURALS, generator, reasoner, simulated
from support.rights import apply
from support.settling import settled
from support.waiting import eventually

Json = dict[str, Any]
LEVELS = ("baseline", "restricted")
AS_NOBODY = {"runAsNonRoot": True, "runAsUser": 2000}
ROOTLESS = re.compile(
    r'violates PodSecurity "restricted:latest": '
    r"(runAsNonRoot != true \([^()]*(\([^()]*\))?[^()]*\)|runAsUser=0 \([^()]*\)|, )+$"
)
"""What `restricted` says of a pod that may run as root, and of nothing else."""
EXAMPLES = 60
OWN_LABELS = ("app.kubernetes.io/", "serving.cosmos3.io/")


def rendered(body: Json) -> list[Json]:
    """Return the children of a resource, none if the operator refuses it."""
    try:
        body = {**body, "metadata": {**body["metadata"], "uid": UID}}
        plan = make_plan(
            parse(body), Facts(), settings=Settings(preflight_image="example/operator:1")
        )
    except Invalid:
        return []
    return render(plan)


def pods_of(children: list[Json]) -> Iterator[Json]:
    """Yield the pods that controllers will create of these."""
    for child in children:
        if child["kind"] in ("Deployment", "Job"):
            template = child["spec"]["template"]
            yield {
                "metadata": {"generateName": "a-", **template["metadata"]},
                "spec": template["spec"],
            }


def golden_resources() -> dict[str, Json]:
    """Return every example, and the resource of every golden case."""
    files = [*ROOT.glob("examples/*.yaml"), *ROOT.glob("tests/golden/*/cr.yaml")]
    return {
        f"{file.parent.name}/{file.stem}/{body['metadata']['name']}": body
        for file in sorted(files)
        for body in yaml.safe_load_all(file.read_text("utf-8"))
        if body and body["kind"] in PLURALS
    }


GOLDEN = golden_resources()


def as_nobody(body: Json) -> Json:
    """Return the same resource, for servers that need no root."""
    pod = {**body["spec"].get("pod", {})}
    pod["securityContext"] = {**pod.get("securityContext", {}), **AS_NOBODY}
    return {**body, "spec": {**body["spec"], "pod": pod}}


# Without a cluster: what no spec can ask for.


@pytest.mark.parametrize("kind", list(Kind))
def test_a_spec_has_no_words_for_what_pod_security_forbids(kind: Kind) -> None:
    names = set(fields(schema(kind)["properties"]["spec"]))
    assert not names & {
        *("hostNetwork", "hostPID", "hostIPC", "hostPath", "hostPort", "hostAliases", "hostUsers"),
        *("privileged", "capabilities", "allowPrivilegeEscalation", "procMount", "sysctls"),
        *("seccompProfile", "seLinuxOptions", "appArmorProfile", "windowsOptions"),
        *("serviceAccountName", "serviceAccount", "automountServiceAccountToken"),
        *("volumes", "volumeMounts", "volumeDevices", "containers", "initContainers"),
        *("envFrom", "fieldRef", "command", "lifecycle", "nodeName", "schedulerName"),
        *("finalizers", "ownerReferences", "namespace", "externalIPs", "nodePort"),
    }
    assert "x-kubernetes-preserve-unknown-fields" not in json.dumps(schema(kind))


def fields(node: Mapping[str, Any]) -> Iterator[str]:
    for name, part in node.get("properties", {}).items():
        yield name
        yield from fields(part)
    if "items" in node:
        yield from fields(node["items"])


@pytest.mark.parametrize("kind", list(Kind))
@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_drawn_spec_stays_in_its_namespace_and_among_its_own(
    kind: Kind, data: st.DataObject
) -> None:
    body = data.draw(valid(kind))
    children = rendered(body)
    for child in children:
        assert child["metadata"]["namespace"] == "default"
        assert child["metadata"]["name"].startswith("a-")
        assert "finalizers" not in child["metadata"]
        assert all(ref["uid"] == UID for ref in child["metadata"].get("ownerReferences", ()))
        if child["kind"] == "Service":
            assert child["spec"]["type"] == "ClusterIP"
            assert "externalIPs" not in child["spec"]
    for pod in pods_of(children):
        spec, labels = pod["spec"], pod["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "a"
        assert labels["app.kubernetes.io/managed-by"] == "cosmos3-operator"
        assert not [name for name in labels if name.startswith(OWN_LABELS) and name in asked(body)]
        assert spec["automountServiceAccountToken"] is False
        assert not spec.keys() & {"serviceAccountName", "hostNetwork", "hostPID", "hostIPC"}
        for volume in spec.get("volumes", ()):
            assert volume.keys() <= {"name", "emptyDir", "configMap", "persistentVolumeClaim"}
            if "configMap" in volume:
                assert volume["configMap"]["name"].startswith("a-")


def asked(body: Json) -> Json:
    labels: Json = body["spec"].get("pod", {}).get("labels", {})
    return labels


# On a real API server: Pod Security admission.


@pytest.fixture(scope="module")
def levels(api: Api) -> Iterator[Mapping[str, str]]:
    """A namespace for each level that enforces it."""
    names = {level: f"level-{level}" for level in LEVELS}
    for level, name in names.items():
        labels = {"pod-security.kubernetes.io/enforce": level}
        api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        eventually(partial(api.get, account), bool, what="the account of pods")
    yield names
    for name in names.values():
        api.delete(f"/api/v1/namespaces/{name}")


def objection(api: Api, namespace: str, pod: Json) -> str:
    """Ask the API server whether it would let a pod in; return why not."""
    spec = {
        k: v for k, v in pod["spec"].items() if k not in ("priorityClassName", "runtimeClassName")
    }
    try:
        api.post(f"/api/v1/namespaces/{namespace}/pods?dryRun=All", {**pod, "spec": spec})
    except ApiException as error:
        return str(json.loads(error.body)["message"])
    return ""


@pytest.mark.cluster
def test_pod_security_is_enforced_here(levels: Mapping[str, str], api: Api) -> None:
    """Otherwise the other tests show nothing."""
    container = {"name": "a", "image": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [container]}}
    for level, name in levels.items():
        assert f'violates PodSecurity "{level}:latest"' in objection(api, name, pod)


@pytest.mark.cluster
@pytest.mark.parametrize("case", GOLDEN)
def test_pods_of_the_golden_cases(levels: Mapping[str, str], api: Api, case: str) -> None:
    judge(levels, api, GOLDEN[case])


@pytest.mark.cluster
@pytest.mark.parametrize("kind", list(Kind))
def test_pods_of_drawn_specs(levels: Mapping[str, str], api: Api, kind: Kind) -> None:
    seen = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(body=valid(kind))
    def check(body: Json) -> None:
        nonlocal seen
        seen += judge(levels, api, body)

    check()
    assert seen > EXAMPLES / 2, "most must be served, or this shows little"


def judge(levels: Mapping[str, str], api: Api, body: Json) -> int:
    """Have all pods of a resource judged; return how many there were."""
    pods = list(pods_of(rendered(body)))
    for pod in pods:
        assert objection(api, levels["baseline"], pod) == ""
        said = objection(api, levels["restricted"], pod)
        assert said == "" or ROOTLESS.search(said), said
    for pod in pods_of(rendered(as_nobody(body))):
        assert objection(api, levels["restricted"], pod) == ""
    return len(pods)


# On a real API server: a user who has nothing but our kinds.


@pytest.fixture
def editor(kubeconfig: Path, namespace: str) -> Kubectl:
    """Someone who may edit our kinds in one namespace, and nothing else anywhere."""
    group, user = "rbac.authorization.k8s.io", f"editor-of-{namespace}"
    kinds = [*PLURALS.values(), *(f"{plural}/scale" for plural in PLURALS.values())]
    meta = {"name": "editor", "namespace": namespace}
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "Role",
        "metadata": meta,
        "rules": [{"apiGroups": ["serving.cosmos3.io"], "resources": kinds, "verbs": ["*"]}],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "editor"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    apply(Kubectl(kubeconfig), [role, binding])
    return Kubectl(kubeconfig, person=user)


def create(kubectl: Kubectl, body: Json) -> str:
    """Try to create a resource; return the answer."""
    return kubectl("create", "--validate=strict", "-f", "-", stdin=json.dumps(body), check=False)


ATTACKS: dict[str, Json] = {
    "host network": {"pod": {"hostNetwork": True}},
    "another account": {"pod": {"serviceAccountName": "admin"}},
    "a token": {"pod": {"automountServiceAccountToken": True}},
    "a host path": {"pod": {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}},
    "a host path as cache": {"cache": {"type": "HostPath", "path": "/"}},
    "a sidecar": {"pod": {"containers": [{"name": "a", "image": "a"}]}},
    "privileges": {"pod": {"securityContext": {"privileged": True}}},
    "capabilities": {"pod": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}},
    "escalation": {"pod": {"securityContext": {"allowPrivilegeEscalation": True}}},
    "seccomp": {"pod": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}},
    "AppArmor": {"pod": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}},
    "SELinux": {"pod": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}},
    "sysctls": {"pod": {"securityContext": {"sysctls": [{"name": "a", "value": "b"}]}}},
    "AppArmor, as an annotation": {
        "pod": {
            "annotations": {"container.apparmor.security.beta.kubernetes.io/server": "unconfined"}
        }
    },
    "seccomp, as an annotation": {
        "pod": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}}
    },
    "a static pod": {"pod": {"annotations": {"kubernetes.io/config.source": "file"}}},
    "labels of another resource": {"pod": {"labels": {"app.kubernetes.io/instance": "other"}}},
    "labels of another controller": {"pod": {"labels": {"pod-template-hash": "other"}}},
    "all variables of a Secret": {"pod": {"envFrom": [{"secretRef": {"name": "a"}}]}},
    "the node's fields": {
        "pod": {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}]}
    },
    "a Secret of another namespace": {
        "huggingFace": {"tokenSecretRef": {"name": "hf", "namespace": "kube-system"}}
    },
    "a claim of another namespace": {"cache": {"type": "ExistingClaim", "claimName": "other/a"}},
    "a mount over the system": {"media": {"claimName": "a", "mountPath": "/"}},
    "a way out of the volume": {"media": {"claimName": "a", "subPath": "../.."}},
    "a door to the world": {"service": {"type": "LoadBalancer"}},
    "an address of its own": {"service": {"externalIPs": ["10.0.0.1"]}},
}


@pytest.mark.cluster
@pytest.mark.usefixtures("crds_installed")
@pytest.mark.parametrize("what", ATTACKS)
def test_the_api_server_takes_no_such_spec(api: Api, what: str) -> None:
    """Said plainly to who asks for strict validation, as kubectl does; else it may be dropped."""
    body = generator("attack", "default", **ATTACKS[what])
    path = f"{api.collection(body)}?dryRun=All&fieldValidation"
    with pytest.raises(ApiException) as refusal:
        api.post(f"{path}=Strict", body)
    assert refusal.value.status in (400, 422)
    assert set(fields_of(ATTACKS[what])) & set(re.split(r"[^A-Za-z]+", str(refusal.value.body)))
    assert not holds(kept(api, f"{path}=Ignore", body), ATTACKS[what])


def kept(api: Api, path: str, body: Json) -> Json | None:
    """Return the spec that would be stored, None if a rule refuses it."""
    try:
        return dict(api.post(path, body)["spec"])
    except ApiException as error:
        if error.status == 422:
            return None
        raise


@pytest.mark.cluster
def test_a_harmless_spec_is_taken_whole(api: Api, crds_installed: None) -> None:
    """Otherwise the refusals show nothing."""
    spec = {"pod": {"labels": {"team": "a"}, "securityContext": {"runAsNonRoot": True}}}
    body = generator("harmless", "default", **spec)
    for validation in ("Strict", "Ignore"):
        path = f"{api.collection(body)}?dryRun=All&fieldValidation={validation}"
        assert holds(api.post(path, body)["spec"], spec)


def fields_of(fragment: Any) -> Iterator[str]:
    """Yield the names of fields on the way, and values such as labels."""
    if isinstance(fragment, dict):
        for name, value in fragment.items():
            yield name
            yield from fields_of(value)
    elif isinstance(fragment, list):
        for item in fragment:
            yield from fields_of(item)


def holds(live: Any, fragment: Any) -> bool:
    """Tell whether all of a fragment is in what was stored."""
    if isinstance(fragment, dict):
        return isinstance(live, dict) and all(
            name in live and holds(live[name], value) for name, value in fragment.items()
        )
    if isinstance(fragment, list):
        return isinstance(live, list) and all(any(holds(x, y) for x in live) for y in fragment)
    return bool(live == fragment)


@pytest.mark.cluster
@pytest.mark.usefixtures("operator")
def test_the_editor_reaches_nothing_that_others_have(
    editor: Kubectl, api: Api, namespace: str
) -> None:
    body = generator(
        "a", namespace, runtime={"version": "0.30.0"}, cache={"type": "Claim", "size": "1Gi"}
    )
    victims = [taken(api, child) for child in rendered(body)]
    assert len(victims) == 5
    assert "created" in create(editor, body)
    said = ready(settled(api, body, "NameTaken"))["message"]
    assert all(f"{kind} a-generator" in said for kind in ("Deployment", "Service", "NetworkPolicy"))
    editor("delete", "-n", namespace, "cosmosgenerators/a", "--cascade=foreground")
    eventually(lambda: api.get(api.path(body)), lambda seen: seen is None, what="its end")
    assert [alike(api.get(path)) for path, _ in victims] == [before for _, before in victims]
    for kind in ("deployments", "services", "persistentvolumeclaims", "secrets", "pods"):
        said = editor("get", "-n", namespace, kind, check=False)
        assert "is forbidden" in said


def taken(api: Api, child: Json) -> tuple[str, Json]:
    """Let somebody else have an object of a child's name; return where it is, and what."""
    metadata = child["metadata"]
    path = CHILD_PATHS[child["kind"]].format(metadata["namespace"])
    labels = {"app": "theirs"}
    if child["kind"] == "Deployment":
        template = {"metadata": {"labels": labels}, "spec": child["spec"]["template"]["spec"]}
        selector = {"matchLabels": labels}
        child = {**child, "spec": {"replicas": 0, "selector": selector, "template": template}}
    made = api.post(path, {**child, "metadata": {"name": metadata["name"], "labels": labels}})
    return f"{path}/{made['metadata']['name']}", alike(made)


def alike(live: Json | None) -> Json:
    """Return what must not change: identity, marks, owners, content."""
    assert live is not None
    metadata = {key: live["metadata"].get(key) for key in ("uid", "labels", "ownerReferences")}
    content = {key: live[key] for key in ("spec", "data") if key in live}
    content.get("spec", {}).pop("volumeName", None)
    return {"metadata": metadata, **content}


@pytest.mark.cluster
@pytest.mark.usefixtures("operator")
def test_a_claim_of_somebody_else_is_mounted_and_never_owned(
    editor: Kubectl, api: Api, namespace: str
) -> None:
    claim = {
        "metadata": {"name": "theirs"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    before = alike(api.post(path, claim))
    body = reasoner(
        "a",
        namespace,
        cache={"type": "ExistingClaim", "claimName": "theirs"},
        pod=simulated(ready_after="100ms"),
    )
    assert "created" in create(editor, body)
    settled(api, body, "Serving")
    editor("delete", "-n", namespace, "cosmosreasoners/a")
    eventually(lambda: api.pods(namespace), lambda pods: not pods, what="the end of its pod")
    assert alike(api.get(f"{path}/theirs")) == before


@pytest.mark.cluster
@pytest.mark.usefixtures("operator")
def test_in_a_restricted_namespace_root_is_refused_and_said(
    kubeconfig: Path, editor: Kubectl, api: Api, namespace: str
) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    Kubectl(kubeconfig)("label", "namespace", namespace, label)
    body = reasoner("a", namespace, pod=simulated(ready_after="100ms"))
    assert "created" in create(editor, body)
    assert "runAsNonRoot" in ready(settled(api, body, "PodsRefused"))["message"]
    patch = json.dumps({"spec": {"pod": {"securityContext": AS_NOBODY}}})
    editor("patch", "-n", namespace, "cosmosreasoners/a", "--type=merge", "-p", patch)
    settled(api, body, "Serving")


# The example of a policy for what Pod Security does not cover.

POLICY = ROOT / "examples" / "policies" / "limit-editors.yaml"
SECRET = {"secretKeyRef": {"name": "model-a", "key": "k"}}
ALLOWED: Json = {
    "runtime": {"image": "registry.example.com/team/vllm-omni:v0.30.0", "version": "0.30.0"},
    "huggingFace": {"tokenSecretRef": {"name": "model-token"}},
    "apiKeySecretRef": {"name": "model-key"},
    "cache": {"type": "ExistingClaim", "claimName": "model-weights"},
    "media": {"claimName": "model-media"},
    "pod": {
        "env": [{"name": "A", "value": "a"}, {"name": "B", "valueFrom": SECRET}],
        "imagePullSecrets": [{"name": "model-registry"}],
    },
}
OTHER_SECRET = {"secretKeyRef": {"name": "database", "key": "k"}}
DENIED: dict[str, tuple[Json, str]] = {
    "image": ({"runtime": {"image": "docker.io/a", "version": "0.30.0"}}, "only images of"),
    "token": ({"huggingFace": {"tokenSecretRef": {"name": "database"}}}, "only Secrets"),
    "key": ({"apiKeySecretRef": {"name": "database"}}, "only Secrets"),
    "variable": ({"pod": {"env": [{"name": "A", "valueFrom": OTHER_SECRET}]}}, "only Secrets"),
    "pull secret": ({"pod": {"imagePullSecrets": [{"name": "database"}]}}, "only Secrets"),
    "cache": ({"cache": {"type": "ExistingClaim", "claimName": "database"}}, "only claims"),
    "media": ({"media": {"claimName": "database"}}, "only claims"),
    "priority": ({"pod": {"priorityClassName": "high"}}, "priorityClassName is not allowed"),
}


@pytest.fixture(scope="module")
def limited(kubeconfig: Path, api: Api, crds_installed: None) -> Iterator[str]:
    """A namespace in which the policy holds."""
    labels = {"cosmos3.example.com/limited": "true"}
    api.post("/api/v1/namespaces", {"metadata": {"name": "limited", "labels": labels}})
    kubectl = Kubectl(kubeconfig)
    kubectl("apply", "--server-side", "-f", str(POLICY))
    spec, words = DENIED["image"]
    eventually(
        partial(denial, api, generator("a", "limited", **spec)),
        lambda said: words in said,
        what="the policy to hold",
    )
    yield "limited"
    kubectl("delete", "-f", str(POLICY))
    api.delete("/api/v1/namespaces/limited")


def denial(api: Api, body: Json) -> str:
    """Return why a resource would not be taken."""
    try:
        api.post(f"{api.collection(body)}?dryRun=All", body)
    except ApiException as error:
        return str(json.loads(error.body)["message"])
    return ""


@pytest.mark.cluster
@pytest.mark.parametrize("make", [generator, reasoner])
def test_the_policy_lets_in_what_is_meant_for_models(api: Api, limited: str, make: Any) -> None:
    assert denial(api, make("a", limited)) == ""
    assert denial(api, make("a", limited, **ALLOWED)) == ""


@pytest.mark.cluster
@pytest.mark.parametrize("what", DENIED)
def test_the_policy_denies_the_rest(api: Api, limited: str, what: str) -> None:
    spec, words = DENIED[what]
    assert words in denial(api, generator("a", limited, **spec))
    assert denial(api, generator("a", "default", **spec)) == ""
