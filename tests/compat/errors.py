"""The one exception of the compatibility check: something a person can act on, said in full."""


class CompatError(Exception):
    """What went wrong and how to fix it, ready to be shown as it is."""
