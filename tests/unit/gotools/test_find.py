"""Programs in Go: pinned, compiled once, whole or not at all, and never taken by chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from bed.progress import silent
from gotools.errors import ToolError
from gotools.find import HERE, Program, by_name, find

FAKE_GO = """#!/bin/sh
case "$1" in env) echo go1.99.0; exit 0 ;; esac
echo "$@" >> "$FAKE_GO_LOG"
if [ -e "$FAKE_GO_LOG.broken" ]; then echo "disk full" >&2; exit 1; fi
printf '#!/bin/sh\\n' > "$GOBIN/helm"
chmod +x "$GOBIN/helm"
"""


def test_each_program_is_pinned_by_version_or_by_a_module_with_checksums() -> None:
    for program in by_name().values():
        assert bool(program.version) != bool(program.module), program
        if program.module:
            assert (HERE / program.module / "go.sum").is_file(), program


def test_a_program_is_compiled_once_by_its_version(go_log: Path) -> None:
    assert find("helm", silent) == find("helm", silent)
    (line,) = go_log.read_text().splitlines()
    assert line.endswith(f"helm.sh/helm/v4/cmd/helm@v{by_name()['helm'].version}")


def test_a_failed_compilation_leaves_nothing_and_is_tried_again(go_log: Path) -> None:
    broken = Path(f"{go_log}.broken")
    broken.touch()
    with pytest.raises(ToolError, match="disk full"):
        find("helm", silent)
    broken.unlink()
    assert find("helm", silent).is_file()


def test_a_variable_names_another_program(
    go_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own-helm"
    own.write_text("#!/bin/sh\n")
    monkeypatch.setenv("HELM", str(own))
    with pytest.raises(ToolError, match=r"HELM is .*own-helm, which is no program"):
        find("helm", silent)
    own.chmod(0o755)
    assert find("helm", silent) == own
    assert not go_log.exists()


def test_what_is_on_path_is_not_taken(go_log: Path) -> None:
    beside = go_log.parent / "bin" / "helm"
    beside.write_text("#!/bin/sh\n")
    beside.chmod(0o755)
    assert find("helm", silent) != beside


def test_a_changed_source_is_another_program(tmp_path: Path) -> None:
    for name, text in (("go.mod", "module x"), ("go.sum", ""), ("main.go", "package main")):
        (tmp_path / name).write_text(text)
    program = Program(name="x", module=str(tmp_path))
    before = program.key()
    assert program.key() == before
    (tmp_path / "main.go").write_text("package main // changed")
    assert program.key() != before
