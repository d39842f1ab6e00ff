"""Async tests run on asyncio, as Inspect does."""

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"
