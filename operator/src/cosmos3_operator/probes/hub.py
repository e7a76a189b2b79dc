"""Ask the Hugging Face hub whether it lets a token read some repositories.

In: words REPOSITORY or REPOSITORY@REVISION; HF_TOKEN, HF_ENDPOINT, proxies and certificates from
the environment. Out: one line of JSON, on standard output and as the termination message; exit code
0 only if the hub grants all. Neither the token nor a header is ever printed. What answers mean is
from huggingface_hub 2.4.0: `auth_check`, `model_info`, `hf_raise_for_status`, `_clean_token`.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

GRANTED = "AccessGranted"
TOKEN_MISSING = "HuggingFaceTokenMissing"  # noqa: S105 - a reason
TOKEN_REJECTED = "HuggingFaceTokenRejected"  # noqa: S105 - a reason
LICENCE_NOT_ACCEPTED = "HuggingFaceLicenceNotAccepted"
REPOSITORY_NOT_FOUND = "RepositoryNotFound"
REVISION_NOT_FOUND = "RevisionNotFound"
UNREACHABLE = "HubUnreachable"
BROKEN = "ContainerFailed"

ENDPOINT = "https://huggingface.co"
TERMINATION_LOG = "/dev/termination-log"
ATTEMPTS = 4
TIMEOUT_SECONDS = 15
FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 60.0
"""All four are judgement: a hiccup is not reported, an outage is within minutes."""
LONGEST_LINE = 4000
"""Kubernetes keeps 4096 bytes of a termination message. The line is ASCII, whatever the locale."""

BUSY = frozenset({408, 425, 429})
INVALID = "Invalid credentials in Authorization header"
DISABLED = "Access to this resource is disabled."


class Refusal(Exception):  # noqa: N818 - an answer, not a malfunction
    """Why a repository cannot be had; a final one holds for all repositories."""

    def __init__(self, reason: str, words: str, *, final: bool = False) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words
        self.final = final


@dataclass(frozen=True)
class Answer:
    """What matters of a response."""

    status: int
    code: str
    words: str
    is_page: bool
    wait_seconds: float
    elsewhere: str
    """The host that answered, if a redirect led away from the hub's address."""

    @property
    def said(self) -> str:
        """The status, and what the hub says about it."""
        return f"HTTP {self.status}" + (f": {self.words.rstrip('.')}" if self.words else "")


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and takes the token along only to where it was meant to go."""

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302  # Python 3.10 has none.

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the next request."""
        if urlsplit(newurl).scheme not in ("http", "https"):
            return None
        after = urllib.request.Request(newurl, headers=dict(req.headers), unverifiable=True)  # noqa: S310
        token = req.unredirected_hdrs.get("Authorization")
        if token and origin(newurl) == origin(req.full_url):
            after.add_unredirected_header("Authorization", token)
        return after


class Hub:
    """Asks, and asks again where that may help."""

    def __init__(self, *, endpoint: str, token: str, sleep: Callable[[float], None]) -> None:
        self.host = host_of(endpoint)
        self.token = token
        self._endpoint = endpoint
        self._sleep = sleep
        self._opener = urllib.request.build_opener(Redirects)

    def ask(self, path: str) -> Answer:
        """Return the hub's answer; refuse if there is none after some attempts."""
        trouble, wait = "", 0.0
        for attempt in range(ATTEMPTS):
            self._sleep(wait)
            wait = FIRST_DELAY_SECONDS * 2**attempt
            try:
                answer = self._exchange(path)
            except (OSError, http.client.HTTPException) as error:
                trouble = words_of(error)
                continue
            if not (answer.is_page or answer.status in BUSY or answer.status >= 500):
                return answer
            trouble = answer.said + (" and a web page, not the hub's" if answer.is_page else "")
            wait = min(max(wait, answer.wait_seconds), LONGEST_DELAY_SECONDS)
        raise Refusal(UNREACHABLE, f"{self.host} cannot be asked: {trouble}", final=True)

    def rejects(self, answer: Answer) -> bool:
        """Tell a token that the hub does not know from one that it knows."""
        return answer.words == INVALID or self.ask("/api/whoami-v2").status == 401

    def _exchange(self, path: str) -> Answer:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._endpoint + path, headers={"User-Agent": "cosmos3-operator (access check)"}
        )
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return self._answer(response.status, response)
        except urllib.error.HTTPError as error:
            with error:
                return self._answer(error.code, error)

    def _answer(self, status: int, response: Any) -> Answer:
        """Keep of a response what is needed, cleaned of what a message cannot hold."""
        headers = response.headers
        code, words = (clean(headers.get(f"X-Error-{name}") or "") for name in ("Code", "Message"))
        is_elsewhere = origin(response.url) != origin(self._endpoint)
        return Answer(
            status=status,
            code=code,
            words=words,
            is_page=response.read(64).lstrip().startswith(b"<") and not (code or words),
            wait_seconds=wait_of(headers),
            elsewhere=host_of(response.url) if is_elsewhere else "",
        )


def main(
    words: Sequence[str],
    environ: Mapping[str, str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    log: str = TERMINATION_LOG,
) -> int:
    """Check every repository, report in one line, return the exit code."""
    token = token_of(environ)
    try:
        reason, repository, message = check_all(words, environ, token, sleep)
    except Exception as error:
        # Its text may hold what must not be seen.
        reason, repository = BROKEN, ""
        message = f"the check itself failed ({type(error).__name__})"
    if token:
        message = message.replace(token, "***")
    report = {"probe": "hub", "reason": reason, "repository": repository, "message": message}
    while len(json.dumps(report)) > LONGEST_LINE:
        report["message"] = report["message"][:-100]
    line = json.dumps(report)
    leave(line, log)
    sys.stdout.write(line + "\n")
    return 0 if reason == GRANTED else 1


def check_all(
    words: Sequence[str], environ: Mapping[str, str], token: str, sleep: Callable[[float], None]
) -> tuple[str, str, str]:
    """Return reason, the repository that it is about, and what to tell about all of them."""
    refused: list[tuple[str, Refusal]] = []
    try:
        hub = Hub(endpoint=endpoint_of(environ), token=checked(token), sleep=sleep)
    except Refusal as refusal:
        return refusal.reason, "", refusal.words
    for word in words:
        repository, _, revision = word.partition("@")
        try:
            check(hub, repository, revision)
        except Refusal as refusal:
            if refusal.final:
                return refusal.reason, repository, refusal.words
            refused.append((repository, refusal))
    if not refused:
        return GRANTED, "", f"{hub.host} grants {', '.join(words)}"
    message = "; ".join(f"{repository} {refusal.words}" for repository, refusal in refused)
    return refused[0][1].reason, refused[0][0], message


def check(hub: Hub, repository: str, revision: str) -> None:
    """Refuse unless the hub lets the token read this revision of the repository."""
    path = f"/api/models/{quote(repository)}"
    judge(hub, hub.ask(f"{path}/auth-check"))
    if revision:
        answer = hub.ask(f"{path}/revision/{quote(revision, safe='')}")
        if answer.status == 404:
            raise Refusal(REVISION_NOT_FOUND, f"has no revision {revision} ({answer.said})")
        judge(hub, answer)


def judge(hub: Hub, answer: Answer) -> None:
    """Refuse with the reason for an answer that grants nothing."""
    if 200 <= answer.status < 300:
        return
    if answer.status not in (401, 403, 404):
        words = f"{hub.host} gives no usable answer: {answer.said}"
        raise Refusal(UNREACHABLE, words, final=True)
    if answer.elsewhere and answer.status != 404:
        words = f"{hub.host} redirects to {answer.elsewhere}, which gets no token ({answer.said})"
        raise Refusal(UNREACHABLE, words, final=True)
    if answer.status == 401 and hub.token and hub.rejects(answer):
        words = f"{hub.host} does not know the token ({answer.said})"
        raise Refusal(TOKEN_REJECTED, words, final=True)
    if answer.words == DISABLED:
        raise Refusal(REPOSITORY_NOT_FOUND, f"was disabled by the hub ({answer.said})")
    reason, words = closed(answer, has_token=bool(hub.token))
    raise Refusal(reason, f"{words} ({answer.said})")


def closed(answer: Answer, *, has_token: bool) -> tuple[str, str]:
    """Return why a repository stays closed to this token, or to nobody in particular."""
    if answer.status != 404 and not has_token:
        if answer.code == "GatedRepo":
            return TOKEN_MISSING, "is gated, and there is no token"
        return TOKEN_MISSING, "is private or gated or does not exist, and there is no token"
    if answer.code == "GatedRepo":
        return LICENCE_NOT_ACCEPTED, "is gated, and not open to the account of the token"
    if answer.status == 403:
        return LICENCE_NOT_ACCEPTED, "is not open to this token"
    if answer.status == 404 and not (answer.code or answer.words):
        # Mirrors know fewer paths than the hub.
        return REPOSITORY_NOT_FOUND, "is not known, or the address knows no auth-check"
    return REPOSITORY_NOT_FOUND, "does not exist, or is private and not visible to this token"


def wait_of(headers: Any) -> float:
    """Return how long a busy hub asks to be left alone, 0 if it does not say."""
    found = re.match(r"\s*(\d{1,6})\s*$", headers.get("Retry-After") or "") or re.search(
        r";\s*t\s*=\s*(\d{1,6})", headers.get("RateLimit") or ""
    )
    return float(found[1]) if found else 0.0


def token_of(environ: Mapping[str, str]) -> str:
    """Return the token as huggingface_hub reads it: without the line ends of a file."""
    token = environ.get("HF_TOKEN") or environ.get("HUGGING_FACE_HUB_TOKEN") or ""
    return token.replace("\r", "").replace("\n", "").strip()


def checked(token: str) -> str:
    """Refuse a token that could not even be sent."""
    if not re.fullmatch(r"[!-~]*", token):
        raise Refusal(TOKEN_REJECTED, "the token holds blanks or characters that no token has")
    return token


def endpoint_of(environ: Mapping[str, str]) -> str:
    """Return the hub's address; refuse one that is none, without repeating it."""
    endpoint = environ.get("HF_ENDPOINT", ENDPOINT).rstrip("/")
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or re.search(r"\s", endpoint):
        raise Refusal(UNREACHABLE, "HF_ENDPOINT is no plain http or https address")
    return endpoint


def host_of(url: str) -> str:
    """Return host and port, for messages."""
    return urlsplit(url).netloc


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return what decides whether two addresses are the same server."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def words_of(error: Exception) -> str:
    """Say what went wrong below HTTP, in words that hold no address and do not change."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        file = os.environ.get("SSL_CERT_FILE")
        lost = (
            "; this image lacks the file of SSL_CERT_FILE"
            if file and not os.path.exists(file)
            else ""
        )
        return f"its certificate is not trusted ({cause.verify_message}){lost}"
    if isinstance(cause, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS} s"
    if str(cause).startswith("Tunnel connection failed"):
        return f"the proxy refuses ({clean(str(cause))})"
    return getattr(cause, "strerror", None) or type(cause).__name__


def clean(text: str) -> str:
    """Return one short printable line."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:400]


def leave(line: str, log: str) -> None:
    """Write the termination message, if there is a place for it."""
    try:
        with open(os.open(log, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as file:
            file.write(line)
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
