"""A long life of a fleet, accelerated, and a judge that believes pods and not statuses."""
