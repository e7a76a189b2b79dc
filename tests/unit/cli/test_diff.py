"""`diff` without a cluster to look at says so, and does not claim that nothing changes."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from cosmos3_operator.cli.main import main


def test_a_cluster_that_is_not_there_is_an_error(tmp_path: Path):
    missing = tmp_path / "kubeconfig"
    done = CliRunner().invoke(main, ["diff", f"--kubeconfig={missing}"])
    assert done.exit_code == 2
    assert str(missing) in done.output
    assert "stay" not in done.output
