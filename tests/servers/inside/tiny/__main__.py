"""`python -m servers.inside.tiny FOLDER SHAPE`: writes one checkpoint, the same one each time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from servers.inside.tiny import generator, reasoner, tokenizer
from servers.inside.tiny.shape import Shape


def main() -> None:
    """Build the checkpoint."""
    folder, shape = Path(sys.argv[1]), Shape(**json.loads(sys.argv[2]))
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    words = tokenizer.build()
    generator.write(folder, shape, words)
    reasoner.write(folder, shape, words)


if __name__ == "__main__":
    main()
