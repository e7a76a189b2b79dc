"""Programs that run inside pods: single files, the standard library only, nothing of ours.

`manifests` reads their text and hands it to `python3 -c`; tests import them.
"""
