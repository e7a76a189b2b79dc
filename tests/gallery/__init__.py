"""The failure gallery: each way to fail, made to happen, and what the status says about it."""
