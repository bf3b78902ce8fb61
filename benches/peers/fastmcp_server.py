#!/usr/bin/env python3
"""FastMCP with the tool that the peer bench calls: `fastmcp_server.py PORT`.

It needs FastMCP 4, for example in a virtual environment that FASTMCP_PYTHON then names:

    python3 -m venv ~/.venvs/fastmcp && ~/.venvs/fastmcp/bin/pip install 'fastmcp>=4,<5'
    FASTMCP_PYTHON=~/.venvs/fastmcp/bin/python just bench-peers
"""
import sys

from fastmcp import FastMCP
from pydantic import BaseModel


class Model(BaseModel):
    model: str
    provider: str
    upstream_model: str
    input_usd_per_million: float
    output_usd_per_million: float
    simulated: bool


class Models(BaseModel):
    items: list[Model]


server = FastMCP("peer")


@server.tool
def list_models(project_id: str, agent_id: str, limit: int = 50) -> Models:
    """List the models that can be used."""
    names = ("echo", "embed", "lorem")
    return Models(
        items=[
            Model(
                model=f"mock/{name}",
                provider="mock",
                upstream_model=name,
                input_usd_per_million=0.0,
                output_usd_per_million=0.0,
                simulated=True,
            )
            for name in names
        ]
    )


if __name__ == "__main__":
    server.run(
        transport="http",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        show_banner=False,
        log_level="error",
        uvicorn_config={"access_log": False},
    )
