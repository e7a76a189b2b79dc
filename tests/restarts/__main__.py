"""`make restarts`: write the ledger anew, once the changelog says what restarts.

In: ledger.yaml, CHANGELOG.md, the golden cases. Out: ledger.yaml, or a refusal that says what to
write.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from restarts.ledger import Ledger, brought_up_to_date, restarted, unannounced

HERE = Path(__file__).parent
LEDGER = HERE / "ledger.yaml"
CHANGELOG = HERE.parents[1] / "CHANGELOG.md"

_HEADER = """\
# Written by `make restarts`. Case → the pod template that was announced last, and what the operator
# has noted on its Deployment. Do not edit: see CONTRIBUTING.md.
"""


def read() -> Ledger:
    """Return the committed ledger."""
    found = yaml.safe_load(LEDGER.read_text("utf-8")) if LEDGER.exists() else {}
    return Ledger(announced=tuple(found.get("announced", ())), cases=found.get("cases", {}))


def write(ledger: Ledger) -> None:
    """Write the ledger."""
    data = {"announced": list(ledger.announced), "cases": dict(ledger.cases)}
    LEDGER.write_text(_HEADER + yaml.safe_dump(data, sort_keys=True, width=100), "utf-8")


def how_to_announce(cases: list[str]) -> str:
    """Say which pods would restart, and what to do about it."""
    return (
        "An upgrade to this code restarts the pods of resources like these, although nobody changed"
        f" them: {', '.join(cases)}.\n"
        "If that is not meant, compare their manifests.yaml with git and keep the pod template as"
        " it was.\n"
        "If it is meant, add an entry under '### Restarts' of 'Unreleased' in CHANGELOG.md that"
        " says which resources restart, why, and how to choose the moment. Then run"
        " `make restarts`."
    )


def main() -> int:
    """Bring the ledger up to date, unless a restart would go unannounced."""
    ledger, changelog = read(), CHANGELOG.read_text("utf-8")
    cases = restarted(ledger)
    if cases and not unannounced(ledger, changelog):
        print(how_to_announce(cases), file=sys.stderr)
        return 1
    write(brought_up_to_date(ledger, changelog))
    return 0


if __name__ == "__main__":
    sys.exit(main())
