"""Hypothesis strategies for resources: valid, nearly valid, nonsense.

They walk the CRD's schema, so that a new field is drawn as soon as it exists; a text field needs
an entry in TEXTS, which a test insists on. Few fields are drawn at a time: most specs that mean to
be valid are, and a failing one is short.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cosmos3_operator.api.crds import schema
from cosmos3_operator.api.resource import API_VERSION, Kind
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Surface

Json = dict[str, Any]
Path = tuple[str | int, ...]

SURFACES = {Kind.GENERATOR: Surface.GENERATOR, Kind.REASONER: Surface.REASONER}
MODELS = tuple(checkpoint.model for checkpoint in load().checkpoints)
_OTHER_MODELS = ("acme/my-cosmos", "/cache/models/mine", "a/b", "x/" + "y" * 190)
UID = "00000000-0000-4000-8000-000000000000"
_KEYS = ("team", "example.com/team", "a", "x" * 63, "topology.kubernetes.io/zone")
_LABELS = ("a", "", "A-1_b.c", "x" * 63, "v1.0")
_OBJECTS = ("hf-token", "a", "a.b-c", "x" * 63, "0", "x" * 253)
_BYTES = (
    *("64Gi", "80G", "1.5Ti", "0.25Gi", "100M", "1073741824", "999999Gi", "1Ki", "007k", "0.001k"),
    *("999Ti", "999.999T", "999999999Mi", "9" * 15),
)

TEXTS: Mapping[str, tuple[str, ...]] = {
    "generator.model": (*load().models(Surface.GENERATOR), *_OTHER_MODELS),
    "reasoner.model": (*load().models(Surface.REASONER) * 3, *_OTHER_MODELS, MODELS[-1]),
    "servedModelName": ("my-cosmos", "a/b", "x" * 192),
    "size": _BYTES,
    "minMemory": _BYTES,
    "memory": _BYTES,
    "ephemeral-storage": _BYTES,
    "storageClassName": _OBJECTS,
    "claimName": _OBJECTS,
    "priorityClassName": _OBJECTS,
    "runtimeClassName": _OBJECTS,
    "name": _OBJECTS,
    "env.name": ("A", "_b", "VLLM_LOGGING_LEVEL", "USER", "NCCL_DEBUG", "X" * 256),
    "env.value": ("", "1", "a b", "ä\n", "$(A)", "x" * 8192),
    "secretKeyRef.key": ("HF_TOKEN", "api-key", ".x", "a.b", "x" * 253),
    "configMapKeyRef.key": ("HF_TOKEN", "api-key", ".x", "a.b", "x" * 253),
    "tokenSecretRef.key": ("HF_TOKEN", "a.b"),
    "apiKeySecretRef.key": ("api-key", "a.b"),
    "tolerations.key": ("nvidia.com/gpu", "gpu", ""),
    "tolerations.value": _LABELS,
    "matchExpressions.key": _KEYS,
    "values": (*_LABELS, "5", "0"),
    "topologyKey": ("kubernetes.io/hostname", "topology.kubernetes.io/zone", "a"),
    "resourceName": ("nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "amd.com/gpu"),
    "products": ("NVIDIA-H100-80GB-HBM3", "NVIDIA-L40S", "x" * 63),
    "blockedCIDRs": ("10.0.0.0/8", "10.1.2.3/8", "255.255.255.255/32", "0.0.0.0/1"),
    "version": tuple(sorted({runtime.name for runtime in load().runtimes} | {"9.9.9"})),
    "image": (
        "registry.example.com/vllm-omni:v0.28.0",
        "vllm/vllm-omni:cosmos3",
        "localhost:5000/a@sha256:" + "0" * 64,
        "a",
    ),
    "revision": ("main", "a/b", "0" * 40),
    "mountPath": ("/media", "/data/videos", "/mnt", "/a.b/-c"),
    "subPath": ("datasets", "a/b.c", "x" * 256),
    "allowedMediaDomains": ("media.example.com", "a", "0.example"),
    "extraArgs": ("--enforce-eager", "--max-num-seqs=4", "--seed", "-O1", "--a.b=c", "-ep"),
    "labels{}": _LABELS,
    "nodeSelector{}": _LABELS,
    "matchLabels{}": _LABELS,
    "annotations{}": ("", "a b", "x" * 4096),
}
"""Good values by the end of a text field's path; longer ends win."""

CPUS = (1, 8, 99_999, "8", "0.5", "0.25", ".5", "500m", "1.125", 4.0)

_EXPRESSIONS = (
    {"key": "a", "operator": "In", "values": ["x", "y"]},
    {"key": "example.com/a", "operator": "Exists"},
    {"key": "a", "operator": "DoesNotExist", "values": []},
    {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["79999"]},
)

GROUPS: Mapping[str, tuple[Json, ...]] = {
    "parallelism": (
        {},
        {"tensor": 1},
        {"tensor": 2},
        {"tensor": 4},
        {"tensor": 8.0},
    ),
    "generator.parallelism": (
        {"tensor": 4, "cfg": 2},
        {"ulysses": 8},
        {"cfg": 2, "ulysses": 4, "hsdp": True},
        {"hsdp": False},
        {"gpus": 8, "goal": "Latency"},
        {"gpus": 16},
        {"gpus": 2, "goal": "Throughput"},
        {"cfg": 1, "ulysses": 2},
    ),
    "cache": (
        {"type": "EmptyDir"},
        {"size": "200Gi"},
        {"type": "Claim"},
        {"type": "Claim", "size": "200Gi", "storageClassName": "fast", "retention": "Retain"},
        {"type": "Claim", "size": "1Ti", "accessMode": "ReadWriteMany"},
        {"type": "ExistingClaim", "claimName": "weights"},
    ),
    "tolerations": (
        {"operator": "Exists"},
        {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "a", "value": "b"},
        {"key": "a"},
        {"key": "", "operator": "Exists", "value": ""},
    ),
    "env": (
        {"name": "A"},
        {"name": "B", "value": "b"},
        {"name": "USER", "value": "me"},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k"}}},
    ),
    "matchExpressions": _EXPRESSIONS,
    "guardrails": ({}, {"mode": "Disabled"}, {"offloadModels": True}),
    "ingressFrom": (
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {"matchLabels": {}}},
    ),
    "resources": (
        {"requests": {"cpu": 4, "memory": "64Gi"}, "limits": {"cpu": "4", "memory": "65536Mi"}},
        {"limits": {"cpu": "1500m", "memory": "96Gi", "ephemeral-storage": "200Gi"}},
        {"requests": {"cpu": "0.25", "memory": "1G"}},
    ),
    "reasoner.runtime": (
        {},
        {"cuda": "12"},
        {"mode": "Plugin", "image": "registry.example.com/plugin:1", "version": "0.21.0"},
    ),
}
"""Parts whose fields depend on each other, by the end of their path."""

NUMBERS = (0, 1, -1, 2, 3, 8, 9, 16, 17, 60, 255, 1000, 1001, 65536, 2**31 - 1, 2**31, 2**63)
WRONG: tuple[Any, ...] = (
    *(None, True, False, 2.0, 2.5, -1.0, 1e300, "", " ", "a", "A", "-", "/", "1", "true", "null"),
    *("a\n", "\n", "ä", "a b", "a..b", ".", "..", "-a", "a-", "x" * 64, "x" * 400, "x" * 9000),
    *([], {}, [None], [[]], [{}], [1], ["a", "a"], {"a": None}, {"a": 1}, {"": ""}, {"A b": "c"}),
    *("0", "0Gi", "0.0", "00", "1.0000Gi", "1e3", "5g", "-5Gi", "0m", "1000000", "0.0001", "10Ei"),
    *("/etc/x", "/cache", "/media/../etc", "//a", "/storage/x", "media", "../a", "/a/", "/a/.b"),
    *("a/b/c", "a//b", "a/b.git ", "nvidia/Cosmos3-", "/cache/", "/tmp/x", "nvidia/-a", "a/b--c"),
    *("latest", "a:b:c", "a@sha256:00", "http://a", "0.0.0.0/0", "10.0.0.0/33", "256.0.0.0/8"),
    *("HF_TOKEN", "HOME", "NVIDIA_VISIBLE_DEVICES", "requests.nvidia.com/gpu", "cpu", "None", "In"),
    *("hugepages-1/x", "kubernetes.io/gpu", "nvidia.com/", "/gpu", "a/" + "x" * 64, "x" * 254),
    *NUMBERS,
)
BAD_KEYS = (
    *("", "-", "a b", "x" * 64, "A/b", "/a", "a/", "a/b/c", "a\n", "app.kubernetes.io/name"),
    *("serving.cosmos3.io/x", "pod-template-hash", "kubernetes.io/config.mirror", "ä", "a..b/c"),
    *("scheduler.alpha.kubernetes.io/tolerations", "controller.kubernetes.io/pod-deletion-cost"),
    *("container.apparmor.security.beta.kubernetes.io/server", "y" * 253 + "/x", "y" * 251 + "/x"),
    *("service.beta.kubernetes.io/load-balancer-source-ranges", "a.b_c", "a_b/c"),
    *("service.kubernetes.io/topology-mode", "seccomp.security.alpha.kubernetes.io/pod"),
)
NAMES = ("a", "a" * 40, "a-1", "a" * 41, "1a", "a.b", "A", "a-", "-a", "", "ä", "x" * 300, "a_b")


def of_kind(kind: Kind, spec: Any, name: str = "a") -> Json:
    """Return a body with a spec."""
    return {
        "apiVersion": API_VERSION,
        "kind": str(kind),
        "metadata": {"name": name, "namespace": "default", "uid": UID},
        "spec": spec,
    }


@cache
def valid(kind: Kind) -> SearchStrategy[Json]:
    """Bodies that mean to be valid; a few break a rule between two fields."""
    node = schema(kind)["properties"]["spec"]
    return _value(node, f"{SURFACES[kind]}".lower()).map(lambda spec: of_kind(kind, spec))


@cache
def nearly_valid(kind: Kind) -> SearchStrategy[Json]:
    """Valid bodies with one or two things changed."""
    return _mutated(kind)


@cache
def nonsense(kind: Kind) -> SearchStrategy[Json]:
    """Bodies whose spec, or one part of it, is arbitrary JSON."""
    json = st.recursive(
        st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.text(max_size=5),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(_field_names(kind), part),
        max_leaves=8,
    )
    some = st.dictionaries(_field_names(kind), json, max_size=3)
    whole = some.map(lambda spec: of_kind(kind, {"model": MODELS[0], **spec}))
    return st.one_of(whole, json.map(lambda spec: of_kind(kind, spec)))


def bodies(kind: Kind) -> SearchStrategy[Json]:
    """Draw all three, mostly the interesting ones."""
    makers = (valid, nearly_valid, nearly_valid, valid, nearly_valid, nearly_valid, nonsense)
    return st.sampled_from(makers).flatmap(lambda make: make(kind))


def text_leaves(kind: Kind) -> Iterator[str]:
    """Yield the path of every text field without an enum."""
    for path, node in _leaves("", schema(kind)["properties"]["spec"]):
        if node.get("type") == "string" and "enum" not in node:
            yield path


def samples(table: Mapping[str, Any], path: str) -> Any | None:
    """Return the entry for the longest end of a path, None if there is none."""
    names = path.replace("[]", "").split(".")
    ends = (".".join(names[start:]) for start in range(len(names)))
    return next((table[end] for end in ends if end in table), None)


def _leaves(path: str, node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, node
    for name, part in node.get("properties", {}).items():
        yield from _leaves(f"{path}.{name}", part)
    if "items" in node:
        yield from _leaves(f"{path}[]", node["items"])
    if "additionalProperties" in node:
        yield from _leaves(f"{path}{{}}", node["additionalProperties"])


def _value(node: Mapping[str, Any], path: str) -> SearchStrategy[Any]:
    """Return good values of one node of the schema."""
    free = _free(node, path)
    group = samples(GROUPS, path) if "properties" in node else None
    if group is None:
        return free
    return st.integers(0, 2).flatmap(lambda own: st.sampled_from(group) if own else free)


def _free(node: Mapping[str, Any], path: str) -> SearchStrategy[Any]:
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "x-kubernetes-int-or-string" in node:
        return st.sampled_from(CPUS)
    return _BY_TYPE[node["type"]](node, path)


def _text(node: Mapping[str, Any], path: str) -> SearchStrategy[str]:
    if path.endswith("extraArgs[]"):
        return extra_arguments()
    return st.sampled_from(samples(TEXTS, path) or ("a",))


def _integer(node: Mapping[str, Any], path: str) -> SearchStrategy[int]:
    low, high = node.get("minimum", 0), node.get("maximum", 10)
    return st.one_of(st.sampled_from((low, high)), st.integers(low, high))


def _array(node: Mapping[str, Any], path: str) -> SearchStrategy[list[Any]]:
    items = _value(node["items"], f"{path}[]")
    return st.lists(items, min_size=node.get("minItems", 0), max_size=2)


def _object(node: Mapping[str, Any], path: str) -> SearchStrategy[Json]:
    if "additionalProperties" in node:
        values = _value(node["additionalProperties"], f"{path}{{}}")
        return st.dictionaries(st.sampled_from(_KEYS), values, max_size=2)
    fields = {name: _value(part, f"{path}.{name}") for name, part in node["properties"].items()}
    return _some_fields(fields, tuple(node.get("required", ())))


@st.composite
def _some_fields(
    draw: DrawFn, fields: Mapping[str, SearchStrategy[Any]], required: tuple[str, ...]
) -> Json:
    optional = [name for name in fields if name not in required]
    chosen = draw(st.lists(st.sampled_from(optional), max_size=4, unique=True)) if optional else []
    return {name: draw(fields[name]) for name in (*required, *chosen)}


_BY_TYPE = {
    "string": _text,
    "integer": _integer,
    "boolean": lambda node, path: st.booleans(),
    "array": _array,
    "object": _object,
}


def one_odd_number(kind: Kind) -> list[Json]:
    """Return, for every number of the schema, bodies in which it alone has an odd value."""
    top, root = schema(kind)["properties"]["spec"], str(SURFACES[kind]).lower()
    found = []
    for path, node in _all_leaves(kind):
        if node.get("type") == "integer":
            parts = path.replace("[]", ".[]").strip(".").split(".")
            values = sorted({*NUMBERS, *_limits(node)})
            found += [of_kind(kind, _with(top, root, parts, value)) for value in values]
    return found


def one_odd_field(kind: Kind) -> list[Json]:
    """Return, for every field of the schema, bodies in which it alone has an odd value."""
    top, root = schema(kind)["properties"]["spec"], str(SURFACES[kind]).lower()
    found = []
    for path, node in _all_leaves(kind):
        parts = path.replace("[]", ".[]").replace("{}", ".{}").strip(".").split(".")
        values = [*WRONG, *(samples(TEXTS, root + path) or ()), *_limits(node)]
        if "additionalProperties" in node:
            values += [{key: "a"} for key in BAD_KEYS]
        found += [of_kind(kind, _with(top, root, parts, value)) for value in values]
    return found


def _limits(node: Mapping[str, Any]) -> list[Any]:
    """Return the values on and just over a node's limits."""
    numbers = [node[limit] + over for limit, over in _OVER if limit in node]
    lengths = [node["maxLength"] + over for over in (0, 1) if "maxLength" in node]
    return [*numbers, *("a" * length for length in lengths)]


_OVER = (("minimum", 0), ("minimum", -1), ("maximum", 0), ("maximum", 1))


def _with(node: Mapping[str, Any], path: str, parts: list[str], value: Any) -> Any:
    """Return the smallest good value of a node, except for one part of it."""
    if not parts:
        return copy.deepcopy(value)
    name, *rest = parts
    if name == "[]":
        return [_with(node["items"], f"{path}[]", rest, value)]
    if name == "{}":
        return {"a": _with(node["additionalProperties"], f"{path}{{}}", rest, value)}
    part = _with(node["properties"][name], f"{path}.{name}", rest, value)
    return _smallest(node, path) | {name: part}


def _smallest(node: Mapping[str, Any], path: str) -> Any:
    if "enum" in node:
        return node["enum"][0]
    if node["type"] == "string":
        return (samples(TEXTS, path) or ("a",))[0]
    if node["type"] == "integer":
        return node.get("minimum", 1)
    if node["type"] == "array":
        return [_smallest(node["items"], f"{path}[]")]
    required = node.get("required", ())
    return {name: _smallest(node["properties"][name], f"{path}.{name}") for name in required}


@st.composite
def extra_arguments(draw: DrawFn) -> str:
    """Draw one word of a command line, seldom one that the operator owns."""
    return draw(st.sampled_from(TEXTS["extraArgs"] * 3)) if draw(st.booleans()) else "--seed"


@st.composite
def owned_arguments(draw: DrawFn, surface: Surface) -> str:
    """Draw one of the many ways to write, or nearly write, a flag that the operator owns."""
    flag = draw(st.sampled_from(load().owned_arguments(surface))).flag
    cut = draw(st.integers(0, len(flag)))
    forms = (
        flag,
        flag[: len(flag) - cut],
        flag.replace("-", "_").replace("__", "--", 1),
        flag.replace("--", "--no-", 1),
        flag.removeprefix("--no-"),
        flag.upper(),
        flag + "x",
        "--no_" + flag.lstrip("-")[:cut],
        flag[1:],
        "-" + flag,
        flag + " 4",
        f"$({flag})",
        f"--$({flag})",
    )
    ends = ("", "", "=4", ".a=b", "4", "=", " ", "+", "=$(A)")
    return draw(st.sampled_from(forms)) + draw(st.sampled_from(ends))


@cache
def _field_names(kind: Kind) -> SearchStrategy[str]:
    names = {path.rsplit(".", 1)[-1].strip("[]{}") for path, _ in _leaves("", schema(kind))}
    return st.sampled_from(sorted(names - {""}))


@st.composite
def _mutated(draw: DrawFn, kind: Kind) -> Json:
    body = copy.deepcopy(draw(valid(kind)))
    for _ in range(draw(st.sampled_from((1, 1, 1, 2)))):
        change = draw(st.sampled_from(_CHANGES))
        change(draw, kind, body)
    return body


def _rename(draw: DrawFn, kind: Kind, body: Json) -> None:
    body["metadata"]["name"] = draw(st.sampled_from(NAMES))


def _replace(draw: DrawFn, kind: Kind, body: Json) -> None:
    _put(body, draw(_place(body)), draw(st.sampled_from(WRONG)))


def _nudge(draw: DrawFn, kind: Kind, body: Json) -> None:
    """Change a value a little: just over the limit, another type that looks the same."""
    path = draw(_place(body))
    value = get(body, path)
    if isinstance(value, bool):
        changed: tuple[Any, ...] = (str(value).lower(), int(value))
    elif isinstance(value, int | float):
        changed = (value + 1, value - 1, -value, float(value), str(value), value + 0.5, value * 2)
    elif isinstance(value, str):
        changed = (value + "\n", value.upper(), "-" + value, value + ".", value * 2, [value], " ")
    elif isinstance(value, list):
        changed = (value + value[:1], value * 40, {}, None, [*value, None])
    elif value is None:
        changed = ("", [], {})
    else:
        changed = ([value], {**value, "unknown": 1}, {**value, "": {}}, "", None)
    _put(body, path, draw(st.sampled_from(changed)))


def _remove(draw: DrawFn, kind: Kind, body: Json) -> None:
    path = draw(_place(body))
    if len(path) > 1:
        del get(body, path[:-1])[path[-1]]


def _add(draw: DrawFn, kind: Kind, body: Json) -> None:
    """Give some field, drawn from the whole schema, a value that is probably wrong."""
    path, node = draw(st.sampled_from(_all_leaves(kind)))
    wrong = draw(st.integers(0, 3))
    value = draw(st.sampled_from(WRONG) if wrong else _value(node, path))
    if not isinstance(body.get("spec"), dict):
        return
    part: Any = value
    names = path.replace("[]", ".[]").replace("{}", ".{}").strip(".").split(".")
    for name in reversed(names):
        part = [part] if name == "[]" else {"a" if name == "{}" else name: part}
    _merge(body["spec"], part)


def _add_key(draw: DrawFn, kind: Kind, body: Json) -> None:
    place = draw(st.sampled_from(("labels", "annotations", "nodeSelector", "service")))
    labels = {draw(st.sampled_from(BAD_KEYS)): draw(st.sampled_from(("", "a", "x" * 64)))}
    part = {"service": {"annotations": labels}} if place == "service" else {"pod": {place: labels}}
    if isinstance(body.get("spec"), dict):
        _merge(body["spec"], part)


def _add_argument(draw: DrawFn, kind: Kind, body: Json) -> None:
    words = draw(st.lists(owned_arguments(SURFACES[kind]), min_size=1, max_size=2))
    if isinstance(body.get("spec"), dict):
        body["spec"]["extraArgs"] = words


_CHANGES = (
    *(_rename, _replace, _nudge, _replace, _nudge),
    *(_remove, _add, _add, _add_key, _add_argument, _add_argument),
)


@cache
def _all_leaves(kind: Kind) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    return tuple(_leaves("", schema(kind)["properties"]["spec"]))[1:]


def _place(body: Json) -> SearchStrategy[Path]:
    return st.sampled_from([("spec",), *places(body)])


def places(body: Json) -> list[Path]:
    """Return the path of every part of a spec, without the spec itself."""
    return list(_places(("spec",), body.get("spec")))[1:]


def _places(path: Path, value: Any) -> Iterator[Path]:
    yield path
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for name, part in parts:
        yield from _places((*path, name), part)


def get(body: Any, path: Path) -> Any:
    """Return the part of a body at a path."""
    for name in path:
        body = body[name]
    return body


def _put(body: Json, path: Path, value: Any) -> None:
    get(body, path[:-1])[path[-1]] = copy.deepcopy(value)


def _merge(into: Json, part: Json) -> None:
    for name, value in part.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = copy.deepcopy(value)
