"""What the access check says for each answer of the hub, imported and exactly as pods run it."""

from __future__ import annotations

import ast
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed.certs import Authority
from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.probes import hub as program
from fakes.hub import FakeHub, Reply, Repo, error
from support.kubectl import ROOT

MODEL, GUARD, OPEN = (
    "nvidia/Cosmos3-Nano",
    "nvidia/Cosmos-1.0-Guardrail",
    "Qwen/Qwen3Guard-Gen-0.6B",
)
TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345"
IMPATIENT = """
import os, sys
from cosmos3_operator.probes.hub import main
sys.exit(main(sys.argv[1:], os.environ, sleep=lambda seconds: None))
"""
SOURCE = Path(program.__file__).read_text("utf-8")


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    fake = FakeHub()
    fake.repos = {MODEL: Repo(), GUARD: Repo(gated=True), OPEN: Repo()}
    fake.tokens = {TOKEN: {GUARD}}
    with fake.running():
        yield fake


class Run:
    """One run by import, with a clock that only counts."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], **env: str
    ) -> None:
        log = tmp_path / "termination-log"
        log.touch()
        self.slept: list[float] = []
        self.code = program.main(words, env, sleep=self.slept.append, log=str(log))
        self.out, self.err = capsys.readouterr()
        self.report: dict[str, str] = json.loads(self.out)
        assert self.out.count("\n") == 1
        assert log.read_text("utf-8") == self.out.rstrip("\n")

    @property
    def said(self) -> tuple[str, str]:
        return self.report["reason"], self.report["repository"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, hub: FakeHub) -> Any:
    def check(*words: str, token: str = TOKEN, **env: str) -> Run:
        named = {"HF_ENDPOINT": hub.url, "HF_TOKEN": token, **env}
        done = Run(capsys, tmp_path, words, **named)
        assert done.code == (0 if done.report["reason"] == "AccessGranted" else 1)
        assert token.strip() == "" or token.strip() not in done.out + done.err
        return done

    return check


def test_all_is_granted(run: Any, hub: FakeHub) -> None:
    done = run(MODEL, GUARD, OPEN)
    assert done.report == {
        "probe": "hub",
        "reason": "AccessGranted",
        "repository": "",
        "message": f"{hub.url.removeprefix('http://')} grants {MODEL}, {GUARD}, {OPEN}",
    }
    assert [one.path for one in hub.asked] == [
        f"/api/models/{name}/auth-check" for name in (MODEL, GUARD, OPEN)
    ]
    assert {one.authorization for one in hub.asked} == {f"Bearer {TOKEN}"}


def test_open_repositories_need_no_token(run: Any, hub: FakeHub) -> None:
    assert run(MODEL, OPEN, token="").said == ("AccessGranted", "")
    assert {one.authorization for one in hub.asked} == {None}


def test_a_gated_repository_without_token(run: Any) -> None:
    done = run(MODEL, GUARD, token="")
    assert done.said == ("HuggingFaceTokenMissing", GUARD)
    assert "is gated, and there is no token (HTTP 401: Access to model" in done.report["message"]


def test_what_nobody_may_see_without_token(run: Any) -> None:
    done = run("nvidia/Nothing", token="")
    assert done.said == ("HuggingFaceTokenMissing", "nvidia/Nothing")
    assert "private or gated or does not exist" in done.report["message"]


def test_a_token_that_the_hub_does_not_know(run: Any, hub: FakeHub) -> None:
    done = run(MODEL, GUARD, token="hf_unknown")
    assert done.said == ("HuggingFaceTokenRejected", MODEL)
    assert "Invalid credentials in Authorization header" in done.report["message"]
    assert len(hub.asked) == 1


def test_a_401_without_words_is_settled_by_whoami(run: Any, hub: FakeHub) -> None:
    hub.faults = [error(401)]
    assert run(GUARD).said == ("RepositoryNotFound", GUARD)
    assert hub.asked[-1].path == "/api/whoami-v2"
    hub.faults = [error(401), error(401)]
    assert run(GUARD).said == ("HuggingFaceTokenRejected", GUARD)


@pytest.mark.parametrize("token", ["hf_a b", "hf_a\tb", "hf_ä", "hf_a\x00b"])
def test_a_token_that_cannot_be_sent_is_not_sent(run: Any, hub: FakeHub, token: str) -> None:
    done = run(MODEL, token=token)
    assert done.said == ("HuggingFaceTokenRejected", "")
    assert hub.asked == []


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f" {TOKEN}\r\n"])
def test_line_ends_of_a_file_are_dropped_as_the_hub_client_does(
    run: Any, hub: FakeHub, token: str
) -> None:
    assert run(GUARD, token=token).said == ("AccessGranted", "")
    assert hub.asked[0].authorization == f"Bearer {TOKEN}"


def test_the_older_name_of_the_variable_is_read_as_the_hub_client_does(
    run: Any, hub: FakeHub
) -> None:
    assert run(GUARD, token="", HUGGING_FACE_HUB_TOKEN=TOKEN).said == ("AccessGranted", "")


def test_a_licence_that_was_not_accepted(run: Any, hub: FakeHub) -> None:
    hub.tokens[TOKEN].clear()
    done = run(MODEL, GUARD, OPEN)
    assert done.said == ("HuggingFaceLicenceNotAccepted", GUARD)
    assert "you are not in the authorized list)" in done.report["message"]


def test_a_403_of_a_token_that_may_too_little(run: Any, hub: FakeHub) -> None:
    hub.faults = [error(403, words="Please enable access to public gated repositories")]
    done = run(GUARD)
    assert done.said == ("HuggingFaceLicenceNotAccepted", GUARD)
    assert "Please enable access" in done.report["message"]


def test_a_repository_that_does_not_exist_or_is_private(run: Any, hub: FakeHub) -> None:
    hub.repos["nvidia/Secret"] = Repo(private=True)
    for name in ("nvidia/Nothing", "nvidia/Secret"):
        done = run(name)
        assert done.said == ("RepositoryNotFound", name)
        assert "or is private and not visible to this token" in done.report["message"]


def test_a_repository_that_was_disabled(run: Any, hub: FakeHub) -> None:
    hub.repos[MODEL].disabled = True
    for token in (TOKEN, ""):
        done = run(MODEL, token=token)
        assert done.said == ("RepositoryNotFound", MODEL)
        assert "Access to this resource is disabled" in done.report["message"]


def test_a_mirror_that_knows_no_auth_check(run: Any, hub: FakeHub) -> None:
    hub.faults = [error(404)]
    assert "knows no auth-check" in run(MODEL).report["message"]


def test_all_that_is_refused_is_told_at_once(run: Any, hub: FakeHub) -> None:
    hub.tokens[TOKEN].clear()
    done = run("nvidia/Nothing", GUARD)
    assert done.said == ("RepositoryNotFound", "nvidia/Nothing")
    assert f"; {GUARD} is gated" in done.report["message"]


def test_a_revision_is_looked_up(run: Any, hub: FakeHub) -> None:
    hub.repos[MODEL].revisions = ("main", "refs/pr/1")
    assert run(f"{MODEL}@refs/pr/1").said == ("AccessGranted", "")
    assert hub.asked[-1].path == f"/api/models/{MODEL}/revision/refs%2Fpr%2F1"
    done = run(f"{MODEL}@fp9")
    assert done.said == ("RevisionNotFound", MODEL)
    assert "has no revision fp9" in done.report["message"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (error(500), "HTTP 500"),
        (error(429, words="Too many requests"), "HTTP 429: Too many requests"),
        (Reply(200, body=b"<!DOCTYPE html><title>Log in"), "a web page, not the hub's"),
        (Reply(403, body=b"\n<html>Blocked by"), "a web page, not the hub's"),
    ],
)
def test_a_hub_that_cannot_answer_is_asked_again_and_then_given_up(
    run: Any, hub: FakeHub, fault: Reply, says: str
) -> None:
    hub.faults = [fault] * 3
    done = run(MODEL)
    assert done.said == ("AccessGranted", "")
    assert len(hub.asked) == 4
    assert done.slept == [0, 2, 4, 8]
    hub.faults = [fault] * 4
    done = run(MODEL, GUARD)
    assert done.said == ("HubUnreachable", MODEL)
    assert says in done.report["message"]
    assert len(hub.asked) == 8


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "33"}, 33),
        ({"Retry-After": "1"}, 2),
        ({"Retry-After": "99999"}, 60),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 2),
    ],
)
def test_a_busy_hub_is_left_alone_for_as_long_as_it_asks_within_limits(
    run: Any, hub: FakeHub, headers: dict[str, str], wait: float
) -> None:
    hub.faults = [Reply(429, headers)]
    assert run(MODEL).slept == [0, wait]


def test_an_answer_that_means_nothing_is_not_access(run: Any, hub: FakeHub) -> None:
    hub.faults = [error(418)]
    assert run(MODEL).said == ("HubUnreachable", MODEL)


def test_nobody_listens(run: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = run(MODEL, HF_ENDPOINT=f"http://127.0.0.1:{free.getsockname()[1]}")
    assert done.said == ("HubUnreachable", MODEL)
    assert "Connection refused" in done.report["message"]


def test_a_name_that_nobody_knows(run: Any) -> None:
    done = run(MODEL, HF_ENDPOINT="https://hub.invalid")
    assert done.report["message"] == "hub.invalid cannot be asked: its name cannot be resolved"


def test_a_server_without_tls(run: Any, hub: FakeHub) -> None:
    done = run(MODEL, HF_ENDPOINT=hub.url.replace("http:", "https:"))
    assert done.said == ("HubUnreachable", MODEL)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "huggingface.co",
        "ftp://hub",
        "https://",
        "https://u:s3cret@hub",
        "http://h:s3cret",
        "http://[s3cret",
    ],
)
def test_an_address_that_is_none_is_not_repeated(run: Any, endpoint: str) -> None:
    done = run(MODEL, HF_ENDPOINT=endpoint)
    assert done.said == ("HubUnreachable", "")
    assert "s3cret" not in done.out + done.err


def test_a_renamed_repository_is_found_with_the_token(run: Any, hub: FakeHub) -> None:
    hub.renamed["nvidia/Old"] = GUARD
    assert run("nvidia/Old").said == ("AccessGranted", "")
    assert hub.asked[-1].authorization == f"Bearer {TOKEN}"


def test_the_token_never_follows_a_redirect_to_another_server(run: Any, hub: FakeHub) -> None:
    other = FakeHub()
    other.repos = {MODEL: Repo(), GUARD: Repo(gated=True)}
    with other.running():
        hub.renamed = {MODEL: other.url, GUARD: other.url}
        assert run(MODEL).said == ("AccessGranted", "")
        done = run(GUARD)
    assert [one.authorization for one in other.asked] == [None, None]
    assert done.said == ("HubUnreachable", GUARD)
    assert "which gets no token" in done.report["message"]


def test_a_redirect_to_something_else_than_http_is_not_followed(run: Any, hub: FakeHub) -> None:
    hub.faults = [Reply(302, {"Location": "ftp://example.invalid/"})]
    assert run(MODEL).said == ("HubUnreachable", MODEL)


def test_a_token_that_the_hub_repeats_is_struck_out(run: Any, hub: FakeHub) -> None:
    hub.faults = [error(403, words=f"No access for {TOKEN}")]
    assert "No access for ***" in run(GUARD).report["message"]


def test_a_fault_of_the_program_itself_is_told_without_its_text(
    run: Any, hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: float) -> None:
        raise RuntimeError(TOKEN)

    code = program.main((MODEL,), {"HF_ENDPOINT": hub.url}, sleep=broken, log="/nowhere/log")
    assert code == 1
    report = json.loads(capsys.readouterr().out)
    assert report["reason"] == "ContainerFailed"
    assert report["message"] == "the check itself failed (RuntimeError)"


def test_a_message_fits_the_termination_log(run: Any, hub: FakeHub) -> None:
    hub.faults = [error(403, words="\xe4" * 1000)] * 16
    done = run(*[f"nvidia/N{number}" for number in range(16)])
    assert 3500 < len(done.out.encode()) < 4096


def test_a_report_needs_no_locale(hub: FakeHub) -> None:
    hub.faults = [error(403, words="geschlossen f\xfcr alle")]
    env = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = run_impatiently(GUARD, **env)
    assert done.stdout.isascii()
    assert "geschlossen f\xfcr alle" in json.loads(done.stdout)["message"]


def test_every_reason_is_one_of_the_api() -> None:
    names = ("GRANTED", "TOKEN_MISSING", "TOKEN_REJECTED", "LICENCE_NOT_ACCEPTED")
    more = ("REPOSITORY_NOT_FOUND", "REVISION_NOT_FOUND", "UNREACHABLE", "BROKEN")
    assert {getattr(program, name) for name in (*names, *more)} <= set(Reason)


# As pods run it.


def interpreters() -> list[str]:
    """Return this interpreter and the oldest that the machine has."""
    oldest = subprocess.run(
        [str(ROOT / "requirements" / "find-python"), "oldest"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return sorted({sys.executable, oldest})


def run_source(python: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-I", "-c", SOURCE, *words],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run_impatiently(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it in an environment of its own, without the delays between attempts."""
    return subprocess.run(
        [sys.executable, "-c", IMPATIENT, *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("python", interpreters())
def test_the_source_runs_alone(hub: FakeHub, python: str) -> None:
    env = {"HF_ENDPOINT": hub.url, "HF_TOKEN": f"{TOKEN}\n"}
    granted = run_source(python, MODEL, GUARD, **env)
    assert granted.returncode == 0, granted.stderr
    assert json.loads(granted.stdout)["reason"] == "AccessGranted"
    hub.tokens[TOKEN].clear()
    refused = run_source(python, MODEL, GUARD, **env)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["reason"] == "HuggingFaceLicenceNotAccepted"
    for done in (granted, refused):
        assert done.stderr == ""
        assert TOKEN not in done.stdout


def test_a_proxy_is_used_and_gets_no_token_of_https(hub: FakeHub) -> None:
    proxy = FakeHub()
    proxy.repos = {MODEL: Repo()}
    with proxy.running():
        # A proxy gets the whole address; this one has no CONNECT.
        env = {"HTTPS_PROXY": proxy.url, "HF_ENDPOINT": "https://hub.invalid", "HF_TOKEN": TOKEN}
        done = run_impatiently(MODEL, **env)
    assert json.loads(done.stdout)["reason"] == "HubUnreachable"
    assert "the proxy refuses (Tunnel connection failed: 501" in done.stdout
    assert proxy.asked == []
    assert TOKEN not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def https(hub: FakeHub, authority: Authority) -> Iterator[FakeHub]:
    pair = authority.serving("hub", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    secured = FakeHub()
    secured.repos, secured.tokens = hub.repos, hub.tokens
    with secured.running(context):
        yield secured


def test_an_authority_of_ones_own_is_named_by_the_usual_variable(
    https: FakeHub, authority: Authority
) -> None:
    env = {"HF_ENDPOINT": https.url, "HF_TOKEN": TOKEN, "SSL_CERT_FILE": str(authority.cert)}
    assert json.loads(run_source(sys.executable, GUARD, **env).stdout)["reason"] == "AccessGranted"


@pytest.mark.parametrize("lost", [True, False])
def test_a_certificate_that_nobody_vouches_for_gets_no_token(
    https: FakeHub, tmp_path: Path, lost: bool
) -> None:
    trusted = tmp_path / "ca.pem"
    if not lost:
        trusted.touch()
    env = {"HF_ENDPOINT": https.url, "HF_TOKEN": TOKEN, "SSL_CERT_FILE": str(trusted)}
    done = run_impatiently(MODEL, **env)
    report = json.loads(done.stdout)
    assert report["reason"] == "HubUnreachable"
    assert "its certificate is not trusted (" in report["message"]
    assert ("lacks the file of SSL_CERT_FILE" in report["message"]) is lost
    assert https.asked == []


def test_the_source_is_python_3_10() -> None:
    ast.parse(SOURCE, feature_version=(3, 10))


def test_the_source_needs_the_standard_library_only() -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
        if name
    }
    assert imported <= set(sys.stdlib_module_names)
