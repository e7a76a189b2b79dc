"""Write the field reference in docs/spec/ and the pages about model servers and reasons.

In: the structural schemas that the CRDs carry; the catalog; the metrics; what the operator answers
to the rows of cannot.yaml; the rows of permissions.yaml; golden statuses; the failure gallery; what
GitOps tools saw. Out: one page for each kind, one for each reason and an index of those,
startup.md, observability.md, runtimes.md, runtime-limits.md, permissions.md, gallery.md and
gitops.md; what goes with Argo CD's health scripts. `make docs` runs this; a test fails when the
committed pages differ. With --check nothing is written, and the exit code tells whether the pages
are fresh.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

import argocd_health
import gallery_page
import gitops_page
import permissions_page
import reason_pages
import runtime_pages
from cosmos3_operator.api.crds import crd, schema
from cosmos3_operator.api.resource import GROUP, VERSION, Kind
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.startup import startup_lines
from cosmos3_operator.catalog.types import OwnedArgument, Surface
from cosmos3_operator.serve.families import GROUPS
from freshness import bring_up_to_date

FOLDER = Path(__file__).resolve().parent
VALIDATIONS = "x-kubernetes-validations"

Schema = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One row of a table."""

    name: str
    type: str
    default: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One object of a resource: its fields, and the rules over it and them."""

    path: str
    description: str
    fields: tuple[Field, ...]
    rules: tuple[str, ...]


def main() -> int:
    """Write the pages, or only compare them."""
    return bring_up_to_date(pages(), sys.argv[1:])


def pages() -> dict[Path, str]:
    """Return the text of every generated page, by its file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, escaped here where it must be
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"anchor": anchor, "cell": _cell, "prose": _prose}
    template = environment.get_template
    kinds = {f"spec/{kind.lower()}.md": template("kind.md.j2").render(_page(kind)) for kind in Kind}
    others = {
        "observability.md": template("observability.md.j2").render(groups=GROUPS),
        "runtimes.md": template("runtimes.md.j2").render(runtime_pages.runtimes()),
        "runtime-limits.md": template("runtime-limits.md.j2").render(
            runtime_pages.runtime_limits()
        ),
        "gallery.md": template("gallery.md.j2").render(gallery_page.gallery()),
        "gitops.md": template("gitops.md.j2").render(gitops_page.gitops()),
    }
    others["permissions.md"] = template("permissions.md.j2").render(permissions_page.permissions())
    others["startup.md"] = template("startup.md.j2").render(lines=startup_lines())
    reasons = {
        f"reasons/{reason}.md": template("reason.md.j2").render(shown)
        for reason, shown in reason_pages.all_pages().items()
    }
    reasons["reasons/README.md"] = template("reasons.md.j2").render(reason_pages.index())
    pages = {FOLDER / name: text for name, text in (kinds | others | reasons).items()}
    return pages | argocd_health.files()


def _page(kind: Kind) -> dict[str, Any]:
    root, definition = schema(kind), crd(kind)["spec"]
    names, version = definition["names"], definition["versions"][0]
    parts = root["properties"]
    return {
        "kind": str(kind),
        "api_version": f"{GROUP}/{VERSION}",
        "plural": names["plural"],
        "short_name": names["shortNames"][0],
        "category": names["categories"][0],
        "description": _prose(root["description"]),
        "root_rules": tuple(_rules("", root)),
        "sections": tuple(_sections("spec", parts["spec"])),
        "arguments": _by_use((item.flag, item.use) for item in _owned_arguments(kind)),
        "environment": _by_use((item.name, item.use) for item in load().owned_environment),
        "status": tuple(_sections("status", parts["status"])),
        "columns": version["additionalPrinterColumns"],
    }


def _owned_arguments(kind: Kind) -> tuple[OwnedArgument, ...]:
    return load().owned_arguments(Surface(kind.removeprefix("Cosmos")))


def _by_use(names: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Group names by what to write instead, in their order."""
    found: dict[str, list[str]] = {}
    for name, use in names:
        found.setdefault(use, []).append(name)
    return found


def anchor(heading: str) -> str:
    """Return the anchor that Markdown renderers give a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def _sections(path: str, node: Schema) -> Iterator[Section]:
    """Yield an object and, below it, every object within it."""
    required = node.get("required", ())
    yield Section(
        path=path,
        description=_prose(node.get("description", "")),
        fields=tuple(
            _field(path, name, part, needed=name in required)
            for name, part in node["properties"].items()
        ),
        rules=(*_rules("", node), *_field_rules(node)),
    )
    for name, part in node["properties"].items():
        where, inner = _object_in(f"{path}.{name}", part)
        if inner is not None:
            yield from _sections(where, inner)


def _object_in(path: str, part: Schema) -> tuple[str, Schema | None]:
    """Return the object that a field holds, itself or as items of a list, and its path."""
    if "items" in part:
        return _object_in(f"{path}[]", part["items"])
    return path, part if "properties" in part else None


def _field(path: str, name: str, part: Schema, *, needed: bool) -> Field:
    where, inner = _object_in(f"{path}.{name}", part)
    kind = _cell(_type(part))
    return Field(
        name=name,
        type=kind if inner is None else f"[{kind}](#{anchor(where)})",
        default="**required**" if needed else _default(part),
        description=_cell(_prose(part.get("description", ""))),
    )


def _default(part: Schema) -> str:
    # The default of an object is the sum of its fields' defaults, which its own table shows.
    if "default" not in part or "properties" in part or part["default"] in ({}, []):
        return ""
    return f"`{json.dumps(part['default'], ensure_ascii=False)}`"


def _type(part: Schema) -> str:
    if "enum" in part:
        return "one of " + ", ".join(f"`{value}`" for value in part["enum"])
    if part.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "items" in part or "additionalProperties" in part:
        return _collection(part)
    kind = str(part["type"])
    if kind == "integer":
        return kind + _range(part.get("minimum"), part.get("maximum"))
    form = f" ({part['format']})" if part.get("format") else ""
    return kind + form + _range(part.get("minLength"), part.get("maxLength"), "character")


def _collection(part: Schema) -> str:
    if "items" in part:
        values = "objects" if "properties" in part["items"] else _type(part["items"])
        what = f"list of {values}"
        limits = _range(part.get("minItems"), part.get("maxItems"), "item")
    else:
        what = f"map of string to {_type(part['additionalProperties'])}"
        limits = _range(None, part.get("maxProperties"), "entry")
    # A comma before would make the limits of the list look like those of its values.
    return what + limits.replace(", ", "; ", 1)


def _range(low: int | None, high: int | None, unit: str = "") -> str:
    """Return limits as they follow a type, e.g. `, 1 to 8` or `, at most 63 characters`."""
    if low is None and high is None:
        return ""
    if high is None:
        words, last = f"at least {low}", low
    else:
        words, last = (f"at most {high}" if low is None else f"{low} to {high}"), high
    units = unit if last == 1 else {"entry": "entries", "": ""}.get(unit, f"{unit}s")
    return f", {words} {units}".rstrip()


def _field_rules(node: Schema) -> Iterator[str]:
    """Yield the rules of fields that have no section of their own."""
    for name, part in node["properties"].items():
        if "properties" not in part:
            yield from _rules(name, part)
        if "pattern" in part:
            yield f"`{name}`: as text, must match `{part['pattern']}`"
        item = part.get("items", part.get("additionalProperties", {}))
        if "properties" not in item:
            yield from _rules(f"{name}[]", item)


def _rules(name: str, node: Schema) -> Iterator[str]:
    """Yield messages as the API server gives them, with the field and when they hold."""
    for rule in node.get(VALIDATIONS, ()):
        if _is_about_owned_argument(rule):
            continue
        where = name or rule.get("fieldPath", "").removeprefix(".")
        when = "on change: " if "oldSelf" in rule["rule"] else ""
        subject = f"`{where}`: " if where else ""
        yield subject + when + _escaped(rule["message"])


def _is_about_owned_argument(rule: Mapping[str, str]) -> bool:
    # There are dozens; the page has a table of them instead.
    uses = {item.use for kind in Kind for item in _owned_arguments(kind)}
    return rule.get("fieldPath") == ".extraArgs" and rule["message"].endswith(tuple(uses))


def _prose(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Keep Markdown from reading placeholders as tags and stars as emphasis."""
    return re.sub(r"([<>*])", r"\\\1", text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
