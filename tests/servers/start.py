"""Starts one real server from a resource, and ends exactly what it started.

In: a resource as its author writes it. Out: a running server that answers /health, its API, its log
and the moves of a kubelet that wants it gone.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from bed.progress import Say, Ticker, clock, to_stderr
from compat import environments
from compat.errors import CompatError
from compat.recipes import Engine, Recipe, recipe_for
from cosmos3_operator.api.resource import Kind
from cosmos3_operator.plan.paths import SHM, TMP
from servers import weights
from servers.calls import Answer, Api
from servers.checkpoints import shape_of
from servers.errors import ServerError, StartFailed
from servers.processes import ServerProcess
from servers.rendered import Rendered, Secrets, render_resource
from servers.runtimes import prepare
from servers.substitutions import Figures, Words, substitute

START_S = 600.0
"""Ceiling of a start: 15 to 45 s on two idle cores, minutes on busy ones."""
STOP_S = 300.0
_POLL_S = 0.2
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Server:
    """A server, from the beginning of a `with` block to its end."""

    def __init__(
        self,
        resource: Mapping[str, Any],
        *,
        port: int = 0,
        secrets: Secrets | None = None,
        say: Say = to_stderr,
        start_s: float = START_S,
    ) -> None:
        self.rendered = render_resource(resource, secrets=secrets)
        self.recipe = _recipe(self.rendered)
        self.ready_after_s = 0.0
        self._port = port
        self._say = say
        self._start_s = start_s
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start it and wait until it is healthy."""
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End whatever still runs, and delete its folder."""
        self._stack.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """The API key that it asks for; "" if it asks for none."""
        return self.words.env.get("VLLM_API_KEY", "")

    @property
    def api(self) -> Api:
        """Its API, for somebody who has the key."""
        return Api(url=self.url, key=self.key)

    @property
    def anonymous(self) -> Api:
        """Its API, for somebody who has no key."""
        return Api(url=self.url)

    @property
    def log(self) -> str:
        """All that it has written."""
        return _COLOUR.sub("", self.process.log.read_text("utf-8", errors="replace"))

    def is_healthy(self) -> bool:
        """Whether a probe of the kubelet would succeed now."""
        answer = self.health()
        return answer is not None and answer.status == 200

    def health(self) -> Answer | None:
        """Ask /health; None if nobody answers."""
        try:
            return self.anonymous.get("/health", timeout_s=10)
        except ServerError:
            return None

    def run_pre_stop(self) -> float:
        """Run the rendered preStop hook to its end, as a kubelet would; return its seconds."""
        began = time.monotonic()
        hook = self.rendered.pre_stop
        if "sleep" in hook:
            time.sleep(hook["sleep"]["seconds"])
        else:
            self._exec(hook["exec"]["command"])
        return time.monotonic() - began

    def terminate(self) -> None:
        """Send SIGTERM to the first process, as a kubelet would after the hook."""
        self.process.terminate()

    def wait(self, *, timeout_s: float = STOP_S) -> int:
        """Wait for its end and return the exit code."""
        return self.process.wait(timeout_s=timeout_s)

    def _start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cosmos3-server-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        environment = self._stack.enter_context(environments.borrow(self.recipe.name))
        self.runtime = prepare(self.recipe, environment, self._say)
        self.port = self._port or _free_port()
        self.words = self._words()
        self._provide()
        self.process = self._spawn()
        self._stack.callback(self.process.kill)
        self._wait_until_healthy()

    def _words(self) -> Words:
        self._folders = folders = {
            mount: str(self.folder / mount.strip("/").replace("/", "-"))
            for mount in self.rendered.mounts
            # Shared memory is the machine's own: no setting leads it elsewhere.
            if mount != SHM
        }
        shape = shape_of(self.rendered.model)
        tokens = _tokens(self.rendered.args) or shape.context_tokens
        # Room for one request of full length and as much again.
        room = 2 * tokens * shape.kv_bytes_per_token
        figures = Figures(port=self.port, kv_cache_bytes=room, folders=folders)
        return substitute(self.rendered, figures)

    def _provide(self) -> None:
        """Make the volumes, the files in them and the weights."""
        for folder in self._folders.values():
            Path(folder).mkdir()
        for path, text in self.words.files.items():
            Path(path).write_text(text, "utf-8")
        model = self.words.args[0]
        if self.rendered.model.startswith("/"):
            self._provide_folder(model)
        else:
            home = Path(self.words.env["HF_HOME"])
            weights.place(model, revision=self.rendered.revision, hf_home=home, say=self._say)

    def _provide_folder(self, model: str) -> None:
        if not Path(model).is_relative_to(self.folder):
            volumes = ", ".join(self._folders)
            raise ServerError(f"spec.model {model} is in no volume of the pod: {volumes}")
        Path(model).parent.mkdir(parents=True, exist_ok=True)
        Path(model).symlink_to(weights.build(shape_of(self.rendered.model), self._say))

    def _environment(self) -> dict[str, str]:
        """Return what a container would see: nothing of ours but the path to programs."""
        return {"PATH": self.runtime.path, "LANG": "C.UTF-8", **self.words.env}

    def _spawn(self) -> ServerProcess:
        program, *words = self.rendered.command
        if program != "vllm":
            raise ServerError(f"the operator renders the program {program}, not vllm")
        return ServerProcess(
            [str(self.runtime.program), *words, *self.words.args],
            env=self._environment() | {"TMPDIR": self._folders[TMP]},
            folder=self.folder,
            log=self.folder / "server.log",
        )

    def _wait_until_healthy(self) -> None:
        name = f"{self.rendered.engine} {self.rendered.version}"
        with Ticker(lambda: f"{name}: starting") as ticker:
            while not self.is_healthy():
                code = self.process.exit_code
                if code is not None:
                    raise StartFailed(f"{name} ended with exit code {code}", self.log)
                if ticker.elapsed > self._start_s:
                    late = clock(ticker.elapsed)
                    raise StartFailed(f"{name} is not healthy after {late}", self.log)
                time.sleep(_POLL_S)
            self.ready_after_s = ticker.elapsed
        self._say(f"{name}: healthy after {clock(self.ready_after_s)} at {self.url}")

    def _exec(self, command: list[str]) -> None:
        port = str(self.rendered.port)
        done = subprocess.run(
            [str(self.port) if word == port else word for word in command],
            env=self._environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.rendered.grace_seconds,
            check=False,
        )
        if done.returncode != 0:
            raise ServerError(f"the preStop hook failed ({done.returncode}): {done.stderr}")


def _recipe(rendered: Rendered) -> Recipe:
    try:
        recipe = recipe_for(cast(Engine, rendered.engine), rendered.version)
    except CompatError as error:
        raise ServerError(f"{error}: name another one in spec.runtime.version") from error
    if rendered.kind is Kind.GENERATOR and rendered.version != weights.BUILDER:
        raise ServerError(
            f"the platform for the CPU is written for vLLM-Omni {weights.BUILDER}, not "
            f"{rendered.version}: say so in spec.runtime.version"
        )
    return recipe


def _tokens(args: tuple[str, ...]) -> int:
    """Return --max-model-len, if it is a plain number."""
    flag = "--max-model-len"
    value = args[args.index(flag) + 1] if flag in args[:-1] else ""
    return int(value) if value.isdecimal() else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
