"""`make release VERSION=…`: the one commit that a release is made of, not yet committed.

In: a clean checkout, a version, a day. Out: CHANGELOG.md and every place of the version changed,
and the commands that come next. `git restore .` undoes it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from release import changelog, versions
from release.errors import ReleaseError
from release.programs import output


def prepare(root: Path, version: str, day: date) -> str:
    """Write the release into the checkout and say what to do next."""
    wanted = versions.Version.of(version)
    if dirty := output("git", "status", "--porcelain", cwd=root):
        raise ReleaseError(f"the checkout has changes; commit or stash them first:\n{dirty}")
    log = root / changelog.FILE
    text = changelog.released(log.read_text("utf-8"), wanted, day)
    log.write_text(text, "utf-8")
    versions.write(root, wanted)
    return NEXT.format(version=wanted)


def check(root: Path, tag: str = "") -> str:
    """Return the version, if every place states it and, for a tag, the changelog has it."""
    version = versions.source(root)
    text = (root / changelog.FILE).read_text("utf-8")
    wrong = versions.disagreements(root) + [
        f"{changelog.FILE}: {problem}" for problem in changelog.problems(text)
    ]
    if tag and tag != f"v{version}":
        wrong.append(f"the tag is {tag}, and {versions.SOURCE} states {version}: tag v{version}")
    if wrong:
        raise ReleaseError("\n".join(wrong))
    if tag:
        changelog.section(text, str(version))
    return str(version)


NEXT = """\
{version} is written into the checkout. Read it, or undo it with 'git restore .':
  git diff
Bring up to date what is generated, and test it all:
  make docs golden test
Then commit, tag and push; the tag starts the release (docs/releasing.md):
  git commit --all --message "Release {version}"
  git tag --sign v{version} --message "cosmos3-operator {version}"
  git push origin HEAD v{version}"""
