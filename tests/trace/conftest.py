"""Makes the helpers of these tests importable; the folder's name is that of a standard module."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
