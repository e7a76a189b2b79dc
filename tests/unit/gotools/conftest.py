"""A Go that only pretends, so that nothing is compiled or fetched."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def go_log(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the module's FAKE_GO in the place of Go; return the file in which it notes its calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "go").write_text(request.module.FAKE_GO)
    (folder / "go").chmod(0o755)
    log = tmp_path / "go.log"
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setenv("COSMOS3_TOOLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_GO_LOG", str(log))
    monkeypatch.delenv("HELM", raising=False)
    return log
