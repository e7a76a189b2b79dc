"""The Grafana dashboards as short descriptions, from which the chart's JSON is written.

Why not the JSON itself: a panel is forty lines there, of which five say something. fleet.yaml and
serving.yaml say the five, `model` knows the forty, `python -m dashboards` writes the files
(`make docs`).
"""
