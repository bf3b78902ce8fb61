"""A provider that speaks OpenAI's and Anthropic's dialects, and does what the model's name says: `text`, `tools`, `agent`, `search`,
`json`, `think`, `cut`, `trouble`, `slow`, `hang` and `status-429`. It keeps what it was asked."""

import base64, json, re, struct, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dialects
from dialects import Text, Think, Tool

KEY = "sk-of-the-provider"
# Odd on purpose: spaces, an escaped letter, a number with a trailing zero. What a client parses must be this, byte for byte.
ARGUMENTS = r'{"city": "Z\u00fcrich",  "days": 1.0, "note": "a \"quoted\" line\nand 🌍"}'
PIECES = [ARGUMENTS[:1], ARGUMENTS[1:14], ARGUMENTS[14:16], ARGUMENTS[16:40], ARGUMENTS[40:]]
TEXT = ["Grüße ", "an alle, ", "auch 🌍\n"]
PERSON = '{"name": "Ann", "age": 5}'
SAID = "hi-from-the-tool"


def answer(model, body):
    """The parts of the answer that the model called `model` gives."""
    if model == "tools":
        return [Tool("call_1", "get_weather", PIECES), Tool("call_2", "get_time", ['{"zone"', ': "UTC"}'])]
    if model == "json":
        return [Text([PERSON[:7], PERSON[7:20], PERSON[20:]])]
    if model == "think":
        return [Think(["Let me ", "see."], "c2lnbmF0dXJl"), Text(TEXT)]
    if model == "text" or model in ("cut", "trouble", "slow"):
        return [Text(TEXT)]
    if model == "search" and not dialects.results(body) and "ToolSearch" in dialects.tools(body):
        return [Tool("toolu_0", "ToolSearch", ['{"query": "select:WebFetch", "max_results": 1}'])]
    return agent(body)


def agent(body):
    """Calls a tool, and says what came of it."""
    results = dialects.results(body)
    tools = dialects.tools(body)
    if results:
        return [Text(["The tool ", "said: ", results[-1]])]
    if "Bash" in tools:
        return [Text(["I will look. "]), Tool("toolu_1", "Bash", [f'{{"command": "echo {SAID}", ', '"description": "Say hi"}'])]
    if tools:
        return [Tool("toolu_1", tools[0], ['{"city": ', '"Ulm"}'])]
    return [Text(["fine"])]


class Came:
    """A request that came."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body


class Upstream:
    def __init__(self):
        self.came, self.gone = [], threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.serve(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def last(self, ending=""):
        """The newest request whose path ends so."""
        return next(came for came in reversed(self.came) if came.path.endswith(ending))

    def serve(self, http):
        body = json.loads(http.rfile.read(int(http.headers["content-length"])))
        self.came.append(Came(http.path, {name.lower(): text for name, text in http.headers.items()}, body))
        model = body["model"]
        dialect = dialects.of(http.path)
        given = http.headers.get("x-api-key") or http.headers.get("authorization", "").removeprefix("Bearer ")
        if given != KEY:
            return self.whole(http, 401, dialect.error(401, f"as scripted: not my key: {given}"))
        if failed := re.fullmatch(r"status-(\d+)", model):
            status = int(failed[1])
            return self.whole(http, status, dialect.error(status, "as scripted"), {"retry-after": "7"})
        if model == "hang":
            time.sleep(5)
            http.close_connection = True
            return
        if http.path.endswith("/embeddings"):
            return self.whole(http, 200, embeddings(body))
        if http.path.endswith("/count_tokens"):
            return self.whole(http, 200, {"input_tokens": 42})
        parts = answer(model, body)
        if not body.get("stream"):
            return self.whole(http, 200, dialect.whole(model, parts), {"x-request-id": "req_upstream"})
        self.stream(http, model, list(dialect.stream(model, parts, body)), dialect)

    @staticmethod
    def whole(http, status, value, headers=()):
        data = json.dumps(value, ensure_ascii=False).encode()
        http.send_response(status)
        for name, text in {"content-type": "application/json", "content-length": str(len(data)), **dict(headers)}.items():
            http.send_header(name, text)
        http.end_headers()
        http.wfile.write(data)

    def stream(self, http, model, events, dialect):
        http.send_response(200)
        http.send_header("content-type", "text/event-stream")
        http.send_header("connection", "close")
        http.end_headers()
        http.close_connection = True
        if model in ("cut", "trouble"):
            # So that a part of the text has come, and not its end.
            events = events[: next(n for n, event in enumerate(events) if TEXT[1].strip() in event) + 1]
        if model == "trouble":
            events.append(dialect.broken("as scripted"))
        try:
            for event in events:
                http.wfile.write(event.encode())
                http.wfile.flush()
                if model == "slow" and TEXT[0].strip() in event:
                    for _ in range(200):
                        time.sleep(0.05)
                        http.wfile.write(b": still here\n\n")
                        http.wfile.flush()
        except OSError:
            self.gone.set()


def embeddings(body):
    """Vectors that tell their place: `[0, .5, -2]` and so on."""
    given = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vectors = [[float(n), 0.5, -2.0] for n in range(len(given))]

    def written(vector):
        if body.get("encoding_format") == "base64":
            return base64.b64encode(struct.pack("<3f", *vector)).decode()
        return vector

    data = [{"object": "embedding", "index": n, "embedding": written(v)} for n, v in enumerate(vectors)]
    return {"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}
