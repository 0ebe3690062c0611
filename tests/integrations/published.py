"""Which libraries are published for the Python that runs: where one is not, its tests are skipped, and nowhere else."""

from __future__ import annotations

import sys

import pytest

needs_tensorflow = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="TensorFlow is not published for Python 3.14 yet"
)
