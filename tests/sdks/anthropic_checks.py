"""Anthropic's Python SDK. Providers: `a` speaks its dialect, `o` OpenAI's, `mock` is the hub's own."""

import json

import anthropic
from pydantic import BaseModel

from dialects import USAGE
from openai_checks import PIXEL
from suite import Suite, done, each, entered, raised, same, soon
from upstream import ARGUMENTS, PERSON, PIECES, SAID, TEXT

suite = Suite("anthropic", "a o")
HELLO = [{"role": "user", "content": "Hello"}]
WHOLE = "".join(TEXT)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}
TIME = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}


class Person(BaseModel):
    name: str
    age: int


class Case:
    def __init__(self, hub, upstream, kind, provider, credentials="api_key"):
        self.hub, self.upstream, self.provider, self.kind, self.credentials = hub, upstream, provider, kind, credentials
        self.client = self.as_(hub.token)

    def as_(self, token, **options):
        return self.kind(base_url=self.hub.url, **{self.credentials: token, "max_retries": 0, "timeout": 30, **options})

    def asked(self, model, messages=HELLO, **more):
        return {"model": f"{self.provider}/{model}", "max_tokens": 1000, "messages": messages, **more}

    def say(self, model, messages=HELLO, **more):
        return self.client.messages.create(**self.asked(model, messages, **more))

    def listen(self, model, messages=HELLO, **more):
        return entered(self.client.messages.stream(**self.asked(model, messages, **more)))


def cases(hub, upstream):
    """Its two ways of sending a token, the blocking client with one and the asynchronous with the other."""
    return [
        ("blocking", lambda provider: Case(hub, upstream, anthropic.Anthropic, provider)),
        ("asynchronous", lambda provider: Case(hub, upstream, anthropic.AsyncAnthropic, provider, "auth_token")),
    ]


@suite.check()
async def messages(case):
    answer = await done(case.say("text", system="Be brief."))
    same([(block.type, block.text) for block in answer.content], [("text", WHOLE)])
    same((answer.type, answer.role, answer.stop_reason), ("message", "assistant", "end_turn"))
    usage = answer.usage
    same((usage.input_tokens + usage.cache_read_input_tokens, usage.cache_read_input_tokens, usage.output_tokens), USAGE)
    assert answer._request_id and answer.id.startswith("msg"), answer


@suite.check()
async def raw_events(case):
    kinds, texts, usage = [], [], None
    async for event in each(await done(case.say("text", stream=True))):
        kinds.append(event.type)
        if event.type == "content_block_delta":
            texts.append(event.delta.text)
        if event.type == "message_delta":
            usage = event.usage
            same(event.delta.stop_reason, "end_turn")
    same([kind for kind in kinds if kind not in ("ping", "content_block_delta")], FRAME)
    same((texts, usage.output_tokens), (TEXT, USAGE[2]))


FRAME = ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]


@suite.check()
async def the_stream_helper(case):
    async with case.listen("text") as stream:
        texts = [text async for text in each(stream.text_stream)]
        final = await done(stream.get_final_message())
    same((texts, final.content[0].text, final.stop_reason), (TEXT, WHOLE, "end_turn"))
    same((final.usage.output_tokens, final.usage.cache_read_input_tokens), (USAGE[2], USAGE[1]))


@suite.check()
async def tools(case):
    answer = await done(case.say("tools", tools=[WEATHER, TIME], tool_choice={"type": "any"}))
    same(answer.stop_reason, "tool_use")
    first, second = answer.content
    same((first.id, first.name, first.input), ("call_1", "get_weather", json.loads(ARGUMENTS)))
    same((second.id, second.name, second.input), ("call_2", "get_time", {"zone": "UTC"}))
    if case.provider == "o":
        same(case.upstream.last().body["tools"][0]["function"]["parameters"], SCHEMA)


@suite.check()
async def arguments_of_streamed_tools_byte_for_byte(case):
    pieces = {}
    async with case.listen("tools", tools=[WEATHER, TIME]) as stream:
        async for event in each(stream):
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                pieces.setdefault(event.index, []).append(event.delta.partial_json)
        final = await done(stream.get_final_message())
    same([[piece for piece in given if piece] for given in pieces.values()], [PIECES, ['{"zone"', ': "UTC"}']])
    same([block.input for block in final.content], [json.loads(ARGUMENTS), {"zone": "UTC"}])
    same(final.stop_reason, "tool_use")


@suite.check()
async def a_tool_round_trip(case):
    async with case.listen("agent", tools=[WEATHER]) as stream:
        first = await done(stream.get_final_message())
    call = next(block for block in first.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": SAID}]}
    turns = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = await done(case.say("agent", turns, tools=[WEATHER]))
    same(second.content[0].text, f"The tool said: {SAID}")
    if case.provider == "o":
        same(case.upstream.last().body["messages"][2]["tool_call_id"], call.id)


@suite.check("a")
async def thinking_with_its_signature(case):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    whole = await done(case.say("think", thinking=thinking, max_tokens=4000))
    async with case.listen("think", thinking=thinking, max_tokens=4000) as stream:
        streamed = await done(stream.get_final_message())
    for answer in (whole, streamed):
        thought = answer.content[0]
        same((thought.type, thought.thinking, thought.signature), ("thinking", "Let me see.", "c2lnbmF0dXJl"))
        same(answer.content[1].text, WHOLE)
    turns = [*HELLO, {"role": "assistant", "content": streamed.content}, *HELLO]
    await done(case.say("text", turns, thinking=thinking, max_tokens=4000))
    sent = case.upstream.last().body
    same(sent["messages"][1]["content"][0], {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmF0dXJl"})
    same(sent["thinking"], thinking)


@suite.check("a")
async def cache_control_and_beta_headers(case):
    system = [{"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    more = {"extra_headers": {"anthropic-beta": "one-2025-01-01,two-2025-02-02"}, "extra_body": {"x_own_field": {"deep": [1]}}}
    answer = await done(case.say("text", system=system, **more))
    sent = case.upstream.last()
    same((sent.body["system"], sent.body["x_own_field"]), (system, {"deep": [1]}))
    same(sent.headers["anthropic-beta"], "one-2025-01-01,two-2025-02-02")
    same(sent.headers["anthropic-version"], case.client.default_headers["anthropic-version"])
    same(answer.x_unknown, {"kept": True})
    beta = await done(case.client.beta.messages.create(betas=["three-2025-03-03"], **case.asked("text")))
    same(beta.content[0].text, WHOLE)
    same(case.upstream.last().headers["anthropic-beta"], "three-2025-03-03")
    assert case.hub.token not in str(case.upstream.last().headers)


@suite.check()
async def pictures(case):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    await done(case.say("text", [{"role": "user", "content": parts}]))
    sent = case.upstream.last().body["messages"][0]["content"]
    if case.provider == "a":
        same(sent, parts)
    else:
        same(sent[0]["image_url"]["url"], f"data:image/png;base64,{PIXEL}")


@suite.check()
async def structured_output(case):
    parsed = await done(case.client.messages.parse(output_format=Person, **case.asked("json")))
    same(parsed.parsed_output, Person(name="Ann", age=5))
    async with case.listen("json", output_format=Person) as stream:
        final = await done(stream.get_final_message())
    same((final.content[0].text, final.parsed_output), (PERSON, Person(name="Ann", age=5)))
    sent = case.upstream.last().body
    asked = sent["output_config"]["format"] if case.provider == "a" else sent["response_format"]["json_schema"]
    same(asked["schema"]["required"], ["name", "age"])


@suite.check("a o mock")
async def count_tokens(case):
    counted = await done(case.client.messages.count_tokens(model=f"{case.provider}/text", messages=HELLO, tools=[WEATHER]))
    assert counted.input_tokens == 42 if case.provider == "a" else 5 < counted.input_tokens < 100, counted


@suite.check("a")
async def models(case):
    listed = [model async for model in each(await done(case.client.models.list(limit=100)))]
    same({model.type for model in listed}, {"model"})
    assert "mock/echo" in [model.id for model in listed] and all(model.display_name for model in listed), listed
    same((await done(case.client.models.retrieve("mock/echo"))).id, "mock/echo")
    error = await raised(anthropic.NotFoundError, lambda: done(case.client.models.retrieve("unheard-of")))
    same(error.body["error"]["type"], "not_found_error")


@suite.check()
async def a_client_that_goes_away(case):
    case.upstream.gone.clear()
    async with case.listen("slow") as stream:
        async for _ in each(stream.text_stream):
            break
    await soon(case.upstream.gone.is_set, "the provider to see its client leave")


@suite.check("mock")
async def the_hubs_own_models(case):
    answer = await done(case.say("echo", [{"role": "user", "content": WHOLE.strip()}]))
    same(answer.content[0].text, WHOLE.strip())
    async with case.listen("lorem") as stream:
        same((await done(stream.get_final_message())).stop_reason, "end_turn")
