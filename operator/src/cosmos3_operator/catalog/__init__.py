"""What is known about Cosmos 3 checkpoints, model servers and GPUs, as data with sources."""
