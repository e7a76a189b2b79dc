"""promtool and Prometheus for the tests of alerts, metrics and dashboards."""
