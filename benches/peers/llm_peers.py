#!/usr/bin/env python3
"""Other LLM gateways, for `just bench-llm peers`.

    llm_peers.py litellm PROVIDER PORT      LiteLLM's proxy before the provider at PROVIDER (host:port)
    llm_peers.py tensorzero PROVIDER        TensorZero's gateway as a library (its wheel has no server): CPU and time a request

They come with a virtual environment that LLM_PEERS_PYTHON then names:

    python3 -m venv ~/.venvs/llm && ~/.venvs/llm/bin/pip install 'litellm[proxy]' tensorzero
    LLM_PEERS_PYTHON=~/.venvs/llm/bin/python just bench-llm peers
"""
import asyncio
import os
import resource
import sys
import tempfile
import time

MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant who answers in one short sentence."},
    {"role": "user", "content": "What does the quick brown fox jump over, and how does the lazy dog take it? Answer briefly."},
]


def litellm(provider, port):
    """One worker, a master key, no database and no callbacks: as light as it gets."""
    config = f"""
model_list:
  - model_name: up
    litellm_params:
      model: openai/up
      api_base: http://{provider}/v1
      api_key: sk-of-the-provider
      input_cost_per_token: 0.0000025
      output_cost_per_token: 0.00001
general_settings:
  master_key: sk-bench
"""
    path = os.path.join(tempfile.mkdtemp(), "config.yaml")
    with open(path, "w") as file:
        file.write(config)
    environment = {
        **os.environ,
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    program = os.path.join(os.path.dirname(sys.executable), "litellm")
    arguments = [program, "--config", path, "--host", "127.0.0.1", "--port", port, "--telemetry", "False"]
    os.execve(program, arguments, environment)


async def tensorzero(provider):
    from tensorzero import AsyncTensorZeroGateway

    config = f"""
[models.up]
routing = ["up"]
[models.up.providers.up]
type = "openai"
model_name = "up"
api_base = "http://{provider}/v1/"
api_key_location = "env::BENCH_KEY"
[gateway]
observability.enabled = false
"""
    os.environ["BENCH_KEY"] = "sk-of-the-provider"
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(config)
        file.flush()
        gateway = await AsyncTensorZeroGateway.build_embedded(config_file=file.name, async_setup=True)
    question = {"system": MESSAGES[0]["content"], "messages": [MESSAGES[1]]}

    async def ask(times):
        for _ in range(times):
            await gateway.inference(model_name="up", input=question)

    def cpu():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    print("\n## TensorZero, embedded: without tokens, budgets and log; the Python client's own CPU is in it")
    for tasks in (1, 16, 64):
        times = 4000 // tasks
        await asyncio.gather(*(ask(20) for _ in range(tasks)))
        started, before = time.monotonic(), cpu()
        await asyncio.gather(*(ask(times) for _ in range(tasks)))
        took, used = time.monotonic() - started, cpu() - before
        count = times * tasks
        print(f"{tasks:>3} at once: {count / took:6.0f} requests/s, {1000 * used / count:.3f} ms CPU a request")
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{kib / 1024:.1f} MiB at most")


if __name__ == "__main__":
    if sys.argv[1] == "litellm":
        litellm(sys.argv[2], sys.argv[3])
    else:
        asyncio.run(tensorzero(sys.argv[2]))
