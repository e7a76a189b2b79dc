"""Programs that run inside an environment: the standard library and the server's own code only.

In: one request as JSON on standard input. Out: one answer as JSON on standard output. Importing
vLLM and building its parser take seconds and happen once; each command then takes milliseconds.
"""
