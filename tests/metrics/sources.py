"""Writes the names of metrics that a server's source declares: ``python -m metrics.sources``.

For versions that do not run on a CPU, or of which one look is enough. In: the environments of
tests/compat; their files are parsed, never imported. Out: a text in recorded/ for each version, in
the exposition format but without samples.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

from compat.environments import cache_root
from metrics.record import RECORDED

KINDS = {
    "Counter": "counter",
    "Gauge": "gauge",
    "Histogram": "histogram",
    "_counter_cls": "counter",
    "_gauge_cls": "gauge",
    "_histogram_cls": "histogram",
}
"""What a declaration calls, and the type that it makes."""
FILES = {
    "vllm-omni": ("vllm_omni/metrics/prometheus.py", "vllm_omni/metrics/modality.py"),
    "vllm": ("vllm/v1/metrics/loggers.py",),
}
VERSIONS = (
    *(f"vllm-omni-{version}" for version in ("0.22.0", "0.24.0", "0.26.0", "0.28.0")),
    *(f"vllm-{version}" for version in ("0.19.1", "0.21.0", "0.23.0", "0.25.1", "0.33.0")),
)

Constants = Mapping[str, str]


def declared(packages: Path, engine: str) -> dict[str, str]:
    """Return the type of every metric that an engine's files declare."""
    constants = _constants(packages / "vllm_omni" / "metrics" / "definitions.py")
    found: dict[str, str] = {}
    for file in FILES[engine]:
        path = packages / file
        if path.is_file():
            found |= _declarations(ast.parse(path.read_text("utf-8")), constants)
    return dict(sorted(found.items()))


def exposition(name: str, metrics: Mapping[str, str]) -> str:
    """Write them the way a server that has seen no request would announce them."""
    lines = [f"# Declared by the source of {name}; no server was run and there are no samples."]
    for metric, kind in metrics.items():
        suffix = "_total" if kind == "counter" and not metric.endswith("_total") else ""
        lines.append(f"# TYPE {metric}{suffix} {kind}")
    return "\n".join(lines) + "\n"


def _declarations(tree: ast.Module, constants: Constants) -> dict[str, str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [(_text(_first(call), constants), _callee(call.func)) for call in calls]
    return {name: KINDS[callee] for name, callee in named if name and callee in KINDS}


def _callee(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _first(call: ast.Call) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    return next(iter([*named, *call.args]), None)


def _constants(path: Path) -> dict[str, str]:
    """Evaluate the plain assignments of texts in a file, in their order."""
    found: dict[str, str] = {}
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = _text(node.value, found)
            if text:
                found[node.targets[0].id] = text
    return found


def _text(node: ast.expr | None, constants: Constants) -> str:
    """Return the text of an expression; "" if it is none that can be told from here."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return constants.get(name, "")
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, constants) + _text(right, constants)
        case ast.JoinedStr(values=values):
            return "".join(_text(value, constants) for value in values)
        case ast.FormattedValue(value=value):
            return _text(value, constants)
    return ""


def main() -> int:
    """Write those that are named, or all."""
    for name in sys.argv[1:] or VERSIONS:
        packages = next((cache_root() / name).glob("lib/python*/site-packages"))
        text = exposition(name, declared(packages, name.rpartition("-")[0]))
        (RECORDED / f"{name}.names.txt").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
