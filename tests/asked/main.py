"""Asks a hub about its own repository: main.py BINARY REPOSITORY."""

import functools, json, pathlib, re, subprocess, sys, tempfile, time, urllib.request

print = functools.partial(print, flush=True)
SERVERS = "llm_gateway git knowledge_base issues file_system code_analysis cicd".split()
READ = ["README.md", "config.toml", "docs/**", "src/db/**", "src/edge/*.rs",
        "src/servers/knowledge_base/{engine,ingest}/**"]
# A question, and the passages that answer it: a file, and words that stand in it.
ASKED = [
    ("how does a killed hub get its index right again?",
     [("docs/architecture.md", "so a killed hub goes on"), ("docs/operations.md", "fills another by itself")]),
    ("where is a token's hash key kept?",
     [("docs/security.md", "data/token.key"), ("config.toml", "key_file = \"data/token.key\"")]),
    ("what happens when a client does not read its stream?",
     [("config.toml", "does not read its stream is cut off"), ("src/edge/config.rs", "does not read its stream is cut off"),
      ("src/edge/stall.rs", "CutStalled"), ("docs/security.md", "a client that does not read")]),
    ("which version of Rust does the build need?", [("README.md", "Rust 1.94")]),
    ("how do I give an agent a token that is bound to one project?", [("README.md", "Give each agent a token")]),
    ("can somebody tell what another project's documents say?",
     [("docs/security.md", "telling from ids, counts"), ("docs/api.md", "answers exactly like what does not exist")]),
    ("why do statements for many rows have sizes that are powers of two?", [("src/db/parts.rs", "powers of two")]),
    ("how much memory may the process have that takes a PDF apart?",
     [("src/servers/knowledge_base/engine/extract/worker.rs", "MEMORY: u64"), ("docs/operations.md", "768 MB"),
      ("docs/decisions/0010-documents-are-read-in-a-process-of-their-own.md", "768 MB")]),
    ("what does purging a document not reach?", [("docs/operations.md", "Not reached")]),
    ("how do I add a new tool to a server?", [("docs/adding-a-tool.md", "One file in the server's")]),
]


class Hub:
    def __init__(self, binary, folder, source):
        config = '[http]\nlisten = "127.0.0.1:0"\n'
        config += "".join(f'[servers.{server}]\nlisten = "127.0.0.1:0"\n' for server in SERVERS)
        config += f'[servers.knowledge_base.folders]\nhub = "{source}"\n'
        (folder / "config.toml").write_text(config)
        with (folder / "hub.log").open("w") as log:
            self.process = subprocess.Popen([binary], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        self.main = None
        for line in self.process.stdout:
            self.main = self.main or (re.search(r"http://127\.0\.0\.1:\d+", line) or [None])[0]
            if (folder / "data/admin.token").exists() and self.main:
                break
        self.token = (folder / "data/admin.token").read_text().strip()

    def call(self, tool, **args):
        args |= {"project_id": "default", "agent_id": "default"}
        url = f"{self.main}/api/v1/servers/knowledge_base/tools/{tool}"
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps(args).encode(), head)
        for _ in range(50):
            try:
                return json.load(urllib.request.urlopen(request, timeout=60))
            except urllib.error.HTTPError as error:
                raise SystemExit(f"{tool}: {error.read().decode()}")
            except urllib.error.URLError:
                time.sleep(0.1)
        raise SystemExit("the hub does not answer")


def prepared(hub):
    began = time.monotonic()
    job = hub.call("sync_source", source={"folder": {"name": "hub"}}, include=READ, wait_ms=20_000)
    while job["state"] in ("queued", "running"):
        time.sleep(0.2)
        job = hub.call("get_knowledge_job", id=job["job_id"])
    assert job["state"] == "done" and job["failed"] == 0, job
    read = time.monotonic() - began
    while True:
        stats = hub.call("knowledge_stats")
        # All made, and the last of them in memory: before that a search goes by words, and says so.
        ready = lambda model: model["state"] == "serving" and model["without"] == 0 and model.get("in_memory") == model["with_vector"]
        if stats["models"] and all(map(ready, stats["models"])):
            break
        time.sleep(0.5)
    print(f"{stats['documents']} documents, {stats['chunks']} chunks: read in {read:.1f} s, "
          f"all with vectors after {time.monotonic() - began:.1f} s")
    return job["seq"]


def main(binary, repository):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        source = folder / "source"
        subprocess.run(["git", "clone", "--quiet", repository, source], check=True)
        hub = Hub(binary, folder, source)
        try:
            seq = prepared(hub)
            wrong = sum([not answered(hub, source, seq, *asked) for asked in ASKED])
        finally:
            hub.process.terminate()
            hub.process.wait()
    print(f"{len(ASKED) - wrong} of {len(ASKED)} answered")
    return wrong > 0


def answered(hub, source, seq, question, right):
    found = hub.call("search_knowledge", query=question, min_seq=seq, limit=5)
    print(f"\n{question}  [{found['mode_used']}]")
    place, exact = 0, True
    for rank, hit in enumerate(found["hits"], 1):
        read = hub.call("read_knowledge", chunk_id=hit["chunk_id"])
        path = hit["external_id"].removeprefix("folder:hub/")
        start, end = hit["bytes"]
        file = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=source, check=True, capture_output=True).stdout
        same = file[start:end] == read["text"].encode() and read["bytes"] == hit["bytes"]
        exact &= same
        is_right = any(path == file and words in read["text"] for file, words in right)
        place = place or rank * is_right
        print(f"  {rank}{'*' if is_right else ' '} {hit['score']:.3f} {path}:{hit['lines'][0]}-{hit['lines'][1]}"
              f"{'' if same else '  NOT THE BYTES OF THE FILE'}  {' > '.join(hit.get('heading_path', []))}")
    return exact and found["mode_used"] == "hybrid" and 1 <= place <= 3


sys.exit(main(*sys.argv[1:]))
