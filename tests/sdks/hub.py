"""A hub in a temporary directory, before a scripted provider."""

import json, pathlib, subprocess, time, urllib.request

from upstream import KEY

SERVERS = "llm_gateway git knowledge_base issues file_system code_analysis cicd".split()
# `o` and `t` speak OpenAI's dialect, `o` responses too; `a` speaks Anthropic's.
PROVIDERS = """
[servers.llm_gateway.providers.o]
kind = "openai"
base_url = "{url}/o/v1"
api_key_file = "key"
responses = "native"
[servers.llm_gateway.providers.t]
kind = "openai"
base_url = "{url}/t/v1"
api_key_file = "key"
responses = "translate"
serves = []
[servers.llm_gateway.providers.a]
kind = "anthropic"
base_url = "{url}/a/v1"
api_key_file = "key"
"""


class Hub:
    def __init__(self, binary, folder, upstream):
        folder = pathlib.Path(folder)
        folder.mkdir()
        config = '[http]\nlisten = "127.0.0.1:0"\n'
        for server in SERVERS:
            config += f'[servers.{server}]\nlisten = "127.0.0.1:0"\n'
        config += "[auth.oauth]\nenabled = true\nregistrations_per_minute = 100\n"
        (folder / "config.toml").write_text(config + PROVIDERS.format(url=upstream.url))
        (folder / "key").write_text(KEY)
        self.log = folder / "hub.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([binary], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        for line in self.process.stdout:
            if line.split()[:1] == ["REST"]:
                self.url = line.split()[1].removesuffix("/api/v1")
            if "syndarix call" in line:
                break
        else:
            raise SystemExit("the hub did not start: " + self.log.read_text())
        self.admin = (folder / "data/admin.token").read_text().strip()
        self.token = self.make_token("llm_gateway:write")
        self.reader = self.make_token("llm_gateway:read")

    def make_token(self, scope):
        wanted = {"name": "sdks", "projects": ["default"], "agents": ["default"], "scopes": [scope]}
        return self.ask("POST", "/api/v1/tokens", wanted)["token"]

    def ask(self, method, path, value=None):
        """What REST answers to the administrator."""
        data = None if value is None else json.dumps(value).encode()
        headers = {"authorization": f"Bearer {self.admin}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
