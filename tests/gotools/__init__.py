"""Programs written in Go that judge what we make: Helm, and others, compiled once by version."""
