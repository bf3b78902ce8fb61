"""Programs that their users point at the hub: the `llm` command, Claude Code, and Node's clients."""

import asyncio, json, os, pathlib, shutil, sys, tempfile

from suite import Suite, same
from upstream import ARGUMENTS, PERSON, SAID, TEXT

suite = Suite("programs", "o a")
NPM = pathlib.Path(os.environ["SDKS_NPM"])
NODE = shutil.which("node")
INHERITED = ("PATH", "SDKS_NPM", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC")
CLAUDE = NPM / "node_modules/.bin/claude"
HERE = pathlib.Path(__file__).parent.resolve()
WHOLE = "".join(TEXT)


class Case:
    def __init__(self, hub, upstream, provider):
        self.hub, self.upstream, self.provider, self.client = hub, upstream, provider, None
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)

    async def run(self, *words, **env):
        """What a program prints, run by a user who has nothing but this environment."""
        given = {name: os.environ[name] for name in INHERITED if name in os.environ}
        env = {"HOME": self.home.name, "LANG": "C.UTF-8", **given, **env}
        pipe = asyncio.subprocess.PIPE
        started = {"stdin": asyncio.subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, "cwd": self.home.name, "env": env}
        program = await asyncio.create_subprocess_exec(*map(str, words), **started)
        try:
            out, err = await program.communicate()
        except asyncio.CancelledError:
            program.kill()
            raise
        assert program.returncode == 0, f"ended with {program.returncode}: {out.decode()} {err.decode()}"
        return out.decode()


def cases(hub, upstream):
    return [("", lambda provider: Case(hub, upstream, provider))]


async def llm(case, *words):
    models = [
        {"model_id": name, "model_name": f"{case.provider}/{name}", "api_base": f"{case.hub.url}/v1", "api_key_name": "hub"}
        | {"supports_tools": True, "supports_schema": True}
        for name in ("text", "agent", "json")
    ]
    folder = pathlib.Path(case.home.name, "llm")
    folder.mkdir(exist_ok=True)
    (folder / "extra-openai-models.yaml").write_text(json.dumps(models))  # JSON is YAML.
    (folder / "keys.json").write_text(json.dumps({"hub": case.hub.token}))
    program = pathlib.Path(sys.executable).with_name("llm")
    hub = {"OPENAI_BASE_URL": f"{case.hub.url}/v1", "OPENAI_API_KEY": case.hub.token}
    return await case.run(program, *words, LLM_USER_PATH=str(folder), **hub)


@suite.check()
async def llm_prompts(case):
    same(await llm(case, "-m", "text", "Hello", "--no-stream"), WHOLE + "\n")
    same(await llm(case, "-m", "text", "Hello", "-s", "Be brief."), WHOLE + "\n")
    assert case.upstream.last().body["stream"] is True


@suite.check()
async def llm_calls_a_tool(case):
    function = f"def get_weather(city: str) -> str:\n    return '{SAID} ' + city"
    said = await llm(case, "-m", "agent", "--functions", function, "Weather?")
    same(said, f"The tool said: {SAID} Ulm\n")


@suite.check()
async def llm_asks_for_a_schema(case):
    same(json.loads(await llm(case, "-m", "json", "--schema", "name, age int", "Who?")), json.loads(PERSON))


@suite.check("o")
async def llm_embeds(case):
    same(json.loads(await llm(case, "embed", "-m", "text-embedding-3-small", "-c", "Hello")), [0.0, 0.5, -2.0])


@suite.check()
async def node_openai(case):
    heard = json.loads(await case.run(NODE, HERE / "javascript.mjs", "openai", case.hub.url, case.hub.token, case.provider))
    same(heard["text"], TEXT)
    same(heard["tools"], [["call_1", "get_weather", ARGUMENTS], ["call_2", "get_time", '{"zone": "UTC"}']])
    same(heard["error"], "AuthenticationError")


@suite.check()
async def node_anthropic(case):
    heard = json.loads(await case.run(NODE, HERE / "javascript.mjs", "anthropic", case.hub.url, case.hub.token, case.provider))
    same(heard["text"], TEXT)
    same([(id, name, json.loads(given)) for id, name, given in heard["tools"]][0], ("call_1", "get_weather", json.loads(ARGUMENTS)))
    same(heard["error"], "AuthenticationError")


async def claude(case, **env):
    """One turn of Claude Code, which calls a tool in it."""
    asked = len(case.upstream.came)
    words = ["-p", "Say hi with Bash.", "--output-format", "json", "--allowedTools", "Bash"]
    said = json.loads(await case.run(CLAUDE, *words, ANTHROPIC_BASE_URL=case.hub.url, **env))
    assert not said["is_error"], said
    return said["result"], case.upstream.came[asked:]


@suite.check("a")
async def claude_code_with_models_of_its_own_choice(case):
    for credentials in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"):
        said, came = await claude(case, **{credentials: case.hub.token})
        same(said, f"The tool said: {SAID}")
        assert all(request.body["model"].startswith("claude-") for request in came), came


@suite.check()
async def claude_code_with_a_model_of_the_hub(case):
    said, came = await claude(case, **models(case, "agent"))
    same(said, f"The tool said: {SAID}")
    path = "/v1/messages" if case.provider == "a" else "/v1/chat/completions"
    assert any(request.path.split("?")[0].endswith(path) for request in came), [request.path for request in came]


@suite.check("o")
async def claude_code_searches_for_a_tool(case):
    said, _ = await claude(case, **models(case, "search"))
    same(said, "The tool said: The tool WebFetch is ready to be called.")


def models(case, name):
    """The environment of a user who wants a model of the hub."""
    model = f"{case.provider}/{name}"
    return {"ANTHROPIC_AUTH_TOKEN": case.hub.token, "ANTHROPIC_MODEL": model, "ANTHROPIC_SMALL_FAST_MODEL": model}
