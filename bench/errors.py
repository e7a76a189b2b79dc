"""The one exception of the benchmark."""


class BenchError(Exception):
    """Why there is no figure, ready to be shown as it is."""
