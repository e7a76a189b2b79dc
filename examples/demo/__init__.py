"""The demo: one command from a bare machine to two served models and one honest refusal."""
