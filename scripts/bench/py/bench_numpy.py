"""A module whose import is what a restart costs."""

from __future__ import annotations

import os

import numpy as np


def pid() -> int:
    return os.getpid()


def total(values: list[float]) -> float:
    return float(np.sum(values))
