"""FastAPI: an endpoint as its tutorial writes it; `async def`, which it runs fastest."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/add")
async def add(a: int, b: int) -> int:
    return a + b
