"""The errors that OpenAI's Python SDK knows."""

import openai

from openai_checks import HELLO, Case, cases  # noqa: F401  `cases` is for the runner
from suite import Suite, done, each, raised, same
from upstream import TEXT

suite = Suite("openai errors", "o a")
CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}


@suite.check()
async def every_status_of_a_provider(case):
    for status, kind in CLASSES.items():
        for stream in (False, True):
            error = await raised(kind, lambda: done(case.chat(f"status-{status}", stream=stream)))
            same((status, error.status_code), (status, status))
            assert "as scripted" in error.message, error.message
            assert error.request_id == error.response.headers["x-request-id"], error.response.headers
            assert error.type, error.body
            if status in (429, 503, 529):
                wait = error.response.headers.get("retry-after")
                assert wait and 0 < int(wait) <= 7, (status, dict(error.response.headers))


@suite.check("o")
async def refusals_of_the_hub_itself(case):
    async def refused(kind, token, model="o/text", **more):
        client = case.as_(token)
        try:
            return await raised(kind, lambda: done(client.chat.completions.create(model=model, messages=HELLO, **more)))
        finally:
            await done(client.close())

    same((await refused(openai.AuthenticationError, "syx_wrong")).code, "invalid_api_key")
    same((await refused(openai.PermissionDeniedError, case.hub.reader)).status_code, 403)
    same((await refused(openai.NotFoundError, case.hub.token, "unheard-of")).code, "model_not_found")
    same((await refused(openai.BadRequestError, case.hub.token, max_tokens="many")).param, "max_tokens")
    foreign = {"X-Project-Id": "foreign"}
    same((await refused(openai.PermissionDeniedError, case.hub.token, extra_headers=foreign)).status_code, 403)


@suite.check("mock")
async def an_idempotency_key_for_another_body(case):
    key = {"Idempotency-Key": f"{type(case.client).__name__}-1"}
    first = await done(case.chat("echo", extra_headers=key))
    same((await done(case.chat("echo", extra_headers=key))).id, first.id)
    other = lambda: done(case.chat("echo", [{"role": "user", "content": "Else"}], extra_headers=key))
    await raised(openai.UnprocessableEntityError, other)


@suite.check("mock")
async def a_rate_limit_and_its_retries(case):
    call = lambda: done(case.chat("echo", [{"role": "user", "content": "mock:status=429,retry=3"}]))
    error = await raised(openai.RateLimitError, call)
    same(error.response.headers["retry-after"], "3")


@suite.check()
async def a_clients_own_timeout(case):
    client = case.as_(case.hub.token, timeout=0.5)
    for stream in (False, True):
        ask = lambda: done(client.chat.completions.create(model=f"{case.provider}/hang", messages=HELLO, stream=stream))
        await raised(openai.APITimeoutError, ask)
    await done(client.close())


@suite.check()
async def a_connection_cut_in_mid_stream(case):
    for model in ("cut", "trouble"):
        heard = []

        async def listen():
            async for chunk in each(await done(case.chat(model, stream=True))):
                heard.append(chunk.choices[0].delta.content or "")

        error = await raised(openai.APIError, listen)
        same("".join(heard), TEXT[0] + TEXT[1])
        assert error.type and error.message, error.body
        assert model == "cut" or "as scripted" in error.message, error.message
