"""One line for each record, with the fields of the pass that wrote it."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from cosmos3_operator.reconcile.context import bound
from cosmos3_operator.serve.logs import Bind, JsonFormatter, TextFormatter, configure

FIELDS = {"kind": "CosmosGenerator", "namespace": "default", "name": "super", "generation": 2}


SECRET = "hf_" + "AbCdEfGh1234567890"


def record(
    message: str = "hello", *, broken: bool = False, error_text: str = "wrong"
) -> logging.LogRecord:
    error = None
    if broken:
        try:
            raise ValueError(error_text)
        except ValueError:
            error = sys.exc_info()
    made = logging.LogRecord("x.y", logging.INFO, "f", 1, message, None, error)
    Bind().filter(made)
    return made


def test_json() -> None:
    with bound(**FIELDS):
        entry = json.loads(JsonFormatter().format(record()))
    assert entry["message"] == "hello"
    assert entry["level"] == "info"
    assert entry["name"] == "super"
    assert entry["generation"] == 2
    assert entry["time"].endswith("Z")


def test_json_keeps_a_traceback_on_one_line() -> None:
    line = JsonFormatter().format(record("two\nlines", broken=True))
    assert "\n" not in line
    assert "ValueError: wrong" in json.loads(line)["error"]


def test_text() -> None:
    with bound(**FIELDS):
        line = TextFormatter().format(record())
    assert line.endswith("INFO    CosmosGenerator default/super: hello")
    assert TextFormatter().format(record()).endswith("INFO    hello")
    assert "ValueError: wrong" in TextFormatter().format(record(broken=True))


def test_fields_nest_and_end() -> None:
    with bound(a=1), bound(b=2):
        assert record().fields == {"a": 1, "b": 2}  # type: ignore[attr-defined]
    assert record().fields == {}  # type: ignore[attr-defined]


def test_a_record_brings_fields_of_its_own() -> None:
    made = logging.LogRecord("x.y", logging.INFO, "f", 1, "m", None, None)
    made.fields = {"reason": "Serving"}
    with bound(**FIELDS):
        Bind().filter(made)
    entry = json.loads(JsonFormatter().format(made))
    assert (entry["kind"], entry["reason"]) == ("CosmosGenerator", "Serving")


def test_an_error_line_says_whose_pass_it_was() -> None:
    with bound(**FIELDS, reconcileID="id"):
        entry = json.loads(JsonFormatter().format(record(broken=True)))
    assert {name: entry[name] for name in FIELDS} == FIELDS
    assert entry["reconcileID"] == "id"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_credentials_are_cut_out_of_messages_and_tracebacks(formatter: logging.Formatter) -> None:
    made = record(
        f"sent Authorization: Bearer {SECRET}", broken=True, error_text=f"token={SECRET} is wrong"
    )
    line = formatter.format(made)
    assert SECRET not in line
    assert line.count("[redacted]") >= 2
    assert "is wrong" in line


@pytest.mark.parametrize(
    ("log_format", "expected"), [("auto", JsonFormatter), ("text", TextFormatter)]
)
def test_configure(log_format: str, expected: type) -> None:
    configure(level="warning", log_format=log_format)  # type: ignore[arg-type]
    root = logging.getLogger()
    assert root.level == logging.WARNING
    assert isinstance(root.handlers[0].formatter, expected)
    assert not logging.getLogger("kopf.objects").isEnabledFor(logging.INFO)
