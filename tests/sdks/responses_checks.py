"""The responses of OpenAI's Python SDK. Of the providers, `o` speaks them, `t` only chat completions, and `a` Anthropic's dialect."""

import openai

from dialects import USAGE
from openai_checks import WEATHER, Person, cases  # noqa: F401  `cases` is for the runner
from suite import Suite, done, each, entered, raised, same
from upstream import ARGUMENTS, PIECES, SAID, TEXT

suite = Suite("responses", "o t a")
WHOLE = "".join(TEXT)
FLAT = [{"type": "function", **WEATHER["function"]}]


def ask(case, model, given="Hello", **more):
    return case.client.responses.create(model=f"{case.provider}/{model}", input=given, **more)


@suite.check()
async def a_response(case):
    answer = await done(ask(case, "text", instructions="Be brief.", max_output_tokens=100))
    same((answer.output_text, answer.status, answer.object), (WHOLE, "completed", "response"))
    usage = answer.usage
    same((usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens), USAGE)
    assert answer._request_id and answer.id.startswith("resp"), answer


@suite.check()
async def streamed(case):
    events = [event async for event in each(await done(ask(case, "text", stream=True)))]
    kinds = [event.type for event in events]
    same(kinds[0], "response.created")
    same(kinds[-1], "response.completed")
    for kind in ("output_item.added", "content_part.added", "output_text.done", "content_part.done", "output_item.done"):
        same(kinds.count(f"response.{kind}"), 1)
    same([event.delta for event in events if event.type == "response.output_text.delta"], TEXT)
    numbers = [event.sequence_number for event in events]
    same(numbers, sorted(set(numbers)))
    same((events[-1].response.output_text, events[-1].response.usage.output_tokens), (WHOLE, USAGE[2]))


@suite.check()
async def the_stream_helper(case):
    asked = case.client.responses.stream(model=f"{case.provider}/json", input="Hello", text_format=Person)
    async with entered(asked) as stream:
        async for _ in each(stream):
            pass
        final = await done(stream.get_final_response())
    same(final.output_parsed, Person(name="Ann", age=5))


@suite.check()
async def tools(case):
    answer = await done(ask(case, "tools", tools=FLAT, tool_choice="auto"))
    first, second = [item for item in answer.output if item.type == "function_call"]
    same((first.call_id, first.name, second.call_id, second.name), ("call_1", "get_weather", "call_2", "get_time"))
    if case.provider != "a":
        same(first.arguments, ARGUMENTS)


@suite.check()
async def arguments_of_streamed_tools_byte_for_byte(case):
    events = [event async for event in each(await done(ask(case, "tools", tools=FLAT, stream=True)))]
    deltas = [e for e in events if e.type == "response.function_call_arguments.delta"]
    first = [e.delta for e in deltas if e.item_id == deltas[0].item_id]
    same(first, PIECES)
    ended = [e.arguments for e in events if e.type == "response.function_call_arguments.done"]
    same(ended, [ARGUMENTS, '{"zone": "UTC"}'])
    items = [e.item for e in events if e.type == "response.output_item.done"]
    same([(item.call_id, item.arguments) for item in items], [("call_1", ARGUMENTS), ("call_2", '{"zone": "UTC"}')])


@suite.check()
async def a_tool_round_trip(case):
    given = [{"role": "user", "content": "Hello"}]
    first = await done(ask(case, "agent", given, tools=FLAT))
    call = next(item for item in first.output if item.type == "function_call")
    given += [item.model_dump(exclude_none=True) for item in first.output]
    given.append({"type": "function_call_output", "call_id": call.call_id, "output": SAID})
    second = await done(ask(case, "agent", given, tools=FLAT))
    same(second.output_text, f"The tool said: {SAID}")


@suite.check()
async def structured_output(case):
    asked = case.client.responses.parse(model=f"{case.provider}/json", input="Hello", text_format=Person)
    same((await done(asked)).output_parsed, Person(name="Ann", age=5))


@suite.check()
async def every_status_of_a_provider(case):
    kinds = {400: openai.BadRequestError, 401: openai.AuthenticationError, 404: openai.NotFoundError, 429: openai.RateLimitError}
    for status, kind in {**kinds, 500: openai.InternalServerError}.items():
        for stream in (False, True):
            error = await raised(kind, lambda: done(ask(case, f"status-{status}", stream=stream)))
            assert "as scripted" in error.message and error.request_id, error.message


@suite.check()
async def a_connection_cut_in_mid_stream(case):
    for model in ("cut", "trouble"):
        events = []

        async def listen():
            async for event in each(await done(ask(case, model, stream=True))):
                events.append(event)

        await listen()  # It gives its caller the error as an event, and raises none.
        same([e.delta for e in events if e.type == "response.output_text.delta"], TEXT[:2])
        same([event.type for event in events][-2:], ["error", "response.failed"])
        assert model == "cut" or "as scripted" in events[-1].response.error.message, events[-1]
