"""Which pods an upgrade of the operator restarts: nobody must find that out in production."""
