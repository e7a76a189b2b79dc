"""The operator as users run it: a process of its own, reached only through a kubeconfig."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from support.waiting import eventually

PROGRAM = (str(Path(sys.executable).with_name("cosmos3-operator")), "run")
OTHER_RELEASE = (sys.executable, str(Path(__file__).with_name("other_release.py")))
"""An operator with another catalog; its options say which."""
STOP_SECONDS = 120.0


class OperatorProcess:
    """Starts, stops and kills one operator; its log is kept for a failing test to show."""

    def __init__(
        self,
        *,
        kubeconfig: Path,
        log: Path,
        options: tuple[str, ...] = (),
        environ: Mapping[str, str] | None = None,
        program: tuple[str, ...] = PROGRAM,
    ) -> None:
        self.log = log
        self._kubeconfig = kubeconfig
        self._options = options
        self._environ = dict(environ or {})
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._mark = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Process id of the running operator."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it watches unless told otherwise."""
        assert self._process is None or self._process.poll() is not None, "it runs already"
        self._mark = self.log.stat().st_size if self.log.exists() else 0
        words = [*self._program, f"--kubeconfig={self._kubeconfig}", "--listen=127.0.0.1:0"]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*words, "--log-format=json", *self._options],
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONWARNINGS": "default", **self._environ},
            )
        if wait:
            self.wait_until_watching()

    def wait_until_watching(self) -> None:
        """Wait until the newest start has come so far that every watch runs."""
        assert self._process is not None
        process = self._process
        eventually(
            lambda: (process.poll(), self.log.read_bytes()[self._mark :]),
            lambda seen: seen[0] is not None or b"all watches run" in seen[1],
            what="the operator's start",
        )
        assert process.poll() is None, self.log.read_text()

    def entries(self) -> list[dict[str, Any]]:
        """Return what the newest start has logged so far, line by line."""
        lines = self.log.read_bytes()[self._mark :].splitlines()
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def readyz(self) -> str:
        """Return what the newest start answers to a readiness probe, "" before it listens."""
        if not any("listening on " in entry["message"] for entry in self.entries()):
            return ""
        try:
            with urllib.request.urlopen(self._url("readyz"), timeout=60) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return str(refusal.read().decode())

    def _url(self, path: str) -> str:
        (address,) = [
            entry["message"].removeprefix("listening on ")
            for entry in self.entries()
            if entry["message"].startswith("listening on ")
        ]
        return f"http://{address}/{path}"

    def scrape(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return the newest start's metrics, by name and labels."""
        with urllib.request.urlopen(self._url("metrics"), timeout=60) as answer:
            text = answer.read().decode()
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def stop(self) -> int:
        """Ask it to stop (SIGTERM); return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=STOP_SECONDS)

    def end(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def kill(self) -> None:
        """End it without asking (SIGKILL)."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=STOP_SECONDS)
