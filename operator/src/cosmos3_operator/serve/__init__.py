"""What others see of the process: health, metrics, logs."""
