"""What real servers say on /metrics, recorded: what alerts and dashboards may ask for."""
