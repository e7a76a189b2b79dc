"""The two servers as their own command line drives them, up to the point where they need a GPU.

In: the words after `vllm serve`. Out: what the server made of them, or `RefusalError` in its words.
The names imported here are the servers' own and move between versions; all such knowledge is here.
"""

from __future__ import annotations

import contextlib
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any


class RefusalError(Exception):
    """The server does not start with these words: its own reason."""


class Server(ABC):
    """One server: its parser, its checks, what it makes of a command."""

    def __init__(self, parser: Any, command: Any) -> None:
        self._parser = parser
        self._command = command
        self.flags = command.subparser_init(parser.add_subparsers(dest="subparser"))
        # argparse takes any unique beginning of a flag, until a newer version has two of them.
        for each in (self.flags, getattr(self.flags, "_shadow", None)):
            if each is not None:
                each.allow_abbrev = False

    def parse(self, words: list[str]) -> Any:
        """Return the namespace of a command line."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                return self._parser.parse_args(["serve", *words])
        except SystemExit as error:
            raise RefusalError(last_line(said.getvalue()) or f"exit {error.code}") from error
        except Exception as error:  # a parser that breaks keeps the server from starting too
            raise RefusalError(described(error)) from error

    def validate(self, namespace: Any) -> None:
        """Run the server's own checks between options."""
        with refusals():
            self._command.validate(namespace)

    @abstractmethod
    def resolve(self, namespace: Any) -> dict[str, Any]:
        """Return what the server would run, at least its `world_size`."""


class Plain(Server):
    """`vllm serve`."""

    def __init__(self) -> None:
        _set_platform()
        serve = _module("vllm.entrypoints.cli.serve")
        parser = _module("vllm.utils.argparse_utils").FlexibleArgumentParser()
        super().__init__(parser, serve.ServeSubcommand())
        self._arguments = _module("vllm.engine.arg_utils").AsyncEngineArgs

    def resolve(self, namespace: Any) -> dict[str, Any]:
        """Build the engine's arguments; the model would be needed for more."""
        namespace.model = getattr(namespace, "model_tag", None) or namespace.model
        with refusals():
            engine = self._arguments.from_cli_args(namespace)
        degrees = (engine.tensor_parallel_size, engine.pipeline_parallel_size)
        return {"world_size": degrees[0] * degrees[1] * engine.data_parallel_size}


class Omni(Server):
    """`vllm serve --omni`."""

    def __init__(self) -> None:
        serve = _module("vllm_omni.entrypoints.cli.serve")
        serve._ensure_vllm_platform()
        parser = _module("vllm_omni.utils.tracking_parser").TrackingArgumentParser()
        super().__init__(parser, serve.OmniServeCommand())
        self._stages: list[Any] = []
        self._build = _module("vllm_omni.entrypoints.openai.api_server").build_async_omni
        serve.omni_run_server = self._run
        _give_stage_folder()
        self._stop_after_resolving()

    def resolve(self, namespace: Any) -> dict[str, Any]:
        """Start the server up to its stage configurations, which say all that is asked here."""
        self._stages = []
        with refusals(), contextlib.suppress(_Resolved):
            self._command.cmd(namespace)
        if not self._stages:
            raise RefusalError("the server resolved no stage")
        return _of_stage(self._stages[0])

    async def _run(self, namespace: Any) -> None:
        """Stand in for the server, which would open a port first."""
        async with self._build(namespace):
            raise AssertionError("the engine was built")

    def _stop_after_resolving(self) -> None:
        engine = _first("vllm_omni.engine.omni_engine_base", "vllm_omni.engine.async_omni_engine")
        owner = getattr(engine, "OmniEngineBase", None) or engine.AsyncOmniEngine
        resolve = owner._resolve_stage_configs

        def resolve_and_stop(*args: Any, **kwargs: Any) -> None:
            _, self._stages = resolve(*args, **kwargs)
            raise _Resolved

        owner._resolve_stage_configs = resolve_and_stop


class _Resolved(BaseException):
    """Ends a start; not an Exception, so that no handler on the way takes it for a failure."""


SERVERS: dict[str, type[Plain] | type[Omni]] = {"vllm": Plain, "vllm-omni": Omni}


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn whatever a server raises into RefusalError."""
    try:
        yield
    except RefusalError:
        raise
    except SystemExit as error:
        raise RefusalError(f"exit {error.code}") from error
    except Exception as error:
        raise RefusalError(described(error)) from error


def described(error: BaseException) -> str:
    """Return an error as a traceback's last line would."""
    return f"{type(error).__name__}: {error}"


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _of_stage(stage: Any) -> dict[str, Any]:
    """Read the one stage of a Cosmos 3 Generator, in the shape of this version."""
    config = getattr(stage, "diffusion_config", None)
    if config is not None:  # from 0.30
        parallel, world_size = stage.parallel_config, stage.parallel_config.world_size
        quantization = stage.quantization_config
    else:
        config = stage.engine_args
        parallel, world_size = config.parallel_config, len(str(stage.runtime.devices).split(","))
        quantization = getattr(config, "quantization", None)
    model_config = dict(getattr(config, "model_config", None) or {})
    return {
        "world_size": world_size,
        **{name: getattr(parallel, name) for name in _DEGREES},
        **{name: bool(getattr(config, name, False)) for name in _SWITCHES},
        "quantization": quantization,
        # Both are the pipeline's own defaults where nobody says anything.
        "guardrails": model_config.get("guardrails", True),
        "offload_guardrail_models": model_config.get("offload_guardrail_models", False),
        "robots": bool(model_config.get("policy_server_config")),
    }


_DEGREES = ("tensor_parallel_size", "cfg_parallel_size", "ulysses_degree", "use_hsdp")
_SWITCHES = (
    *("enable_layerwise_offload", "enable_cpu_offload"),
    *("vae_use_tiling", "vae_use_slicing"),
)


def _give_stage_folder() -> None:
    """Name the folder of stage configurations where there is no platform to name it."""
    platforms = _module("vllm_omni.platforms")
    if not platforms.current_omni_platform.is_unspecified():
        return
    old, new = "vllm_omni/model_executor/stage_configs", "vllm_omni/deploy"
    package = Path(_module("vllm_omni").__file__ or "").parent
    folder = old if (package.parent / old).is_dir() else new
    interface = _module("vllm_omni.platforms.interface")
    interface.OmniPlatform.get_default_stage_config_path = classmethod(lambda cls: folder)


def _set_platform() -> None:
    platforms = _module("vllm.platforms")
    if not platforms.current_platform.device_type:
        platforms.current_platform = _module("vllm.platforms.cpu").CpuPlatform()


def _first(*names: str) -> Any:
    """Return the first module that this version has."""
    for name in names[:-1]:
        with contextlib.suppress(ModuleNotFoundError):
            return _module(name)
    return _module(names[-1])


def _module(name: str) -> Any:
    """Import a module of the servers: untyped, since the environment of the tests lacks it."""
    return import_module(name)
