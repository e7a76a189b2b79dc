"""The one exception of this package: something a person can act on, said in full."""


class PromError(Exception):
    """What went wrong and how to fix it, ready to be shown as it is."""
