"""A hub under a mixed load for a while: soak.py BINARY MINUTES. Memory and descriptors must stay flat.

Every 10 seconds a line of the table. Of either, the lowest of the last third must not lie above the highest of the first,
by more than what is allowed; the first fifth is warming up."""

import collections, functools, http.client, itertools, json, os, pathlib, sys, tempfile, threading, time
from hub import Hub, SCOPE, WORKFLOW

print = functools.partial(print, flush=True)
EVERY = 10
# What may be added between the first third and the last: a part of it, and so much besides.
ALLOWED = {"rss_mb": (0.05, 8), "descriptors": (0.05, 5)}


class Load:
    """What clients do, each in a thread of its own, until told to stop."""

    def __init__(self, hub):
        self.hub, self.stop = hub, threading.Event()
        self.done, self.faults = collections.Counter(), collections.Counter()

    def count(self, what, answer):
        status, said = answer
        self.done[what] += 1
        if status >= 300:
            self.faults[f"{what}: {status} {str(said)[:200]}"] += 1
        return said

    def call(self, server, tool, **args):
        return self.count(tool, self.hub.call(server, tool, **args))

    def issues(self, n):
        number = self.call("issues", "create_issue", title=f"issue {n}", body="what it is about").get("number", 1)
        self.call("issues", "add_issue_comment", number=number, body="seen")
        self.call("issues", "update_issue", number=number, set={"state": "done"})
        self.call("issues", "list_issues", limit=20)

    # The same few names again and again: what is there does not grow without bound, only its history does.
    def documents(self, n):
        text = f"# Part {n}\n\nword{n} and what else there is to say"
        self.call("knowledge_base", "add_document", source={"text": text}, external_id=f"doc {n % 50}", wait_ms=5000)
        self.call("knowledge_base", "search_knowledge", query=f"word{n} say")

    def files(self, n):
        self.call("file_system", "write_file", path=f"f{n % 50}.py", content=f"def f{n}():\n    return {n}\n")
        self.call("file_system", "search_content", pattern="return")
        self.call("code_analysis", "outline", path=f"f{n % 50}.py")

    def git(self, n):
        self.call("git", "git_commit", message=f"commit {n}", allow_empty=True)
        self.call("git", "git_log", max_count=20)
        self.call("git", "git_status")

    def runs(self, n):
        self.call("cicd", "run_workflow", inline=WORKFLOW, wait_ms=20_000)
        self.stop.wait(1)

    def models(self, n):
        self.call("llm_gateway", "chat", model="mock/echo", messages=[{"role": "user", "content": f"hello {n}"}])

    def tokens(self, n):
        wanted = {"name": f"token {n}", "projects": ["default"], "agents": ["default"], "scopes": ["mcp:read"]}
        made = self.count("create token", self.hub.ask("POST", "/api/v1/tokens", wanted))
        self.count("revoke token", self.hub.ask("DELETE", f"/api/v1/tokens/{made['id']}"))

    def sessions(self, n):
        """A session of MCP, opened, used and ended; every third is left to the hub."""
        head = {"Accept": "application/json, text/event-stream"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        rpc = lambda method, params, more={}: {"jsonrpc": "2.0", "method": method, "params": params, **more}
        connection = http.client.HTTPConnection(self.hub.main, timeout=60)

        def send(method, body):
            connection.request(method, "/issues/mcp", body and json.dumps(body),
                               {"Authorization": f"Bearer {self.hub.token}", "Content-Type": "application/json", **head})
            response = connection.getresponse()
            said = response.read()
            self.count("mcp", (response.status, said))
            return response

        head["Mcp-Session-Id"] = send("POST", rpc("initialize", hello, {"id": 1})).headers["Mcp-Session-Id"]
        send("POST", rpc("notifications/initialized", {}))
        send("POST", rpc("tools/list", {}, {"id": 2}))
        send("POST", rpc("tools/call", {"name": "list_issues", "arguments": SCOPE | {"limit": 5}}, {"id": 3}))
        if n % 3:
            send("DELETE", None)
        connection.close()
        self.stop.wait(0.2)

    def follow(self, n):
        """Reads events for a second or so, and goes away without a word."""
        connection = http.client.HTTPConnection(self.hub.main, timeout=60)
        connection.request("GET", "/api/v1/projects/default/events", None,
                           {"Authorization": f"Bearer {self.hub.token}", "Accept": "text/event-stream"})
        response = connection.getresponse()
        for _ in range(20):
            response.readline()
        connection.close()
        self.done["follow"] += 1

    def forever(self, work):
        for n in itertools.count():
            if self.stop.is_set():
                return
            try:
                work(n)
            except Exception as error:
                self.faults[f"{work.__name__}: {error!r}"[:300]] += 1
                self.stop.wait(0.5)

    def start(self):
        kinds = [self.issues, self.documents, self.files, self.git, self.runs, self.models, self.tokens, self.sessions, self.follow]
        self.threads = [threading.Thread(target=self.forever, args=(work,), daemon=True) for work in kinds]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)


def sample(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return {"rss_mb": rss / 1024, "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def grows(values, allowed):
    """Whether all of the last third lies above all of the first, by more than is allowed."""
    steady = values[len(values) // 5:]
    third = max(1, len(steady) // 3)
    part, more = allowed
    return min(steady[-third:]) > max(steady[:third]) * (1 + part) + more


def main(binary, minutes):
    with tempfile.TemporaryDirectory() as folder:
        # Sessions that clients leave without a word end while this lasts, and what is kept of sources comes to its limit.
        sessions, sources = "[mcp]\nsession_idle_s = 20\n", {"code_analysis": "max_cached_symbols = 2000\n"}
        hub = Hub(binary, folder, pathlib.Path(folder) / "data", sessions, sources)
        assert hub.start(), hub.log()
        try:
            hub.must("git", "git_init")
            load, samples, began = Load(hub), [], time.monotonic()
            load.start()
            print(f"{'s':>6} {'rss_mb':>8} {'descriptors':>12} {'calls':>9} {'faults':>7}")
            while time.monotonic() - began < minutes * 60:
                time.sleep(EVERY)
                assert hub.process.poll() is None, f"the hub is gone: {hub.log()[-3000:]}"
                samples.append(sample(hub.process.pid))
                last = samples[-1]
                print(f"{time.monotonic() - began:6.0f} {last['rss_mb']:8.1f} {last['descriptors']:12} "
                      f"{sum(load.done.values()):9} {sum(load.faults.values()):7}")
            load.end()
        finally:
            hub.kill()
    wrong = [what for what, allowed in ALLOWED.items() if grows([one[what] for one in samples], allowed)]
    for what in wrong:
        print(f"FAIL  {what} grows")
    for fault, times in load.faults.most_common(10):
        print(f"FAIL  {times} times {fault}")
    print(dict(load.done))
    return bool(wrong or load.faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
