"""The one exception of the bed: something a person can act on, said in full."""


class BedError(Exception):
    """What went wrong and how to fix it, ready to be shown as it is."""
