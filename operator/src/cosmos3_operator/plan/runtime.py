"""Which model server the catalog suggests, and by which image.

In: spec.runtime, the catalog and what the nodes' drivers support. Out: the catalogued runtime whose
behaviour is assumed, and the image reference: by digest where a source states one, otherwise by
exact tag, never `latest`. Whether an earlier decision holds instead is decided in `choice`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cosmos3_operator.api.common import Runtime as AskedRuntime
from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.catalog.images import cuda_line
from cosmos3_operator.catalog.load import Catalog, serves
from cosmos3_operator.catalog.types import Checkpoint, Runtime, Surface
from cosmos3_operator.plan.cuda import Line, choose_line, offering
from cosmos3_operator.plan.image_tags import refuse_unpublished


class Answer(NamedTuple):
    """A decision about the runtime, and what may surprise about it."""

    line: Line
    image: str
    reason: str
    runtimes: tuple[Runtime, ...]
    """Those that it was chosen from, the preferred one first."""
    warnings: tuple[str, ...]

    @property
    def runtime(self) -> Runtime:
        """The runtime to assume."""
        return self.line.runtime


def decide_now(
    asked: AskedRuntime,
    *,
    surface: Surface,
    checkpoint: Checkpoint | None,
    catalog: Catalog,
    newest_driver: int,
) -> Answer:
    """Return what the catalog suggests; the newest driver is that of the nodes, 0 if not known.

    Raises Invalid when no runtime can serve what was asked.
    """
    if asked.image is not None:
        refuse_unpublished(asked.image, catalog)
    runtimes, reason, warnings = _assumed(
        asked, surface=surface, checkpoint=checkpoint, catalog=catalog
    )
    line = _line(asked, runtimes, catalog, newest_driver)
    if errors := tuple(cannot_know(line.runtime, surface, checkpoint)):
        raise Invalid(errors)
    return Answer(
        line=line,
        image=asked.image or _image(line),
        reason=reason if line.runtime is runtimes[0] else _instead(line, runtimes[0]),
        runtimes=runtimes,
        warnings=(*warnings, *flawed(asked, line), *replaced(asked, line, runtimes[0])),
    )


def _assumed(
    asked: AskedRuntime, *, surface: Surface, checkpoint: Checkpoint | None, catalog: Catalog
) -> tuple[tuple[Runtime, ...], str, tuple[str, ...]]:
    """Return the runtimes to choose from, the preferred one first; only a free user has several."""
    available = catalog.runtimes_to_choose_from(surface, checkpoint)
    default = available[0]
    if asked.version is not None:
        named = _named(asked, surface, catalog)
        _must_agree(asked, named, catalog)
        return (named,), "as spec.runtime.version says", ()
    if asked.image is None:
        return available, _default_reason(surface, checkpoint), ()
    if known := catalog.runtime_for_image(asked.image):
        if surface not in known.surfaces:
            raise Invalid((_wrong_surface(asked.image, surface),))
        return (known,), "deduced from spec.runtime.image", ()
    reason = "spec.runtime.image is unknown: assumed to behave as the catalog's default"
    return (default,), reason, (driven_as(asked.image, default),)


def driven_as(image: str, runtime: Runtime) -> str:
    """Say what an image is taken for that the catalog does not know."""
    return (
        f"runtime.image {image} is not in the catalog: it is driven as {runtime.label}. "
        "If it is another version, say so in spec.runtime.version"
    )


def _default_reason(surface: Surface, checkpoint: Checkpoint | None) -> str:
    if checkpoint and checkpoint.pipeline and surface is Surface.GENERATOR:
        return f"the oldest with the pipeline {checkpoint.pipeline}, which this checkpoint is for"
    return "the catalog's default"


def _instead(line: Line, default: Runtime) -> str:
    return f"the newest with an image for CUDA {line.cuda}; the default, {default.label}, has none"


def _line(
    asked: AskedRuntime, runtimes: tuple[Runtime, ...], catalog: Catalog, newest_driver: int
) -> Line:
    """Return the CUDA line: of the user's image, as asked, or as the drivers suggest.

    Raises Invalid when the image is known to be of another line, or none is published for it.
    """
    if asked.image is not None:
        return _line_of_image(asked, asked.image, runtimes[0], catalog)
    if asked.cuda == "Auto":
        return choose_line(runtimes, newest_driver=newest_driver)
    words = "as spec.runtime.cuda says"
    if found := offering(runtimes, asked.cuda):
        return Line(found, asked.cuda, words)
    # Known to fail, but named by the user: rendered, with a warning.
    for runtime in runtimes:
        if asked.cuda in runtime.cuda_tags:
            return Line(runtime, asked.cuda, words)
    raise Invalid((_no_line(asked, runtimes),))


def _line_of_image(asked: AskedRuntime, image: str, runtime: Runtime, catalog: Catalog) -> Line:
    known = catalog.runtime_for_image(image)
    held = cuda_line(image, known) if known else ""
    if asked.cuda == "Auto":
        return Line(runtime, held, "as the tag of spec.runtime.image says" if held else "")
    if held and held != asked.cuda:
        raise Invalid(
            (
                FieldError(
                    "spec.runtime.cuda",
                    f"'{asked.cuda}' is not what spec.runtime.image {image} holds, which is CUDA "
                    f"{held}: drop one of them",
                ),
            )
        )
    return Line(runtime, asked.cuda, "as spec.runtime.cuda says")


def flawed(asked: AskedRuntime, line: Line) -> Iterator[str]:
    """Say that an image is known to fail; one of the user's own may have mended it."""
    if bug := line.runtime.bug(f"cuda={line.cuda}"):
        way_out = bug.avoided if asked.image is None else "make sure that it is mended"
        name = line.runtime.label
        yield f"runtime.cuda: {name} for CUDA {line.cuda}: {bug.what} ({bug.source}); {way_out}"


def _named(asked: AskedRuntime, surface: Surface, catalog: Catalog) -> Runtime:
    version = asked.version or ""
    runtime = catalog.runtime(surface, version)
    if runtime is None:
        names = (r.name for r in catalog.runtimes if surface in r.surfaces)
        known = ", ".join(dict.fromkeys(names))
        raise Invalid(
            (
                FieldError(
                    "spec.runtime.version",
                    f"'{version}' is not a catalogued runtime for a {surface}: use one of {known}, "
                    "or the nearest of them together with spec.runtime.image",
                ),
            )
        )
    if runtime.needs_own_image and asked.image is None:
        raise Invalid(
            (
                FieldError(
                    "spec.runtime.image",
                    f"is missing: {runtime.label} knows Cosmos 3 only through "
                    "the vllm-cosmos3 plugin, which no public image contains; build one, or use "
                    "version 0.23.0 or newer",
                ),
            )
        )
    return runtime


def _must_agree(asked: AskedRuntime, named: Runtime, catalog: Catalog) -> None:
    """Refuse a version that the image is known not to be: it would be driven wrongly."""
    known = catalog.runtime_for_image(asked.image) if asked.image else None
    if known is not None and known != named:
        raise Invalid(
            (
                FieldError(
                    "spec.runtime.version",
                    f"'{asked.version}' is not what spec.runtime.image {asked.image} holds, which "
                    f"is {known.label}: drop one of them",
                ),
            )
        )


def cannot_know(
    runtime: Runtime, surface: Surface, checkpoint: Checkpoint | None
) -> Iterator[FieldError]:
    """Yield an error if the runtime is too old for the checkpoint."""
    if checkpoint and not serves(runtime, surface, checkpoint):
        needed = checkpoint.surfaces[surface].min_runtime
        yield FieldError(
            "spec.runtime.version",
            f"{runtime.label} does not know {checkpoint.model}: it needs {needed} or newer",
        )


def replaced(asked: AskedRuntime, line: Line, default: Runtime) -> Iterator[str]:
    """Say that another version than the default runs, where nobody asked for it."""
    if asked.cuda == "Auto" and line.runtime is not default:
        yield (
            f"runtime: {line.runtime.label} is {_instead(line, default)} (CUDA {line.cuda}: "
            f"{line.reason}). "
            f'Another one takes newer drivers and spec.runtime.cuda "{default.cuda}", or a version '
            "named in spec.runtime.version"
        )


def _image(line: Line) -> str:
    runtime = line.runtime
    if line.cuda == runtime.cuda:
        digest = f"@{runtime.digest}" if runtime.digest else ""
        return f"{runtime.repository}:{runtime.tag}{digest}"
    return f"{runtime.repository}:{runtime.cuda_tags[line.cuda]}"


def _no_line(asked: AskedRuntime, runtimes: tuple[Runtime, ...]) -> FieldError:
    lines = ", ".join(sorted({line for r in runtimes for line in (r.cuda, *r.cuda_tags)}))
    whose = runtimes[0].label if len(runtimes) == 1 else "this model"
    return FieldError(
        "spec.runtime.cuda",
        f"'{asked.cuda}' is not published for {whose}, only {lines}: "
        + ("choose another version, or " if len(runtimes) == 1 else "leave it out, or ")
        + "name an image of your own in spec.runtime.image",
    )


def _wrong_surface(image: str, surface: Surface) -> FieldError:
    return FieldError(
        "spec.runtime.image", f"{image} cannot serve a {surface}: leave it out for the default"
    )
