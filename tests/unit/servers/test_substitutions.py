"""The table of substitutions: each line does what it says, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from cosmos3_operator.api.resource import Kind
from servers.rendered import Rendered
from servers.substitutions import Figures, substitute, table
from unit.servers import samples

SPLIT = {"tensor": 2, "cfg": 2, "ulysses": 2, "hsdp": False}
SHARDED = {"tensor": 1, "cfg": 2, "ulysses": 4, "hsdp": True}

CASES = [
    samples.reasoner(),
    samples.reasoner(
        parallelism={"tensor": 4},
        maxModelLength=8192,
        allowedMediaDomains=["a.example.com", "b.example.com"],
        media={"claimName": "pictures"},
        extraArgs=["--seed=7"],
        huggingFace={"offline": True},
    ),
    samples.generator(),
    samples.generator(model=samples.SUPER, parallelism=SPLIT, guardrails={"mode": "Disabled"}),
    samples.generator(offload="Layerwise"),
    samples.generator(offload="Model"),
    samples.generator(model=samples.SUPER, parallelism=SHARDED, extraArgs=["--flow-shift", "3"]),
]


def by_name(args: Iterable[str]) -> dict[str, list[str]]:
    """Return the values of each flag; "" has what comes before the first one."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for word in args:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            found[name] = [value] if value else []
        else:
            found[name].append(word)
    return found


@pytest.mark.parametrize("rendered", CASES)
def test_what_the_table_does_not_name_stays_as_it_was_rendered(rendered: Rendered):
    named = {line.name for line in table(rendered.kind)}
    made = samples.words(rendered)

    def untouched(args: Iterable[str]) -> dict[str, list[str]]:
        # Volumes are the only other thing that moves.
        back = {folder: mount for mount, folder in samples.FOLDERS.items()}
        return {
            name: [_replaced(value, back) for value in values]
            for name, values in by_name(args).items()
            if name not in named
        }

    assert untouched(made.args) == untouched(rendered.args)
    assert made.env.keys() - named == rendered.env.keys() - named


def _replaced(value: str, prefixes: dict[str, str]) -> str:
    for prefix, other in prefixes.items():
        if value.startswith(prefix):
            return other + value.removeprefix(prefix)
    return value


@pytest.mark.parametrize("kind", list(Kind))
def test_every_line_of_the_table_is_needed(kind: Kind):
    reasons = {
        (one.before, one.after)
        for rendered in CASES
        if rendered.kind is kind
        for one in samples.words(rendered).made
    }
    for line in table(kind):
        assert any(line.name in before + after for before, after in reasons), line.name


def test_the_server_listens_where_it_is_told_and_nowhere_else():
    args = by_name(samples.words(samples.reasoner()).args)
    assert (args["--port"], args["--host"]) == (["12345"], ["127.0.0.1"])


def test_a_split_generator_becomes_one_rank():
    args = by_name(samples.words(CASES[3]).args)
    degrees = ("--tensor-parallel-size", "--cfg-parallel-size", "--ulysses-degree")
    assert [args[name] for name in degrees] == [["1"], ["1"], ["1"]]


def test_a_flag_without_a_value_goes_alone():
    args = by_name(samples.words(CASES[-1]).args)
    assert not {"--use-hsdp", "--hsdp-shard-size"} & args.keys()
    assert args["--flow-shift"] == ["3"]


def test_a_split_reasoner_stays_split():
    assert by_name(samples.words(CASES[1]).args)["--tensor-parallel-size"] == ["4"]


def test_a_value_after_an_equals_sign_is_replaced_too():
    words = samples.words(samples.reasoner(extraArgs=["--kv-cache-memory-bytes=9G"]))
    assert by_name(words.args)["--kv-cache-memory-bytes"] == ["777"]
    assert not any("9G" in word for word in words.args)


def test_the_deploy_config_is_moved_and_says_the_same_but_for_the_executor():
    rendered = samples.generator(guardrails={"mode": "Disabled"})
    words = samples.words(rendered)
    (path, text), (before,) = *words.files.items(), rendered.files.values()
    assert by_name(words.args)["--deploy-config"] == [path] == ["/run/config/deploy-config.yaml"]
    assert text == before.replace(": mp\n", ": uni\n") != before


def test_folders_of_the_environment_move_with_their_volume():
    env = samples.words(samples.generator()).env
    assert env["HF_HOME"] == "/run/cache/huggingface"
    assert env["HOME"] == "/run/cache"
    assert env["VLLM_OMNI_SERVER_STORAGE__PATH"] == "/run/storage"


def test_a_path_that_only_begins_like_a_volume_stays():
    rendered = samples.reasoner(
        extraArgs=["--chat-template=/cache/mine", "--otlp-traces-endpoint", "/cached"]
    )
    assert "--chat-template=/run/cache/mine" in samples.words(rendered).args
    assert "/cached" in samples.words(rendered).args


def test_what_was_changed_is_said_with_its_reason():
    made = {one.before: one for one in samples.words(samples.generator()).made}
    executor = made["--distributed-executor-backend mp"]
    assert executor.after == "--distributed-executor-backend uni"
    assert "hang" in executor.why


def test_within_a_container_the_server_may_listen_to_others():
    figures = Figures(host="0.0.0.0", port=8000, kv_cache_bytes=1, folders={})
    args = by_name(substitute(samples.reasoner(), figures).args)
    assert (args["--host"], args["--port"]) == (["0.0.0.0"], ["8000"])
