"""The sandbox's MCP server, started by the proxy over stdio: a tool for each kind of argument and of result."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

server = MCPServer("sandbox", instructions="Tools to try.")


class Person(BaseModel):
    """An object argument."""

    name: str
    age: Annotated[int, Field(ge=0, le=150)]
    city: str | None = None


class Temperature(BaseModel):
    """A structured result."""

    value: float
    unit: str


@server.tool()
def add(a: int, b: int = 1) -> int:
    """Add two integers; the second one defaults to 1."""
    return a + b


@server.tool()
def convert(value: float, to: Literal["celsius", "fahrenheit"], *, rounded: bool = False) -> Temperature:
    """Convert a temperature: a number, a choice and a boolean; the result is structured."""
    result = (value - 32) * 5 / 9 if to == "celsius" else value * 9 / 5 + 32
    return Temperature(value=round(result) if rounded else result, unit=to)


@server.tool()
def total(numbers: list[float]) -> float:
    """Sum an array of numbers."""
    return sum(numbers)


@server.tool()
def greet(person: Person, tags: list[str] | None = None) -> str:
    """Greet a person: an object and an optional array."""
    place = f" from {person.city}" if person.city else ""
    return f"Hello {person.name} ({person.age}){place}{''.join(f' #{tag}' for tag in tags or [])}"


@server.tool()
def echo(text: str) -> str:
    """Return the text."""
    return text


@server.tool()
def fail(message: str = "it broke") -> str:
    """Fail with this message."""
    raise ToolError(message)


@server.tool()
async def slow(seconds: Annotated[float, Field(ge=0, le=600)] = 5) -> str:
    """Respond after some seconds."""
    await asyncio.sleep(seconds)
    return f"slept {seconds:g} s"


if __name__ == "__main__":
    server.run()
