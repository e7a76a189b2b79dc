"""What users write: both kinds as pydantic models, their rules, and the CRDs made from them."""
