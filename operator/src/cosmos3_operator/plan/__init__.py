"""What should exist: from a parsed resource and facts to a `Plan`, a value that explains itself."""
