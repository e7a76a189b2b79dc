"""Builds a Cosmos 3 checkpoint that is tiny and random, with the layout of the published ones.

Runs inside a runtime's environment, because torch, diffusers and transformers are there, as
`python -m servers.inside.tiny FOLDER SHAPE`, with the shape as JSON. One repository serves both
surfaces, as the published ones do: the Reasoner reads config.json and the tower's weights in
`transformer` and `vision_encoder`, the Generator reads model_index.json and what it names.
"""
