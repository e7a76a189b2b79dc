"""`python measure_video.py FILE`: decodes a video, every frame, and prints its figures as JSON."""

from __future__ import annotations

import json
import sys

import av


def main() -> None:
    """Decode and print."""
    with av.open(sys.argv[1]) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    width, height = sizes[0]
    if any(size != (width, height) for size in sizes):
        raise SystemExit(f"frames differ in size: {set(sizes)}")
    print(json.dumps({"frames": len(sizes), "width": width, "height": height}))


if __name__ == "__main__":
    main()
