"""Records what the real servers print when they fail: `python -m diagnosis.record [CASE …]`.

In: the failures below, each one change of a start that would succeed. Out: a log for each in
recorded/, at most 600 lines, without the paths and numbers of the machine. One server at a time; it
needs what tests/servers needs, and minutes.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from bed.progress import to_stderr
from servers.errors import StartFailed
from servers.folders import HERE as SERVERS
from servers.start import Server
from servers.substitutions import Words

RECORDED = Path(__file__).parent / "recorded"
MOST_LINES = 600

Change = Callable[[Words], Words]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One failure: which server, and what is changed about its start."""

    face: str
    change: Change = lambda words: words
    spec: Mapping[str, Any] = field(default_factory=dict)
    weights: bool = True
    """Whether the cache holds the model."""
    port_is_taken: bool = False
    seconds: float = 400.0
    """After which a server that hangs is ended."""


def _with(*more: str, env: Mapping[str, str] | None = None) -> Change:
    return lambda words: replace(words, args=(*words.args, *more), env={**words.env, **(env or {})})


def _without(*flags: str) -> Change:
    def change(words: Words) -> Words:
        kept, skip = [], False
        for word in words.args:
            skip = skip and not word.startswith("--")
            skip = skip or word in flags
            if not skip:
                kept.append(word)
        return replace(words, args=tuple(kept))

    return change


def _model(name: str) -> Change:
    return lambda words: replace(words, args=(name, *words.args[1:]))


CASES: Mapping[str, Case] = {
    "reasoner-unknown-flag": Case(face="reasoner", change=_with("--no-such-flag")),
    "reasoner-bad-choice": Case(face="reasoner", change=_with("--dtype", "bfloat15")),
    "reasoner-context-too-long": Case(face="reasoner", change=_with("--max-model-len", "1000000")),
    "reasoner-kv-cache-too-small": Case(
        face="reasoner", change=_with("--kv-cache-memory-bytes", "1M")
    ),
    "reasoner-heads-not-divisible": Case(
        face="reasoner", change=_with("--tensor-parallel-size", "3")
    ),
    "reasoner-not-cached": Case(face="reasoner", weights=False),
    "reasoner-no-such-folder": Case(face="reasoner", change=_model("/cache/models/none")),
    "reasoner-override-on-native": Case(
        face="reasoner",
        change=_with(
            "--hf-overrides", '{"architectures":["Cosmos3ReasonerForConditionalGeneration"]}'
        ),
    ),
    "reasoner-port-in-use": Case(face="reasoner", port_is_taken=True),
    "reasoner-service-link": Case(
        face="reasoner", change=_with(env={"VLLM_PORT": "tcp://10.96.0.12:8000"})
    ),
    # Nothing fails: it is ended once it has served for a while.
    "reasoner-serves": Case(face="reasoner", seconds=120),
    "generator-unknown-flag": Case(face="generator", change=_with("--no-such-flag")),
    "generator-unknown-field": Case(face="generator", change=_with("--enable-lora")),
    "generator-guardrails-unreachable": Case(
        face="generator", spec={"guardrails": {"mode": "Enabled"}}
    ),
    "generator-not-cached": Case(face="generator", weights=False),
    "generator-init-timeout": Case(face="generator", change=_with("--init-timeout", "3")),
    "generator-port-in-use": Case(face="generator", port_is_taken=True),
}


class _Failing(Server):
    """A server whose start is changed so that it fails."""

    def __init__(self, case: Case, port: int) -> None:
        body = yaml.safe_load((SERVERS / "resources" / f"{case.face}.yaml").read_text("utf-8"))
        body["spec"] |= case.spec
        super().__init__(body, port=port, say=to_stderr, start_s=case.seconds)
        self._case = case

    def _words(self) -> Words:
        return self._case.change(super()._words())

    def _provide(self) -> None:
        if self._case.weights and not self.words.args[0].startswith("/"):
            super()._provide()
            return
        for folder in self._folders.values():
            Path(folder).mkdir()
        for path, text in self.words.files.items():
            Path(path).write_text(text, "utf-8")

    def is_healthy(self) -> bool:
        """Nobody is asked: on a taken port, somebody else would answer."""
        return False


def record(name: str) -> None:
    """Start the server of a case, wait for its end, keep what it printed."""
    case = CASES[name]
    with ExitStack() as stack:
        port = 0
        if case.port_is_taken:
            holder = stack.enter_context(socket.socket())
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
        server = _Failing(case, port)
        try:
            with server:
                pass
        except StartFailed as error:
            text = normalised(error.log, folder=str(server.folder), port=server.port)
            (RECORDED / f"{name}.log").write_text(text, "utf-8")
            to_stderr(f"{name}: {str(error).splitlines()[0]}")


def normalised(log: str, *, folder: str, port: int) -> str:
    """Return the end of a log without what is different on each machine and in each run."""
    changes = (
        (re.escape(folder) + "/cache", "/cache"),
        (re.escape(folder), ""),
        (r"/\S*?/site-packages/", "/usr/local/lib/python3.12/dist-packages/"),
        (r"/\S*?/(?:lib|install)/python3\.\d+/", "/usr/lib/python3.12/"),
        (r"(?<![\w/])/(?:root|home|work|tmp)/\S*/", "/opt/"),
        (rf"\b{port}\b", "8000"),
        (r"127\.0\.0\.1", "0.0.0.0"),
        (r"pid=\d+", "pid=321"),
        (r"\[\d{2,7}\]", "[321]"),
    )
    for pattern, instead in changes:
        log = re.sub(pattern, instead, log)
    return "\n".join(log.splitlines()[-MOST_LINES:]) + "\n"


if __name__ == "__main__":
    for case_name in sys.argv[1:] or CASES:
        record(case_name)
