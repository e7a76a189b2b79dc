"""The command line: run | render | plan | validate | crds."""
