"""OpenAI's Python SDK. Providers: `o` speaks its dialect, `a` Anthropic's, `mock` is the hub's own."""

import json

import openai
from pydantic import BaseModel

from dialects import USAGE
from suite import Suite, done, each, entered, raised, same, soon
from upstream import ARGUMENTS, PERSON, PIECES, SAID, TEXT

suite = Suite("openai", "o a")
HELLO = [{"role": "user", "content": "Hello"}]
WHOLE = "".join(TEXT)
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Person(BaseModel):
    name: str
    age: int


class Case:
    def __init__(self, hub, upstream, kind, provider):
        self.hub, self.upstream, self.provider, self.kind = hub, upstream, provider, kind
        self.client = self.as_(hub.token)

    def as_(self, token, **options):
        return self.kind(base_url=f"{self.hub.url}/v1", api_key=token, **{"max_retries": 0, "timeout": 30, **options})

    def chat(self, model, messages=HELLO, **more):
        return self.client.chat.completions.create(model=f"{self.provider}/{model}", messages=messages, **more)


def cases(hub, upstream):
    return [
        ("blocking", lambda provider: Case(hub, upstream, openai.OpenAI, provider)),
        ("asynchronous", lambda provider: Case(hub, upstream, openai.AsyncOpenAI, provider)),
    ]


@suite.check()
async def chat(case):
    answer = await done(case.chat("text"))
    same(answer.choices[0].message.content, WHOLE)
    same(answer.choices[0].finish_reason, "stop")
    same((answer.object, answer.choices[0].message.role), ("chat.completion", "assistant"))
    usage = answer.usage
    same((usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens), USAGE)
    same(usage.total_tokens, USAGE[0] + USAGE[2])
    assert answer._request_id and answer.id.startswith("chatcmpl"), (answer._request_id, answer.id)
    same(case.upstream.last().body["model"], "text")


@suite.check()
async def chat_streamed(case):
    stream = await done(case.chat("text", stream=True))
    chunks = [chunk async for chunk in each(stream)]
    same("".join(c.choices[0].delta.content or "" for c in chunks), WHOLE)
    same([c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason], ["stop"])
    same(chunks[0].choices[0].delta.role, "assistant")
    same(len({chunk.id for chunk in chunks}), 1)
    assert all(chunk.usage is None for chunk in chunks), "usage that was not asked for"


@suite.check()
async def usage_of_a_stream_if_asked_for(case):
    stream = await done(case.chat("text", stream=True, stream_options={"include_usage": True}))
    chunks = [chunk async for chunk in each(stream)]
    last = chunks[-1]
    same((last.choices, last.usage.prompt_tokens, last.usage.completion_tokens), ([], USAGE[0], USAGE[2]))
    same(last.usage.prompt_tokens_details.cached_tokens, USAGE[1])
    assert all(chunk.usage is None for chunk in chunks[:-1])


@suite.check()
async def the_stream_helper(case):
    asked = case.client.chat.completions.stream(model=f"{case.provider}/text", messages=HELLO)
    async with entered(asked) as stream:
        events = [event async for event in each(stream)]
        final = await done(stream.get_final_completion())
    same([event.delta for event in events if event.type == "content.delta" and event.delta], TEXT)
    same([event.content for event in events if event.type == "content.done"], [WHOLE])
    same(final.choices[0].message.content, WHOLE)


@suite.check()
async def tools(case):
    answer = await done(case.chat("tools", tools=[WEATHER, TIME], tool_choice="required"))
    choice = answer.choices[0]
    same(choice.finish_reason, "tool_calls")
    first, second = choice.message.tool_calls
    same((first.id, first.function.name), ("call_1", "get_weather"))
    same((second.id, second.function.name), ("call_2", "get_time"))
    same(json.loads(first.function.arguments), json.loads(ARGUMENTS))
    if case.provider == "o":
        same(first.function.arguments, ARGUMENTS)
    sent = case.upstream.last().body
    same([tool.get("name") or tool["function"]["name"] for tool in sent["tools"]], ["get_weather", "get_time"])
    same(sent["tool_choice"], "required" if case.provider == "o" else {"type": "any"})


@suite.check()
async def arguments_of_streamed_tools_byte_for_byte(case):
    stream = await done(case.chat("tools", tools=[WEATHER, TIME], stream=True))
    calls, reasons = {}, []
    async for chunk in each(stream):
        reasons.append(chunk.choices[0].finish_reason)
        for delta in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": []})
            call["id"] += delta.id or ""
            call["name"] += delta.function.name or ""
            call["arguments"] += [delta.function.arguments] if delta.function.arguments else []
    same(calls[0], {"id": "call_1", "name": "get_weather", "arguments": PIECES})
    same(calls[1], {"id": "call_2", "name": "get_time", "arguments": ['{"zone"', ': "UTC"}']})
    same([reason for reason in reasons if reason], ["tool_calls"])


@suite.check()
async def tools_by_the_stream_helper(case):
    asked = case.client.chat.completions.stream(model=f"{case.provider}/tools", messages=HELLO, tools=[WEATHER, TIME])
    async with entered(asked) as stream:
        ended = [e async for e in each(stream) if e.type == "tool_calls.function.arguments.done"]
    same([(e.name, e.arguments) for e in ended], [("get_weather", ARGUMENTS), ("get_time", '{"zone": "UTC"}')])


@suite.check()
async def a_tool_round_trip(case):
    messages = [{"role": "system", "content": "Be brief."}, *HELLO]
    first = await done(case.chat("agent", messages, tools=[WEATHER]))
    call = first.choices[0].message.tool_calls[0]
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": f"{SAID} 22°"}]
    second = await done(case.chat("agent", messages, tools=[WEATHER]))
    same(second.choices[0].message.content, f"The tool said: {SAID} 22°")
    sent = case.upstream.last().body
    if case.provider == "a":
        same(plain_text(sent["system"]), "Be brief.")
        same(sent["messages"][1]["content"][0]["input"], {"city": "Ulm"})
        same(sent["messages"][2]["content"][0]["tool_use_id"], call.id)


def plain_text(content):
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


@suite.check()
async def structured_output(case):
    asked = case.client.chat.completions.parse(model=f"{case.provider}/json", messages=HELLO, response_format=Person)
    answer = await done(asked)
    same(answer.choices[0].message.parsed, Person(name="Ann", age=5))
    same(schema_of(case)["required"], ["name", "age"])


@suite.check()
async def structured_output_streamed(case):
    model = f"{case.provider}/json"
    asked = case.client.chat.completions.stream(model=model, messages=HELLO, response_format=Person)
    async with entered(asked) as stream:
        ended = [event async for event in each(stream) if event.type == "content.done"]
    same([(event.content, event.parsed) for event in ended], [(PERSON, Person(name="Ann", age=5))])
    same(schema_of(case)["required"], ["name", "age"])


def schema_of(case):
    sent = case.upstream.last().body
    if case.provider == "a":
        return sent["output_config"]["format"]["schema"]
    return sent["response_format"]["json_schema"]["schema"]


@suite.check()
async def pictures(case):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/cat.png"}},
    ]
    await done(case.chat("text", [{"role": "user", "content": parts}]))
    sent = case.upstream.last().body["messages"][0]["content"]
    if case.provider == "o":
        same(sent, parts)
    else:
        same(sent[1]["source"], {"type": "base64", "media_type": "image/png", "data": PIXEL})
        same(sent[2]["source"], {"type": "url", "url": "https://pictures.example/cat.png"})


@suite.check()
async def a_picture_of_ten_megabytes(case):
    url = "data:image/png;base64," + "AAAA" * (10 << 18)
    part = {"type": "image_url", "image_url": {"url": url}}
    await done(case.chat("text", [{"role": "user", "content": [part]}]))
    assert len(json.dumps(case.upstream.last().body)) > len(url) - 100


@suite.check("o")
async def embeddings(case):
    def ask(given, **more):
        return done(case.client.embeddings.create(model="o/vectors", input=given, **more))

    several = await ask(["one", "two", "three"])
    same(case.upstream.last().body["encoding_format"], "base64")
    same([item.embedding for item in several.data], [[0.0, 0.5, -2.0], [1.0, 0.5, -2.0], [2.0, 0.5, -2.0]])
    same([item.index for item in several.data], [0, 1, 2])
    alone = await ask("one", encoding_format="float")
    same(alone.data[0].embedding, [0.0, 0.5, -2.0])
    same((alone.usage.prompt_tokens, alone.usage.total_tokens), (4, 4))
    tokens = await ask([[1, 2], [3]], dimensions=3)
    same(len(tokens.data), 2)
    same(case.upstream.last().body["dimensions"], 3)


@suite.check("o a")
async def fields_that_the_hub_does_not_know(case):
    more = {"x_own_field": {"deep": [1, None]}, "metadata": {"a": "b"}}
    answer = await done(case.chat("text", extra_body=more))
    if case.provider == "o":
        same(answer.x_unknown, {"kept": True})
        sent = case.upstream.last().body
        same({name: sent[name] for name in more}, more)


@suite.check()
async def headers(case):
    raw = await done(
        case.client.chat.completions.with_raw_response.create(
            model=f"{case.provider}/text", messages=HELLO, extra_headers={"X-Project-Id": "default", "X-Custom": "1"}
        )
    )
    same(raw.headers["x-syndarix-provider"], case.provider)
    same(raw.headers["x-syndarix-attempts"], "1")
    assert raw.headers["x-request-id"] == raw.parse()._request_id, raw.headers
    came = case.upstream.last().headers
    assert case.hub.token not in str(came), "the hub's token went to the provider"


@suite.check("o")
async def models(case):
    listed = [model.id async for model in each(await done(case.client.models.list()))]
    assert "mock/echo" in listed, listed
    one = await done(case.client.models.retrieve("mock/echo"))
    same((one.id, one.object), ("mock/echo", "model"))
    deep = await done(case.client.models.retrieve("o/family/size:8b"))
    same(deep.id, "o/family/size:8b")
    missing = lambda: done(case.client.models.retrieve("unheard-of"))
    same((await raised(openai.NotFoundError, missing)).code, "model_not_found")


@suite.check()
async def a_client_that_goes_away(case):
    case.upstream.gone.clear()
    stream = await done(case.chat("slow", stream=True))
    async for chunk in each(stream):
        if chunk.choices[0].delta.content:
            break
    await done(stream.close())
    await soon(case.upstream.gone.is_set, "the provider to see its client leave")


@suite.check("mock")
async def the_hubs_own_models(case):
    answer = await done(case.chat("echo", [{"role": "user", "content": WHOLE.strip()}]))
    same(answer.choices[0].message.content, WHOLE.strip())
    stream = await done(case.chat("lorem", stream=True, stream_options={"include_usage": True}))
    chunks = [chunk async for chunk in each(stream)]
    assert len(chunks) > 3 and chunks[-1].usage.completion_tokens > 0, chunks[-1]
    vectors = await done(case.client.embeddings.create(model="mock/embed", input=["a", "b"]))
    floats = await done(case.client.embeddings.create(model="mock/embed", input=["a"], encoding_format="float"))
    assert len(vectors.data) == 2 and len(vectors.data[0].embedding) > 8
    assert all(abs(x - y) < 1e-6 for x, y in zip(vectors.data[0].embedding, floats.data[0].embedding))
    parsed = await done(case.client.responses.create(model="mock/echo", input="Hello"))
    same(parsed.output_text, "Hello")
