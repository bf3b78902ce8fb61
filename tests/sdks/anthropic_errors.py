"""The errors that Anthropic's Python SDK knows."""

import anthropic
from anthropic._exceptions import OverloadedError, RequestTooLargeError, ServiceUnavailableError

from anthropic_checks import HELLO, cases  # noqa: F401  `cases` is for the runner
from suite import Suite, done, each, raised, same
from upstream import TEXT

suite = Suite("anthropic errors", "a o")
CLASSES = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    409: (anthropic.ConflictError, "invalid_request_error"),
    413: (RequestTooLargeError, "request_too_large"),
    422: (anthropic.UnprocessableEntityError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    503: (ServiceUnavailableError, "overloaded_error"),
    529: (OverloadedError, "overloaded_error"),
}


def word_of(error):
    return error.body["error"]["type"]


@suite.check()
async def every_status_of_a_provider(case):
    for status, (kind, word) in CLASSES.items():
        for stream in (False, True):
            error = await raised(kind, lambda: done(case.say(f"status-{status}", stream=stream)))
            same((error.status_code, word_of(error)), (status, word))
            assert "as scripted" in error.message, error.message
            assert error.request_id and error.request_id == error.body["request_id"], error.body
            if status in (429, 503, 529):
                wait = error.response.headers.get("retry-after")
                assert wait and 0 < int(wait) <= 7, (status, dict(error.response.headers))


@suite.check("a")
async def refusals_of_the_hub_itself(case):
    async def refused(kind, token, **more):
        client = case.as_(token)
        try:
            return await raised(kind, lambda: done(client.messages.create(**{**case.asked("text"), **more})))
        finally:
            await done(client.close())

    same(word_of(await refused(anthropic.AuthenticationError, "syx_wrong")), "authentication_error")
    same(word_of(await refused(anthropic.PermissionDeniedError, case.hub.reader)), "permission_error")
    same(word_of(await refused(anthropic.NotFoundError, case.hub.token, model="unheard-of")), "not_found_error")
    same(word_of(await refused(anthropic.BadRequestError, case.hub.token, max_tokens="many")), "invalid_request_error")


@suite.check()
async def a_clients_own_timeout(case):
    client = case.as_(case.hub.token, timeout=0.5)
    for stream in (False, True):
        await raised(anthropic.APITimeoutError, lambda: done(client.messages.create(**case.asked("hang", stream=stream))))
    await done(client.close())


@suite.check()
async def a_connection_cut_in_mid_stream(case):
    for model in ("cut", "trouble"):
        heard = []

        async def listen():
            async with case.listen(model) as stream:
                async for text in each(stream.text_stream):
                    heard.append(text)

        try:
            await listen()
        except anthropic.APIError as error:
            assert model == "cut" or "as scripted" in str(error.body), error.body
        else:
            raise AssertionError(f"{model}: nothing was raised")
        same(heard, TEXT[:2])
