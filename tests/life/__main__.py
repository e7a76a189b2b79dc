"""`make life`: the long life, with a report."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from bed.progress import to_stderr
from life.play import NODE_LOSS_SECONDS, node_names, play
from life.script import Plan, write

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Play, report, and answer with the exit code: 0 if nobody has a complaint."""
    signal.signal(signal.SIGTERM, _interrupt)
    options = _parser().parse_args()
    hours = options.hours
    plan = Plan(
        seed=options.seed,
        hours=hours,
        fleet=options.fleet,
        acts_per_hour=options.acts,
        operator_kills=round(hours * options.shakes),
        server_restarts=max(1, round(hours * options.shakes / 4)),
        node_losses=round(hours * options.shakes),
        nodes=node_names(),
        silence=NODE_LOSS_SECONDS * options.factor,
    )
    if options.script:
        print("\n".join(map(str, write(plan))))
        return 0
    to_stderr(f"seed {plan.seed}, {hours:g} simulated hours at {options.factor:g} times the speed")
    try:
        with tempfile.TemporaryDirectory(prefix="cosmos3-life-") as folder:
            life = play(plan, factor=options.factor, folder=Path(folder), say=to_stderr)
            life.save(options.report)
    except KeyboardInterrupt:
        to_stderr("interrupted; what had been started is ended")
        return 130
    print(life.text())
    print(f"\nreport, figures and histories are in {options.report}")
    return 1 if life.complaints() else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="life", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=20261124, help="another life (%(default)s)")
    add("--hours", type=float, default=30.0, help="simulated (%(default)s)")
    add("--factor", type=float, default=120.0, help="real seconds for each one (%(default)s)")
    add("--fleet", type=int, default=24, help="resources at a time, at most (%(default)s)")
    add("--acts", type=float, default=60.0, help="in a simulated hour (%(default)s)")
    add("--shakes", type=float, default=0.5, help="killed operators an hour (%(default)s)")
    add("--report", type=Path, default=ROOT / "build" / "life", help="folder (%(default)s)")
    add("--script", action="store_true", help="only print what would happen")
    return parser


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
