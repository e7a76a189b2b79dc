"""A real TLS server: its authority, its name, and the client's certificate."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cosmos3_operator.cluster.access import Access, Identity, Material
from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import Unavailable
from cosmos3_operator.cluster.session import Sessions
from cosmos3_operator.reconcile.kinds import PODS
from fakes.loop import run_async


@dataclass(frozen=True)
class Pair:
    certificate: bytes
    key: bytes


def issue(
    name: str, *, by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return builder.sign(by[1] if by else key, hashes.SHA256()), key


def pem(pair: tuple[x509.Certificate, ec.EllipticCurvePrivateKey]) -> Pair:
    return Pair(
        pair[0].public_bytes(serialization.Encoding.PEM),
        pair[1].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


@dataclass(frozen=True)
class Bed:
    url: str
    authority: Material
    client: Pair


@asynccontextmanager
async def tls_server(tmp_path: Path) -> AsyncIterator[Bed]:
    authority = issue("authority", by=None)
    server, client = pem(issue("kubernetes.test", by=authority)), pem(issue("me", by=authority))
    for name, content in (
        ("ca", pem(authority).certificate),
        ("crt", server.certificate),
        ("key", server.key),
    ):
        (tmp_path / name).write_bytes(content)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "ca")
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    # The certificates here have no key identifiers, like those of many clusters.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_OPTIONAL

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peercert") or {}
        return web.json_response({"subject": str(peer.get("subject", ""))})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        port = runner.addresses[0][1]
        url = f"https://{ipaddress.ip_address('127.0.0.1')}:{port}"
        yield Bed(url, Material(pem=pem(authority).certificate), client)
    finally:
        await runner.cleanup()


async def subject(access: Access) -> str:
    async with Sessions(access, user_agent="test").open(limit=1) as session:
        client = Client(session=session, server=access.server, manager="me")
        found = await client.get(PODS, namespace="a", name="b")
        return str(found["subject"])


def test_authority_server_name_and_client_certificate(tmp_path: Path) -> None:
    async def main() -> None:
        async with tls_server(tmp_path) as bed:
            identity = Identity(
                certificate=Material(pem=bed.client.certificate), key=Material(pem=bed.client.key)
            )
            access = Access(
                server=bed.url,
                authority=bed.authority,
                server_name="kubernetes.test",
                identity=identity,
            )
            assert "'me'" in await subject(access)

    run_async(main)


def test_a_wrong_name_or_authority_is_not_trusted(tmp_path: Path) -> None:
    async def main() -> None:
        async with tls_server(tmp_path) as bed:
            for access in (
                Access(server=bed.url, authority=bed.authority),
                Access(server=bed.url, server_name="kubernetes.test"),
            ):
                with pytest.raises(Unavailable, match=r"(?i)certificate"):
                    await subject(access)

    run_async(main)


def test_verification_can_be_switched_off(tmp_path: Path) -> None:
    async def main() -> None:
        async with tls_server(tmp_path) as bed:
            assert await subject(Access(server=bed.url, insecure=True)) == ""

    run_async(main)
