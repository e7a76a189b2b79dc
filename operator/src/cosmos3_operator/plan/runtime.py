"""Which model server runs, and by which image.

In: spec.runtime and the catalog. Out: the catalogued runtime whose behaviour is assumed, and the
image reference: by digest where a source states one, otherwise by exact tag, never `latest`.
"""

from __future__ import annotations

from cosmos3_operator.api.common import Runtime as AskedRuntime
from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.api.reasoner import ReasonerRuntime
from cosmos3_operator.catalog.load import Catalog, serves
from cosmos3_operator.catalog.types import Checkpoint, Runtime, Surface
from cosmos3_operator.plan.image_tags import refuse_unpublished
from cosmos3_operator.plan.types import RuntimeChoice


def choose_runtime(
    asked: AskedRuntime, *, surface: Surface, checkpoint: Checkpoint | None, catalog: Catalog
) -> tuple[Runtime, RuntimeChoice, tuple[str, ...]]:
    """Return the runtime to assume, the choice to render, and warnings.

    Raises Invalid when the runtime cannot serve what was asked.
    """
    if asked.image is not None:
        refuse_unpublished(asked.image, catalog)
    runtime, reason, warnings = _assumed(
        asked, surface=surface, checkpoint=checkpoint, catalog=catalog
    )
    _must_know(runtime, surface, checkpoint)
    own_build = asked.image is not None and catalog.runtime_for_image(asked.image) is None
    cuda = asked.cuda if isinstance(asked, ReasonerRuntime) else "Auto"
    choice = RuntimeChoice(
        name=runtime.name,
        engine=runtime.engine,
        version=runtime.version,
        image=asked.image or _image(runtime, cuda),
        pull_policy=asked.image_pull_policy or "IfNotPresent",
        cuda=runtime.cuda if cuda == "Auto" else cuda,
        cuda_pinned=cuda != "Auto",
        plugin=_plugin(asked, runtime),
        own_build=own_build,
        assumptions=_assumptions(runtime, surface) if own_build else (),
        reason=reason,
    )
    return runtime, choice, warnings


def _assumed(
    asked: AskedRuntime, *, surface: Surface, checkpoint: Checkpoint | None, catalog: Catalog
) -> tuple[Runtime, str, tuple[str, ...]]:
    default = catalog.default_runtime(surface, checkpoint)
    if asked.version is not None:
        named = _named(asked, surface, catalog)
        _must_agree(asked, named, catalog)
        return named, "as spec.runtime.version says", ()
    if asked.image is None:
        return default, "the catalog's default", ()
    if known := catalog.runtime_for_image(asked.image):
        if surface not in known.surfaces:
            raise Invalid((_wrong_surface(asked.image, surface),))
        return known, "deduced from spec.runtime.image", ()
    return (
        default,
        "spec.runtime.image is unknown: assumed to behave as the catalog's default",
        (
            f"runtime.image {asked.image} is not in the catalog: it is driven as {default.label}. "
            "If it is another version, say so in spec.runtime.version",
        ),
    )


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


def _must_know(runtime: Runtime, surface: Surface, checkpoint: Checkpoint | None) -> None:
    if checkpoint and not serves(runtime, surface, checkpoint):
        needed = checkpoint.surfaces[surface].min_runtime
        raise Invalid(
            (
                FieldError(
                    "spec.runtime.version",
                    f"{runtime.label} does not know {checkpoint.model}: it needs {needed} or newer",
                ),
            )
        )


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


def _image(runtime: Runtime, cuda: str) -> str:
    if cuda in ("Auto", runtime.cuda):
        digest = f"@{runtime.digest}" if runtime.digest else ""
        return f"{runtime.repository}:{runtime.tag}{digest}"
    if cuda in runtime.cuda_tags:
        return f"{runtime.repository}:{runtime.cuda_tags[cuda]}"
    lines = ", ".join(sorted({runtime.cuda, *runtime.cuda_tags}))
    raise Invalid(
        (
            FieldError(
                "spec.runtime.cuda",
                f"'{cuda}' is not published for {runtime.label}, only {lines}: "
                "choose another version, or name an image of your own in spec.runtime.image",
            ),
        )
    )


def _plugin(asked: AskedRuntime, runtime: Runtime) -> bool:
    mode = asked.mode if isinstance(asked, ReasonerRuntime) else None
    return (mode or runtime.reasoner_mode) == "Plugin"


def _wrong_surface(image: str, surface: Surface) -> FieldError:
    return FieldError(
        "spec.runtime.image", f"{image} cannot serve a {surface}: leave it out for the default"
    )
