"""Credentials stay fresh, are asked for once, and reach every request."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cosmos3_operator.cluster.access import Access, ExecPlugin, Identity, Material
from cosmos3_operator.cluster.auth import Plugin, TokenFile, credentials_for
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import AccessError, Unauthorized
from cosmos3_operator.cluster.session import Sessions, tls_context
from cosmos3_operator.reconcile.kinds import PODS
from fakes.apiserver import FakeApiServer
from fakes.loop import Clock, run_async

VERSION = "client.authentication.k8s.io/v1"

SCRIPT = """
import json, os, sys
from pathlib import Path
count = Path(sys.argv[1])
number = int(count.read_text() or 0) + 1 if count.exists() else 1
count.write_text(str(number))
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
status = {"token": f"token-{number}-{info['spec'].get('cluster', {}).get('server', 'none')}"}
if len(sys.argv) > 2:
    status["expirationTimestamp"] = sys.argv[2]
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


def plugin(tmp_path: Path, *args: str, script: str = SCRIPT, **more: Any) -> ExecPlugin:
    path = tmp_path / "plugin.py"
    path.write_text(script)
    arguments = (str(path), str(tmp_path / "count"), *args)
    return ExecPlugin(command=sys.executable, args=arguments, api_version=VERSION, **more)


def asking(spec: ExecPlugin, clock: Clock | None = None) -> Plugin:
    return Plugin(
        spec,
        cluster={"server": "https://c"},
        use_certificate=lambda *_: None,
        clock=clock or Clock(),
    )


def fixed(identity: Identity) -> str | None:
    credentials = credentials_for(
        Access(server="https://c", identity=identity), use_certificate=lambda *_: None
    )
    return asyncio.run(credentials.header())


def test_static_headers() -> None:
    assert fixed(Identity()) is None
    assert fixed(Identity(token="t")) == "Bearer t"
    basic = base64.b64encode(b"a:b").decode()
    assert fixed(Identity(username="a", password="b")) == f"Basic {basic}"


def test_a_token_file_is_read_again_each_minute(tmp_path: Path) -> None:
    async def main() -> None:
        path, clock = tmp_path / "token", Clock()
        path.write_text("one\n")
        credentials = TokenFile(path, clock=clock)
        assert await credentials.header() == "Bearer one"
        path.write_text("two")
        clock.now += 59
        assert await credentials.header() == "Bearer one"
        clock.now += 1
        assert await credentials.header() == "Bearer two"
        path.write_text("three")
        assert credentials.renew()
        assert await credentials.header() == "Bearer three"

    run_async(main)


@pytest.mark.parametrize("content", [None, " "])
def test_a_token_file_that_is_no_use(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AccessError):
        asyncio.run(TokenFile(path).header())


def test_a_plugin_is_asked_once_by_many(tmp_path: Path) -> None:
    async def main() -> None:
        credentials = asking(plugin(tmp_path, provide_cluster_info=True))
        found = await asyncio.gather(*(credentials.header() for _ in range(10)))
        assert set(found) == {"Bearer token-1-https://c"}

    run_async(main)


def test_a_plugin_is_asked_again_when_its_credential_expires(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        credentials = asking(plugin(tmp_path, "1970-01-01T00:30:00Z"), clock)
        assert await credentials.header() == "Bearer token-1-none"
        clock.now = 1789
        assert await credentials.header() == "Bearer token-1-none"
        clock.now = 1791
        assert await credentials.header() == "Bearer token-2-none"

    run_async(main)


def test_a_plugin_is_asked_again_when_it_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        credentials = asking(plugin(tmp_path))
        await credentials.header()
        assert credentials.renew()
        assert await credentials.header() == "Bearer token-2-none"

    run_async(main)


def answer(**status: Any) -> str:
    return f"print({json.dumps({'apiVersion': VERSION, 'status': status})!r})"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise SystemExit(3)", "exit 3"),
        ("print('s3cret')", "did not print JSON"),
        ("print('[]')", "answered as None"),
        ('print(\'{"apiVersion": "v2"}\')', "answered as 'v2'"),
        (answer(), "neither a token nor a certificate"),
        (answer(token="t", expirationTimestamp="soon"), "is not a time"),
    ],
)
def test_a_plugin_that_is_no_use(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(AccessError, match=message) as caught:
        asyncio.run(asking(plugin(tmp_path, script=script)).header())
    assert "s3cret" not in str(caught.value)


def test_a_plugin_that_is_not_installed() -> None:
    spec = ExecPlugin(command="no-such-plugin", install_hint="install it")
    with pytest.raises(AccessError, match="not installed: install it"):
        asyncio.run(asking(spec).header())


def test_a_plugin_next_to_the_kubeconfig(tmp_path: Path) -> None:
    spec = ExecPlugin(command="./missing", directory=tmp_path)
    with pytest.raises(AccessError, match="cannot start"):
        asyncio.run(asking(spec).header())


def test_a_plugin_can_give_a_certificate(tmp_path: Path) -> None:
    used: list[tuple[Material, Material]] = []
    credentials = Plugin(
        plugin(tmp_path, script=answer(clientCertificateData="cert", clientKeyData="key")),
        cluster={},
        use_certificate=lambda *pair: used.append(pair),
    )
    assert asyncio.run(credentials.header()) is None
    assert used == [(Material(pem=b"cert"), Material(pem=b"key"))]


def test_a_refused_token_is_renewed_within_the_request(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "token"
        path.write_text("old")
        async with FakeApiServer().running() as server:
            access = Access(server=server.url, identity=Identity(token_file=path))
            sessions = Sessions(access, user_agent="test")
            await sessions.prove()
            path.write_text("new")
            rule = server.fail(lambda _: server.authorization[-1] != "Bearer new", 401)
            async with sessions.open(limit=4) as session:
                client = Client(session=session, server=server.url, manager="me")
                assert [pod async for pod in client.list(PODS)] == []
                assert server.authorization == ["Bearer old", "Bearer new"]
                rule.when = lambda _: True
                with pytest.raises(Unauthorized):
                    await client.get(PODS, namespace="a", name="b")

    run_async(main)


def test_bad_certificates_are_said(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="authority"):
        tls_context(Access(server="https://c", authority=Material(pem=b"nonsense")))
    with pytest.raises(AccessError, match="authority"):
        tls_context(Access(server="https://c", authority=Material(path=tmp_path / "none")))
    identity = Identity(certificate=Material(pem=b"x"), key=Material(pem=b"y"))
    with pytest.raises(AccessError, match="client certificate"):
        tls_context(Access(server="https://c", identity=identity))
    assert tls_context(Access(server="http://c")) is None
