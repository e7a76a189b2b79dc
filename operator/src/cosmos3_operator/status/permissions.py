"""What an administrator must grant, from the words by which the API server says that we may not.

In: messages of refusals. Out: a remedy, "" if none is about a permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# kubernetes 1.36.3 staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go,
# forbiddenMessage.
_MISSING = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"'
    r' in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)"| at the cluster scope)'
)


def permission_remedy(messages: Iterable[str]) -> str:
    """Say what to grant to whom, and where."""
    found = [match for message in messages for match in _MISSING.finditer(message)]
    if not found:
        return ""
    rights = dict.fromkeys(_right(match) for match in found)
    return (
        f"The operator's role lacks {', '.join(rights)}: install the chart's roles as they are"
        f" (rbac.create), or grant it to {found[0]['user']}"
    )


def _right(match: re.Match[str]) -> str:
    resource, _, subresource = match["resource"].partition("/")
    whole = f"{resource}.{match['group']}" if match["group"] else resource
    where = f" in namespace {match['namespace']}" if match["namespace"] else " in the cluster"
    return f"{match['verb']} on {whole}{'/' + subresource if subresource else ''}{where}"
