"""A hub whose disk fills up: disk_full.py BINARY MOUNT, where MOUNT is a small file system that may be filled.

Writes answer 507 `storage_full`, reads live on, nothing acknowledged is lost, and it heals by itself once there is space."""

import collections, functools, os, pathlib, subprocess, sys, tempfile, time
from hub import Hub, SCOPE, WORKFLOW

print = functools.partial(print, flush=True)
# Bytes that are left: a call may be refused at its door, or only where it has begun to write.
ROOM = [0, 4096, 8192, 16384, 32768, 65536, 131072, 262144] * 4
# Seconds until it is well again.
HEAL = 15


class Ballast:
    """Files that take all the space there is."""

    def __init__(self, mount):
        self.path = mount / "ballast"

    def fill(self):
        with self.path.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                piece = b"x" * size
                try:
                    while True:
                        file.write(piece)
                except OSError:
                    pass

    def leave(self, room):
        """All but `room` bytes."""
        self.fill()
        os.truncate(self.path, max(0, self.path.stat().st_size - room))

    def free(self):
        self.path.unlink(missing_ok=True)


class Writers:
    """A change for each server. What was acknowledged is kept, to be looked for later."""

    def __init__(self, hub):
        self.hub, self.n = hub, 0
        self.words = []
        self.told = collections.defaultdict(list)

    def issue(self, n):
        status, answer = self.hub.call("issues", "create_issue", title=f"issue {n}", body="b" * 3000)
        return status, answer, answer.get("number")

    def comment(self, n):
        status, answer = self.hub.call("issues", "add_issue_comment", number=1, body=f"comment {n} " + "b" * 3000)
        return status, answer, f"comment {n} "

    def document(self, n):
        status, answer = self.hub.call("knowledge_base", "add_document", source={"text": f"# Part\n\nword{n} " + "and more " * 300},
                                       external_id=f"doc {n}", wait_ms=0)
        if status < 300:
            self.words.append((f"word{n}", answer["document_id"]))
        return status, answer, answer.get("document_id")

    def file(self, n):
        status, answer = self.hub.call("file_system", "write_file", path=f"f{n}.txt", content=f"{n}\n" * 2000)
        return status, answer, f"f{n}.txt"

    def commit(self, n):
        status, answer = self.hub.call("git", "git_commit", message=f"commit {n} " + "m" * 3000, allow_empty=True)
        return status, answer, answer.get("commit")

    def run(self, n):
        status, answer = self.hub.call("cicd", "run_workflow", inline=WORKFLOW, wait_ms=2000)
        return status, answer, answer.get("run_id")

    def token(self, n):
        made = {"name": f"token {n}", "projects": ["default"], "agents": ["default"], "scopes": ["mcp:read"]}
        status, answer = self.hub.ask("POST", "/api/v1/tokens", made)
        return status, answer, answer.get("id")

    def project(self, n):
        status, answer = self.hub.ask("POST", "/api/v1/projects", {"id": f"p{n}"})
        return status, answer, f"p{n}"

    ALL = "issue comment document file commit run token project".split()

    def write(self, kind):
        self.n += 1
        status, answer, told = getattr(self, kind)(self.n)
        if status < 300:
            self.told[kind].append(told)
        return status, answer

    def ids(self, path):
        """Ids of a whole list."""
        ids, cursor = set(), ""
        while cursor is not None:
            status, page = self.hub.ask("GET", path + cursor)
            ids |= {item["id"] for item in page["items"]}
            cursor = page.get("next_cursor") and f"&cursor={page['next_cursor']}"
        return ids

    def lost(self):
        """What was acknowledged and is not there."""
        hub, lost = self.hub, []
        here = {
            "issue": lambda number: hub.call("issues", "get_issue", number=number)[0] == 200,
            "document": lambda name: hub.call("knowledge_base", "get_document", document_id=name)[0] == 200,
            "file": lambda path: hub.call("file_system", "read_text_file", path=path)[0] == 200,
            "commit": lambda commit: hub.call("git", "git_show", revision=commit)[0] == 200,
            "run": lambda run: hub.call("cicd", "get_workflow_run", run_id=run)[0] == 200,
        }
        for kind, found in here.items():
            lost += [(kind, told) for told in self.told[kind] if not found(told)]
        for kind in ("token", "project"):
            there = self.ids(f"/api/v1/{kind}s?limit=200")
            lost += [(kind, told) for told in self.told[kind] if told not in there]
        # Events wait in the hub's journal until the database takes them, and are tried again after a second.
        for _ in range(HEAL * 10):
            waiting = self.untold()
            if not waiting:
                break
            time.sleep(0.1)
        return lost + waiting

    def untold(self):
        """Changes of which there is no event."""
        events, after = set(), 0
        while True:
            page = self.hub.ask("GET", f"/api/v1/projects/default/events?limit=200&after={after}")[1]["items"]
            events |= {(event["action"], event["path"]) for event in page}
            if not page:
                break
            after = page[-1]["id"]
        missing = [("event of issue", n) for n in self.told["issue"] if ("create_issue", f"issues/{n}") not in events]
        return missing + [("event of file", p) for p in self.told["file"] if ("write_file", f"files/{p}") not in events]


READS = [("issues", "list_issues", {}), ("issues", "get_issue", {"number": 1}),
         ("knowledge_base", "search_knowledge", {"query": "word1"}), ("knowledge_base", "list_documents", {}),
         ("file_system", "list_directory", {"path": "."}), ("file_system", "read_text_file", {"path": "seed.txt"}),
         ("git", "git_log", {}), ("git", "git_status", {}), ("git", "git_diff", {}), ("cicd", "list_workflow_runs", {}),
         ("code_analysis", "outline", {"path": "seed.py"}), ("llm_gateway", "list_models", {}), ("llm_gateway", "get_usage", {})]


class Report:
    def __init__(self):
        self.faults = []

    def check(self, holds, what):
        print(f"{'ok  ' if holds else 'FAIL'}  {what}")
        if not holds:
            self.faults.append(what)


def reads(hub, report, when):
    wrong = [f"{tool} {status} {answer}" for server, tool, args in READS
             for status, answer in [hub.call(server, tool, **args)] if status != 200]
    for path in ["/api/v1/projects", "/api/v1/tokens", "/api/v1/audit?limit=5", "/metrics", "/livez"]:
        status, answer = hub.ask("GET", path)
        wrong += [] if status == 200 else [f"{path} {status} {answer}"]
    report.check(not wrong, f"reads answer {when} {wrong or ''}")


def well_again(hub, writers, report, what):
    began, left = time.monotonic(), list(Writers.ALL)
    last = None
    while left and time.monotonic() - began < HEAL:
        status, last = writers.write(left[0])
        if status < 300:
            left.pop(0)
        else:
            time.sleep(0.2)
    report.check(not left, f"every writer works {time.monotonic() - began:.1f} s after {what} {(left, last) if left else ''}")


def unfound(hub, writers):
    """Documents that were acknowledged and are not found by their words."""
    left = list(writers.words)
    for _ in range(HEAL * 2):
        left = [(word, name) for word, name in left if name not in
                [hit["document_id"] for hit in hub.must("knowledge_base", "search_knowledge", query=word, mode="lexical")["hits"]]]
        if not left:
            break
        time.sleep(0.5)
    return left


def settled(hub, writers, report):
    """Every call's end is on record, every run has ended, documents are found, and the chain holds."""
    report.check(not unfound(hub, writers), f"documents are found {unfound(hub, writers) or ''}")
    for _ in range(HEAL * 2):
        runs = hub.must("cicd", "list_workflow_runs", limit=100)["items"]
        live = [run["run_id"] for run in runs if run["status"] in ("queued", "running")]
        if not live:
            break
        time.sleep(0.5)
    repository = hub.data / "projects/default/repos/main.git"
    checked = subprocess.run(["git", "-C", repository, "fsck", "--no-dangling"], capture_output=True, text=True)
    said = (checked.stdout + checked.stderr).strip()
    report.check(checked.returncode == 0, f"the repository is sound {said[:600]}")
    report.check(not live, f"no run is left without its end {live or ''}")
    for _ in range(100):
        open_calls = hub.ask("GET", "/api/v1/audit?limit=200&outcome=started")[1]["items"]
        if not open_calls:
            break
        time.sleep(0.1)
    report.check(not open_calls, f"no call is left without its end on record {[call['tool'] for call in open_calls][:5] or ''}")
    verified = hub.run("audit", "verify")
    report.check(verified.returncode == 0, f"the audit chain holds: {(verified.stdout + verified.stderr).strip()}")


def leftovers(data):
    marks = (".syndarix-tmp-", "tmp_obj_", ".probe-")
    return [str(path.relative_to(data)) for path in data.rglob("*")
            if path.name.startswith(marks) or (path.suffix == ".lock" and ".git" in str(path))]


def main(binary, mount):
    report, ballast, data = Report(), Ballast(mount), mount / "data"
    refused = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(binary, folder, data)
        assert hub.start(), hub.log()
        try:
            hub.must("git", "git_init")
            hub.must("file_system", "write_file", path="seed.txt", content="seed\n")
            hub.must("file_system", "write_file", path="seed.py", content="def seed():\n    pass\n")
            hub.must("git", "git_add", paths=["."])
            writers = Writers(hub)
            for kind in Writers.ALL:
                status, answer = writers.write(kind)
                assert status < 300, f"{kind}: {status} {answer}"

            for round in (1, 2):
                full(hub, writers, ballast, report, refused)
                ballast.free()
                well_again(hub, writers, report, f"space is freed ({round})")
                lost = writers.lost()
                report.check(not lost, f"nothing acknowledged is lost {lost or ''}")
                settled(hub, writers, report)
            never = [kind for kind in Writers.ALL if not refused[kind] and kind not in ("token", "project")]
            report.check(not never, f"every writer of more than a row was refused at times {never or ''}")
            report.check(not leftovers(data), f"no temporary file is left {leftovers(data)}")

            full(hub, writers, ballast, report, refused)
            hub.kill()
            ballast.fill()
            before = len(hub.log())
            if hub.start():
                report.check("the disk is full" in hub.log()[before:], "a hub starts on a full disk, and says so")
                reads(hub, report, "after a start on a full disk")
                ballast.free()
            else:
                said = hub.log()[before:].strip()
                report.check("disk is full" in said, f"a hub that cannot start on a full disk says so: {said}")
                ballast.free()
                assert hub.start(), hub.log()
            well_again(hub, writers, report, "a start on a full disk")
            lost = [one for one in writers.lost()]
            report.check(not lost, f"nothing acknowledged is lost {lost or ''}")
            settled(hub, writers, report)
        finally:
            hub.kill()
            if report.faults and os.environ.get("KEEP_LOG"):
                pathlib.Path(os.environ["KEEP_LOG"]).write_text(hub.log())
    print(f"{len(report.faults)} faults")
    return bool(report.faults)


def full(hub, writers, ballast, report, refused):
    """Fills the disk, and writes on it all the same."""
    ballast.fill()
    for kind in Writers.ALL:
        seen = collections.Counter()
        for room in ROOM:
            ballast.leave(room)
            status, answer = writers.write(kind)
            code = answer.get("code") if isinstance(answer, dict) else answer
            fine = status < 300 or (status, code) == (507, "storage_full")
            seen["ok" if status < 300 else f"{status} {code}" + ("" if fine else f" {answer}")] += 1
        # One that fits into what the database's log has already may be done all the same.
        report.check(set(seen) <= {"ok", "507 storage_full"}, f"{kind} on a full disk: {dict(seen)}")
        refused[kind] += seen["507 storage_full"]
    ballast.fill()
    reads(hub, report, "while the disk is full")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
