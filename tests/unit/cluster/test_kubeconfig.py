"""Every way to say where the cluster is and who we are, and what is said when it is wrong."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from cosmos3_operator.cluster.access import Access, Material
from cosmos3_operator.cluster.errors import AccessError
from cosmos3_operator.cluster.kubeconfig import find_access, from_files

PEM = b"-----BEGIN CERTIFICATE-----"
ENCODED = base64.b64encode(PEM).decode()


def config(user: Any = None, cluster: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://c:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        **more,
    }


def read(tmp_path: Path, document: Any, **options: Any) -> Access:
    path = tmp_path / "config"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return from_files([path], **options)


def test_the_smallest(tmp_path: Path) -> None:
    access = read(tmp_path, config())
    assert (access.server, access.namespace) == ("https://c:6443", "n")
    assert access.source == f"context here of {tmp_path / 'config'}"


@pytest.mark.parametrize(
    ("user", "attribute", "expected"),
    [
        ({"token": "t"}, "token", "t"),
        ({"username": "a", "password": "b"}, "username", "a"),
        ({"username": "a", "password": "b"}, "password", "b"),
        (
            {"client-certificate-data": ENCODED, "client-key-data": ENCODED},
            "certificate",
            Material(pem=PEM),
        ),
    ],
)
def test_users(tmp_path: Path, user: Any, attribute: str, expected: Any) -> None:
    assert getattr(read(tmp_path, config(user)).identity, attribute) == expected


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    user = {"client-certificate": "a.crt", "client-key": "/abs/a.key", "tokenFile": "t"}
    access = read(tmp_path, config(user, {"certificate-authority": "ca.crt"}))
    assert access.authority == Material(path=tmp_path / "ca.crt")
    assert access.identity.certificate == Material(path=tmp_path / "a.crt")
    assert access.identity.key == Material(path=Path("/abs/a.key"))
    assert access.identity.token_file == tmp_path / "t"


def test_a_token_file_wins_over_a_token(tmp_path: Path) -> None:
    access = read(tmp_path, config({"token": "stale", "tokenFile": "t"}))
    assert access.identity.token is None


def test_cluster_options(tmp_path: Path) -> None:
    access = read(
        tmp_path,
        config(
            cluster={
                "insecure-skip-tls-verify": True,
                "tls-server-name": "name",
                "proxy-url": "http://proxy:3128",
            }
        ),
    )
    assert access.insecure
    assert access.server_name == "name"
    assert access.proxy == "http://proxy:3128"


def test_an_exec_plugin(tmp_path: Path) -> None:
    section = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "get-token",
        "args": ["--cluster", 1],
        "env": [{"name": "A", "value": "b"}],
        "provideClusterInfo": True,
        "installHint": "apt install it",
    }
    plugin = read(tmp_path, config({"exec": section})).identity.plugin
    assert plugin is not None
    assert (plugin.command, plugin.args) == ("get-token", ("--cluster", "1"))
    assert plugin.env == {"A": "b"}
    assert plugin.provide_cluster_info
    assert plugin.directory == tmp_path


def test_another_context(tmp_path: Path) -> None:
    document = config()
    document["contexts"].append({"name": "there", "context": {"cluster": "c"}})
    access = read(tmp_path, document, context="there")
    assert access.namespace == "default"


def test_several_files_merge_and_the_first_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "config", tmp_path / "b" / "config"
    for path, document in (
        (first, {"current-context": "here", "clusters": config()["clusters"]}),
        (second, config({"tokenFile": "t"}, {"server": "https://other"})),
    ):
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(document))
    missing = tmp_path / "missing"
    environ = {"KUBECONFIG": f"{missing}:{first}:{second}"}
    access = find_access(kubeconfig=None, context=None, environ=environ)
    assert access.server == "https://c:6443"
    assert access.identity.token_file == second.parent / "t"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("[", "is not YAML"),
        ("text", "is not a kubeconfig"),
        (config(**{"current-context": ""}), "no current-context"),
        (config(**{"current-context": "gone"}), "no context 'gone'; it has: here"),
        (config(clusters=[]), "no cluster 'c'; it has: none"),
        (config(users=[]), "no user 'u'"),
        (config(cluster={"server": "c:6443"}), "no usable server address"),
        (config({"client-certificate": "a"}), "a client certificate needs its key"),
        (config({"client-key-data": "%%%"}), "client-key-data is not base64"),
        (config({"auth-provider": {"name": "gcp"}}), "use an exec plugin"),
        (config({"exec": {"apiVersion": "v1alpha1", "command": "x"}}), "'v1alpha1'"),
        (
            config({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}),
            "has no command",
        ),
        (
            config(
                cluster={"insecure-skip-tls-verify": True, "certificate-authority-data": ENCODED}
            ),
            "exclude each other",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(AccessError) as caught:
        read(tmp_path, document)
    assert message in str(caught.value)


def test_broken_yaml_does_not_show_its_content(tmp_path: Path) -> None:
    with pytest.raises(AccessError) as caught:
        read(tmp_path, 'token: "s3cret')
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__!r}"


def test_secrets_do_not_show(tmp_path: Path) -> None:
    section = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "x",
        "env": [{"name": "A", "value": "s3cret"}],
    }
    encoded = base64.b64encode(b"s3cret").decode()
    user = {
        "token": "s3cret",
        "username": "u",
        "password": "s3cret",
        "exec": section,
        "client-certificate-data": encoded,
        "client-key-data": encoded,
    }
    assert "s3cret" not in repr(read(tmp_path, config(user)))


def test_in_a_pod(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(AccessError, match="is the token mounted"):
        find_access(kubeconfig=None, context=None, environ=environ, service_account=tmp_path)
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_bytes(PEM)
    (tmp_path / "namespace").write_text("ns\n")
    access = find_access(kubeconfig=None, context=None, environ=environ, service_account=tmp_path)
    assert access.server == "https://10.0.0.1:443"
    assert access.namespace == "ns"
    assert access.identity.token_file == tmp_path / "token"


def test_an_ipv6_service_address_gets_brackets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_bytes(PEM)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1"}
    access = find_access(kubeconfig=None, context=None, environ=environ, service_account=tmp_path)
    assert access.server == "https://[fd00::1]:443"


def test_the_home_directory_comes_last(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    with pytest.raises(AccessError, match="no cluster to work with"):
        find_access(kubeconfig=None, context=None, environ=environ)
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(yaml.safe_dump(config()))
    assert find_access(kubeconfig=None, context=None, environ=environ).server == "https://c:6443"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="no kubeconfig at"):
        find_access(kubeconfig=tmp_path / "none", context=None, environ={})
