"""The API server: building requests (pure), sending them, and proving who we are.

Nothing in this room knows a CosmosGenerator from a CosmosReasoner.
"""
