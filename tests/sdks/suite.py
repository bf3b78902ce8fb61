"""What the checks have in common: one text for blocking and asynchronous clients, and what is said of each."""

import asyncio, contextlib, inspect, time, traceback

LIMIT = 60  # Seconds that one check may take.


async def done(value):
    """What a blocking client gave, or an asynchronous one promises."""
    return await value if inspect.isawaitable(value) else value


async def each(stream):
    """The items of a stream of either kind of client."""
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


@contextlib.asynccontextmanager
async def entered(manager):
    """Enters a context of either kind of client."""
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


async def raised(kind, action):
    """The error of exactly this class that `action` ends with."""
    try:
        await action()
    except Exception as error:
        assert type(error) is kind, f"{kind.__name__} expected, not {type(error).__name__}: {error}"
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def same(got, wanted):
    assert got == wanted, f"\n  got    {got!r}\n  wanted {wanted!r}"


async def soon(condition, what):
    """Waits until `condition` holds."""
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        await asyncio.sleep(0.01)


class Suite:
    """Checks of one client, each against models of several providers."""

    def __init__(self, name, providers):
        self.name, self.providers, self.checks = name, providers, []

    def check(self, providers=None):
        def add(function):
            self.checks.append((function.__name__.replace("_", " "), (providers or self.providers).split(), function))
            return function

        return add

    def run(self, cases, only=""):
        """Runs all, with each of `cases` (a word, and what makes the case of a provider); how many passed, and failed."""
        passed = failed = 0
        for name, providers, function in self.checks:
            if only not in f"{self.name}: {name}":
                continue
            wrong, ran = [], []
            for provider in providers:
                for word, make in cases:
                    way = " ".join(filter(None, [provider, word]))
                    ran.append(way)
                    try:
                        asyncio.run(asyncio.wait_for(one(function, make, provider), LIMIT))
                    except Exception as error:
                        where = traceback.extract_tb(error.__traceback__)
                        at = next((f.lineno for f in where if f.name == function.__name__), "?")
                        wrong.append(f"  {way}: line {at}: {type(error).__name__}: {error}")
            print("FAILED" if wrong else "ok    ", f"{self.name}: {name}  ({', '.join(ran)})", flush=True)
            for line in wrong:
                print(line[:1500], flush=True)
            failed += bool(wrong)
            passed += not wrong
        return passed, failed


async def one(function, make, provider):
    case = make(provider)
    try:
        await function(case)
    finally:
        if close := getattr(case.client, "close", None):
            await done(close())
