"""The whole process on a fake API server: it starts, works, and stops in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cosmos3_operator.cli.run import ListenAddress, Options, operate, run
from cosmos3_operator.cluster.access import Access
from cosmos3_operator.cluster.errors import AccessError
from cosmos3_operator.plan.names import COMPONENT, INSTANCE, MANAGED_BY, MANAGER
from fakes import toy
from fakes.apiserver import Asked, FakeApiServer
from fakes.loop import KEY, run_async

SOURCE = Path(__file__).parents[3] / "operator" / "src"
COMMAND = "from cosmos3_operator.cli.run import run; run()"


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110 - another process has no event to wait for
        await asyncio.sleep(0.01)


def create(server: FakeApiServer, body: dict[str, Any]) -> None:
    server.objects.create(server.place(*KEY), body)


def status_of(server: FakeApiServer) -> dict[str, Any]:
    body = server.live(*KEY)
    assert body is not None
    return body.get("status", {})


def events_of(server: FakeApiServer) -> list[str]:
    return [
        body["reason"] for body in server.objects.in_collection("events.k8s.io", "events", None)
    ]


def test_it_serves_until_a_signal_comes() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            create(server, toy.resource())
            options = Options(host="127.0.0.1", port=0, workers=2)
            running = asyncio.create_task(
                operate(options, access=Access(server=server.url), pipeline=toy.PIPELINE)
            )
            await until(lambda: status_of(server))
            server.objects.delete(server.place("Service", "default", "super"))
            await until(lambda: server.live("Service", "default", "super"))
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(running, 10)
            assert events_of(server) == ["Starting"], "what was waiting is told before the end"
            left = {task.get_name() for task in asyncio.all_tasks()}
            assert not [name for name in left if "worker" in name or "watcher" in name]

    run_async(main)


async def start(server: FakeApiServer, tmp_path: Path, *options: str) -> asyncio.subprocess.Process:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "fake",
                "contexts": [{"name": "fake", "context": {"cluster": "fake"}}],
                "clusters": [{"name": "fake", "cluster": {"server": server.url}}],
            }
        )
    )
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        f"--kubeconfig={kubeconfig}",
        "--listen=127.0.0.1:0",
        "--log-format=json",
        *options,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stderr=asyncio.subprocess.PIPE,
    )


def model() -> dict[str, Any]:
    body = toy.resource()
    body["spec"] = {"model": "nvidia/Cosmos3-Super"}
    return body


def test_a_first_signal_ends_with_zero(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            create(server, model())
            process = await start(server, tmp_path)
            await until(lambda: status_of(server))
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            assert b'"message": "stopped"' in errors
            assert b"Traceback" not in errors

    run_async(main)


def is_log(one: Asked) -> bool:
    return one.path.endswith("/log")


def create_failing(server: FakeApiServer) -> None:
    """A resource and its pod, whose server has ended."""
    create(server, model())
    owner = server.live(*KEY)
    assert owner is not None
    reference = {name: owner[name] for name in ("apiVersion", "kind")} | {"controller": True}
    reference |= {name: owner["metadata"][name] for name in ("name", "uid")}
    labels = {MANAGED_BY: MANAGER, COMPONENT: "generator", INSTANCE: KEY.name}
    ended = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:00:00Z"}}
    status = {"containerStatuses": [{"name": "server", "state": ended, "restartCount": 0}]}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": labels, "ownerReferences": [reference]},
        "spec": {"nodeName": "n"},
        "status": {"phase": "Running", **status},
    }
    server.objects.create(server.place("Pod", KEY.namespace, "p"), body)


def test_a_log_that_is_still_read_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            gate = server.hold(is_log)
            create_failing(server)
            process = await start(server, tmp_path)
            await until(lambda: status_of(server) and any(map(is_log, server.asked)))
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            assert b"Traceback" not in errors
            assert b"never retrieved" not in errors
            gate.set()

    run_async(main)


def test_logs_are_not_read_if_that_is_switched_off(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            create_failing(server)
            process = await start(server, tmp_path, "--no-pod-logs")
            await until(lambda: status_of(server))
            # A change of the pod causes another pass, after which nothing may be under way either.
            before = status_of(server)
            server.objects.change(
                server.place("Pod", KEY.namespace, "p"),
                lambda body: body["status"]["containerStatuses"][0].update(restartCount=9),
            )
            await until(lambda: status_of(server) != before)
            process.send_signal(signal.SIGTERM)
            await process.communicate()
            assert not any(map(is_log, server.asked))

    run_async(main)


async def told_to_stop_in_a_pass(server: FakeApiServer, tmp_path: Path) -> tuple[Any, Any]:
    """Send SIGTERM while a pass waits for an answer; return the process and what holds it."""
    gate = server.hold(lambda one: one.path.endswith("/status"))
    create(server, model())
    process = await start(server, tmp_path)
    await until(lambda: any(one.path.endswith("/status") for one in server.asked))
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    while b"SIGTERM" not in await process.stderr.readline():
        pass
    return process, gate


def test_a_running_pass_may_end_and_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            process, gate = await told_to_stop_in_a_pass(server, tmp_path)
            assert process.returncode is None
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 128 + signal.SIGTERM
            gate.set()

    run_async(main)


def test_a_running_pass_is_waited_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            process, gate = await told_to_stop_in_a_pass(server, tmp_path)
            gate.set()
            await process.communicate()
            assert process.returncode == 0
            assert status_of(server)

    run_async(main)


def test_what_cannot_work_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(run, [f"--kubeconfig={tmp_path / 'none'}", "--log-level=error"])
    assert result.exit_code == 1
    assert result.output == f"Error: no kubeconfig at {tmp_path / 'none'}\n"


def test_a_port_in_use_is_said() -> None:
    async def main() -> None:
        async with FakeApiServer().running() as server:
            port = int(server.url.rpartition(":")[2])
            options = Options(host="127.0.0.1", port=port)
            with pytest.raises(AccessError, match="cannot listen on"):
                await operate(options, access=Access(server=server.url), pipeline=toy.PIPELINE)

    run_async(main)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:8080", ("::1", 8080)),
        (":8080", ("0.0.0.0", 8080)),
        ("8080", None),
        ("host:port", None),
        ("host:70000", None),
    ],
)
def test_listen_address(text: str, expected: tuple[str, int] | None) -> None:
    result = CliRunner().invoke(run, ["--listen", text, "--help"])
    if expected is None:
        assert CliRunner().invoke(run, ["--listen", text]).exit_code == 2
    else:
        assert result.exit_code == 0
        assert ListenAddress().convert(text, None, None) == expected
