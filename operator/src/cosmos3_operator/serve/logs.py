"""Logs for people at a terminal, and for machines elsewhere.

In: log records of ours and of the libraries. Out: one line each, text or JSON, with the fields of
the pass that wrote it and without credentials, whoever wrote them. Transitions are INFO, passes are
DEBUG: a fleet at rest writes nothing.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from cosmos3_operator.diagnosis.redact import redact
from cosmos3_operator.reconcile.context import current

Format = Literal["auto", "text", "json"]
_FIELDS = "fields"


class Bind(logging.Filter):
    """Attaches the fields of the running pass to a record, before those that it brings."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, with its fields."""
        setattr(record, _FIELDS, {**current(), **getattr(record, _FIELDS, {})})
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            entry["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        fields = getattr(record, _FIELDS, {})
        subject = (
            f"{fields['kind']} {fields['namespace']}/{fields['name']}: " if "kind" in fields else ""
        )
        line = f"{_time(record)} {record.levelname:<7} {subject}{record.getMessage()}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return redact(line)


def configure(*, level: str, log_format: Format) -> None:
    """Send all logs to standard error in one form."""
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Bind())
    handler.setFormatter(TextFormatter() if is_text else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    quiet_kopf()


def quiet_kopf() -> None:
    """Silence what would be one line for every event, or for every retry of every watch.

    The watch layer says itself what cannot be watched, once.
    """
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    logging.getLogger("kopf._cogs.clients").setLevel(logging.CRITICAL)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
