"""Which model server runs: as decided before, or as the catalog suggests now.

In: the spec, an earlier decision if one holds, the catalog, what the nodes' drivers support. Out:
the catalogued runtime whose behaviour is assumed, the choice to render, and warnings. A decision
that is kept says what would be decided today, so that moving on is the user's own step.
"""

from __future__ import annotations

from collections.abc import Iterator

from cosmos3_operator.api.common import Runtime as AskedRuntime
from cosmos3_operator.api.errors import Invalid
from cosmos3_operator.api.reasoner import ReasonerRuntime
from cosmos3_operator.api.resource import Spec
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, Runtime, Surface
from cosmos3_operator.plan.cuda import Line, offered
from cosmos3_operator.plan.earlier import Earlier
from cosmos3_operator.plan.names import RUNTIME_NOTE
from cosmos3_operator.plan.note import Note, pods_of, question_of
from cosmos3_operator.plan.runtime import (
    Answer,
    cannot_know,
    decide_now,
    driven_as,
    flawed,
    replaced,
)
from cosmos3_operator.plan.types import RuntimeChoice

_BEFORE = "as decided when it was first planned"
_REMOVE = f"remove the annotation {RUNTIME_NOTE} of its Deployment"


def choose_runtime(
    spec: Spec,
    before: Earlier | None,
    *,
    surface: Surface,
    checkpoint: Checkpoint | None,
    catalog: Catalog,
    newest_driver: int,
) -> tuple[Runtime, RuntimeChoice, tuple[str, ...]]:
    """Return the runtime to assume, the choice to render, and warnings.

    Raises Invalid when the runtime cannot serve what was asked.
    """
    asked = spec.runtime
    answer = (
        _go_on(asked, before, surface=surface, checkpoint=checkpoint, catalog=catalog)
        if before
        else decide_now(
            asked,
            surface=surface,
            checkpoint=checkpoint,
            catalog=catalog,
            newest_driver=newest_driver,
        )
    )
    runtime, line = answer.runtime, answer.line
    own_build = asked.image is not None and catalog.runtime_for_image(asked.image) is None
    note = Note(
        engine=before.note.engine if before else runtime.engine,
        name=before.note.name if before else runtime.name,
        version=before.note.version if before else runtime.version,
        image=answer.image,
        cuda=line.cuda,
        question=question_of(spec),
        pods=pods_of(spec),
    )
    choice = RuntimeChoice(
        name=note.name,
        engine=note.engine,
        version=note.version,
        image=note.image,
        pull_policy=asked.image_pull_policy or "IfNotPresent",
        cuda=line.cuda,
        cuda_pinned=asked.cuda != "Auto",
        cuda_reason=line.reason,
        cuda_offered=tuple({cuda: None for one in answer.runtimes for cuda in offered(one)}),
        plugin=_plugin(asked, runtime),
        note=str(note),
        is_known=before is None or before.is_known,
        has_served=before is not None and before.has_served,
        own_build=own_build,
        assumptions=_assumptions(runtime, surface) if own_build else (),
        reason=answer.reason,
    )
    return runtime, choice, answer.warnings


def _go_on(
    asked: AskedRuntime,
    before: Earlier,
    *,
    surface: Surface,
    checkpoint: Checkpoint | None,
    catalog: Catalog,
) -> Answer:
    """Return the earlier decision, with what is to be said about it today."""
    note, runtime = before.note, before.runtime
    line = Line(runtime, note.cuda, _BEFORE)
    kept = Answer(line, note.image, "kept since it was first planned", (runtime,), ())
    if not before.is_known:
        return kept._replace(warnings=(_unknown(note),))
    errors = tuple(cannot_know(runtime, surface, checkpoint))
    if errors and not before.has_served:
        raise Invalid(errors)
    try:
        # For the driver that it was decided for: nodes come and go.
        now = decide_now(
            asked,
            surface=surface,
            checkpoint=checkpoint,
            catalog=catalog,
            newest_driver=int(note.cuda or 0),
        )
    except Invalid:
        now = kept
    held_against = (f"runtime: {error.message}; it has served so, and is kept" for error in errors)
    kept = kept._replace(
        runtimes=now.runtimes,
        warnings=(
            *held_against,
            *_driven(asked, runtime, catalog),
            *flawed(asked, line),
            *_moved_on(asked, note, now, catalog),
            *(replaced(asked, line, now.runtimes[0]) if now.runtime is runtime else ()),
        ),
    )
    return kept._replace(reason=now.reason) if now.runtime is runtime else kept


def _driven(asked: AskedRuntime, runtime: Runtime, catalog: Catalog) -> Iterator[str]:
    is_free = asked.image is not None and asked.version is None
    if is_free and asked.image and catalog.runtime_for_image(asked.image) is None:
        yield driven_as(asked.image, runtime)


def _moved_on(asked: AskedRuntime, note: Note, now: Answer, catalog: Catalog) -> Iterator[str]:
    """Say what would be decided today, if it is something else, and how to get it."""
    today = now.runtime
    is_same = (today.engine, today.version) == (note.engine, note.version)
    if is_same and now.image != note.image:
        yield (
            f"runtime: it runs {note.image} since it was first planned; the image of {today.label} "
            f"is now {now.image}: {_REMOVE} to move, which restarts it"
        )
    elif is_same:
        return
    elif asked.version is not None:
        yield (
            f"runtime.version: {asked.version} has meant {note.label} since it was first planned, "
            f"and now means {today.label}: {_REMOVE} to move, which restarts it"
        )
    elif asked.image is None:
        default = "the default" if today is now.runtimes[0] else f"the newest for CUDA {note.cuda}"
        yield (
            f"runtime: it runs {note.label} since it was first planned; {default} is now "
            f"{today.label}: set spec.runtime.version to {today.name} to move, which restarts it"
        )
    elif catalog.runtime_for_image(asked.image):
        yield (
            f"runtime.image: {asked.image} is driven as {note.label} since it was first planned, "
            f"and is now known to hold {today.label}: set spec.runtime.version to {today.name} to "
            "have it driven so, which restarts it"
        )


def _unknown(note: Note) -> str:
    return (
        f"runtime: it runs {note.label} ({note.image}), which this version of the operator does "
        "not know: the Deployment is left as it is, also where spec.replicas changes. Run a "
        "version that knows it, or name one that `cosmos3-operator runtimes` lists in "
        "spec.runtime.version, which restarts it"
    )


def _plugin(asked: AskedRuntime, runtime: Runtime) -> bool:
    mode = asked.mode if isinstance(asked, ReasonerRuntime) else None
    return (mode or runtime.reasoner_mode) == "Plugin"


def _assumptions(runtime: Runtime, surface: Surface) -> tuple[str, ...]:
    """Return what a build that nobody catalogued must share with the runtime it is driven as."""
    facts = [
        "the image has `vllm serve` in its PATH",
        f"it takes the arguments of {runtime.label}",
        f"it obeys {runtime.serving[surface].init_timeout}",
    ]
    if runtime.guardrails:
        how = {"Flag": "--no-guardrails", "DeployConfig": "a deploy config"}[runtime.guardrails]
        facts.append(f"{how} switches its guardrails")
    return (", ".join(facts),)
