"""HTTP through the asynchronous clients that people use."""

from typing import Any

import aiohttp
import httpx


async def with_httpx(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
        return {"status": answer.status_code, "json": answer.json()}


async def with_aiohttp(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return {"status": answer.status, "json": await answer.json()}
