"""``python -m scripts.faults``: the campaign, as a module that the gateways it starts need not load again."""

from __future__ import annotations

import sys

from scripts.faults.torture import main

if __name__ == "__main__":
    sys.exit(main())
