"""A hub as the scripts here drive it: started, called over REST, killed."""

import http.client, json, pathlib, subprocess, threading

SERVERS = "llm_gateway git knowledge_base issues file_system code_analysis cicd".split()
SCOPE = {"project_id": "default", "agent_id": "default"}
WORKFLOW = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo done\n"


class Hub:
    """A hub whose settings and log are in `folder`, and whose data are in `data`."""

    def __init__(self, binary, folder, data, more="", of={}):
        self.binary, self.folder, self.data = binary, pathlib.Path(folder), pathlib.Path(data)
        config = f'[http]\nlisten = "127.0.0.1:0"\n[storage]\ndata = "{data}"\n'
        config += more + "".join(f'[servers.{server}]\nlisten = "127.0.0.1:0"\n{of.get(server, "")}' for server in SERVERS)
        (self.folder / "config.toml").write_text(config)

    def start(self):
        """Starts it; whether it did."""
        with (self.folder / "hub.log").open("a") as log:
            self.process = subprocess.Popen([self.binary], cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True)
        self.main = None
        for line in self.process.stdout:
            words = line.split()
            if words[:1] == ["REST"]:
                self.main = words[1].removeprefix("http://").removesuffix("/api/v1")
            if "syndarix call" in line:
                break
        if self.main is None:
            self.process.wait()
            return False
        # What it prints later must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.token = (self.data / "admin.token").read_text().strip()
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log(self):
        return (self.folder / "hub.log").read_text()

    def run(self, *words):
        """Another command of the program, with the same settings."""
        return subprocess.run([self.binary, *words], cwd=self.folder, capture_output=True, text=True)

    def ask(self, method, path, body=None, headers={}):
        """Status and answer."""
        connection = http.client.HTTPConnection(self.main, timeout=60)
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers}
        connection.request(method, path, None if body is None else json.dumps(body), head)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")

    def call(self, server, tool, **args):
        return self.ask("POST", f"/api/v1/servers/{server}/tools/{tool}", SCOPE | args)

    def must(self, server, tool, **args):
        status, answer = self.call(server, tool, **args)
        assert status == 200, f"{tool}: {status} {answer}"
        return answer
