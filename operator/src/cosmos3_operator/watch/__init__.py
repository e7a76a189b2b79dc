"""The watch layer: kopf lists, watches and logs in; we turn its events into keys.

This is the only room that knows kopf, so that replacing it would touch one folder.
"""
