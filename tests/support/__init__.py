"""What several suites use: the operator as a process, waiting for conditions, small resources."""
