"""A real Prometheus on loopback, over blocks that were made beforehand.

In: series, recording rules, a folder. Out: answers to queries at moments of the past.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prom.binaries import prometheus, promtool
from prom.errors import PromError

_START_S = 120.0
_DEPTH = 3
"""How many recording rules stand on each other: one more pass of the backfill for each."""


class History:
    """What a Prometheus would know if it had scraped these series and evaluated these rules."""

    def __init__(self, folder: Path, *, begin: int, end: int, step: int) -> None:
        self._folder = folder
        self._data = folder / "data"
        self.begin, self.end, self._step = begin, end, step

    def fill(self, lines: Iterable[str], rules: Sequence[Path]) -> None:
        """Make blocks of the series, then of the rules, of which some read others."""
        file = self._folder / "series.txt"
        with file.open("w", encoding="utf-8") as out:
            out.writelines(lines)
        _tool("tsdb", "create-blocks-from", "openmetrics", file, self._data)
        for _ in range(_DEPTH):
            with Server(self._data) as server:
                _tool(
                    *("tsdb", "create-blocks-from", "rules", f"--url={server.url}"),
                    *(f"--start={self.begin}", f"--end={self.end}"),
                    *(f"--eval-interval={self._step}s", f"--output-dir={self._folder / 'new'}"),
                    *rules,
                )
            for block in (self._folder / "new").iterdir():
                shutil.move(block, self._data / block.name)

    def serve(self) -> Server:
        """Return a server over all of it."""
        return Server(self._data)


class Server:
    """A Prometheus, from the beginning of a `with` block to its end; it scrapes what it is told."""

    def __init__(self, data: Path, *, config: str = "{}\n") -> None:
        self._data = data
        self._config = config
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        config = self._data.parent / "prometheus.yaml"
        config.write_text(self._config, "utf-8")
        self._log = (self._data.parent / "prometheus.log").open("a", encoding="utf-8")
        self._process = subprocess.Popen(
            [
                str(prometheus()),
                f"--config.file={config}",
                f"--storage.tsdb.path={self._data}",
                "--storage.tsdb.retention.time=10y",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def at(self, query: str, *, moment: float) -> list[dict[str, Any]]:
        """Return what a query answers at a moment."""
        return self._ask("query", query=query, time=moment)["result"]  # type: ignore[no-any-return]

    def over(self, query: str, *, begin: int, end: int, step: int) -> list[dict[str, Any]]:
        """Return what a query answers over a time."""
        found = self._ask("query_range", query=query, start=begin, end=end, step=step)
        return found["result"]  # type: ignore[no-any-return]

    def targets(self) -> list[dict[str, str]]:
        """Return the labels of everything that it would scrape."""
        return [one["labels"] for one in self._ask("targets")["activeTargets"]]

    def _ask(self, path: str, **words: str | float) -> dict[str, Any]:
        body = urllib.parse.urlencode(words).encode() if words else None
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", body, timeout=60) as answer:
                found: dict[str, Any] = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise PromError(f"{path} {words}: {text}") from error
        return found

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PromError(f"Prometheus did not start; see {self._log.name}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _tool(*words: str | Path) -> None:
    done = subprocess.run(
        [promtool(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise PromError(f"promtool {' '.join(map(str, words[:3]))}: {done.stderr[-2000:]}")
