"""What turns a commit into a release: versions, changelog, packages and what goes with them.

docs/releasing.md is its manual. Nothing here runs in a cluster or is part of what is released.
"""
