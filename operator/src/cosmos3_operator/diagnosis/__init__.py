"""Why a server failed, told by what it printed: rules as data, and a pure reader of text."""
