"""Asynchronous HTTP through the two clients that people use."""

from typing import Any

import aiohttp
import httpx


async def with_httpx(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body


async def with_aiohttp(url: str, order: dict[str, Any]) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json=order) as answer:
        answer.raise_for_status()
        body: dict[str, Any] = await answer.json()
        return body
