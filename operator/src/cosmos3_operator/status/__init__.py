"""What we tell the user: from plan and observation to conditions, by ordered pure checks."""
