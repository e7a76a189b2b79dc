"""What was decided about the runtime before, as far as it still holds.

In: the spec, the live Deployment and the catalog. Out: `Earlier`, or None where the runtime is to
be decided now. A newer catalog must not move a model to another runtime, so a decision holds while
the question is the same. What the catalog has since come to hold against it counts only where the
pods have never served: those that have are better evidence than any entry. A runtime that the
catalog does not know (an operator that was rolled back) cannot be rendered: then the Deployment is
left as it is, as long as there is something to lose.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosmos3_operator.api.resource import Spec
from cosmos3_operator.catalog.images import cuda_line
from cosmos3_operator.catalog.load import Catalog, version_key
from cosmos3_operator.catalog.types import Runtime, Surface
from cosmos3_operator.plan.facts import LiveDeployment
from cosmos3_operator.plan.note import Note, pods_of, question_of, read


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A runtime that goes on."""

    note: Note
    runtime: Runtime
    """As catalogued; the nearest one where it is not, for figures only."""
    is_known: bool
    """Whether the catalog has it. If not, nothing can be rendered for it."""
    has_served: bool
    """Whether pods of this very spec have served with it."""


def earlier(
    spec: Spec, live: LiveDeployment | None, *, surface: Surface, catalog: Catalog
) -> Earlier | None:
    """Return the decision that still holds, None if there is none."""
    note = _note(spec, live, surface, catalog) if live else None
    if live is None or note is None or note.question != question_of(spec):
        return None
    has_served = live.has_served and note.pods == pods_of(spec)
    if known := _known(note, surface, catalog):
        if not has_served and _is_flawed(spec, note, known):
            return None
        return Earlier(note=note, runtime=known, is_known=True, has_served=has_served)
    nearest = _nearest(note, surface, catalog)
    if nearest is None or not (has_served and live.replicas and spec.replicas):
        return None
    return Earlier(note=note, runtime=nearest, is_known=False, has_served=True)


def _note(spec: Spec, live: LiveDeployment, surface: Surface, catalog: Catalog) -> Note | None:
    if live.note or not live.cuda_note:
        return read(live.note)
    return _note_of_image(spec, live, surface, catalog)


def _note_of_image(
    spec: Spec, live: LiveDeployment, surface: Surface, catalog: Catalog
) -> Note | None:
    """Return what a Deployment runs that was made before there were notes.

    It had the line noted, and for which version, where the user named neither line nor image.
    """
    asked = spec.runtime
    _, _, version = live.cuda_note.partition(" for ")
    if version != (asked.version or "") or asked.image is not None or asked.cuda != "Auto":
        return None
    runtime = catalog.runtime_for_image(live.image)
    if runtime is None or surface not in runtime.surfaces:
        return None
    return Note(
        engine=runtime.engine,
        name=runtime.name,
        version=runtime.version,
        image=live.image,
        cuda=cuda_line(live.image, runtime),
        question=question_of(spec),
        pods=pods_of(spec),
    )


def _is_flawed(spec: Spec, note: Note, runtime: Runtime) -> bool:
    """Tell whether the line is one that the operator chose and would not choose today."""
    return spec.runtime.cuda == "Auto" and runtime.bug(f"cuda={note.cuda}") is not None


def _known(note: Note, surface: Surface, catalog: Catalog) -> Runtime | None:
    """Return the runtime of a note: a name may have moved on to another version."""
    same = [r for r in _of_engine(note, surface, catalog) if r.version == note.version]
    return next((r for r in same if r.name == note.name), next(iter(same), None))


def _nearest(note: Note, surface: Surface, catalog: Catalog) -> Runtime | None:
    """Return the newest runtime of the same engine that is not newer, else the oldest."""
    ordered = sorted(_of_engine(note, surface, catalog), key=lambda r: version_key(r.version))
    try:
        wanted = version_key(note.version)
    except ValueError:
        return None
    older = [r for r in ordered if version_key(r.version) <= wanted]
    return next(reversed(older), next(iter(ordered), None))


def _of_engine(note: Note, surface: Surface, catalog: Catalog) -> list[Runtime]:
    return [r for r in catalog.runtimes_for(surface) if r.engine == note.engine]
