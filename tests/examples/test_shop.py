from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from producer_sdk.testing import recorded
from schemas.wire import decode_event, encode_json
from streams.flow_files import load_flow_file

SHOP = Path(__file__).parents[2] / "examples" / "shop"
