"""Plan → Kubernetes objects, as data. One builder file for each kind of child."""
