"""Programs that run inside pods: one file each, the standard library only, nothing of ours.

`manifests` reads their text and hands it to `python3 -c`; tests import them.
"""
