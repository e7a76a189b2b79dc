"""The schema and the README of the chart, made from the comments of its values."""
