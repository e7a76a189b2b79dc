"""The loop: take a key, make the cluster agree with its resource, say so in the status."""
