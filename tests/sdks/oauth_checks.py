"""The Python SDK of MCP lets itself in: it finds the hub's authorization server, registers, asks for consent, and goes on alone."""

import html.parser, urllib.parse

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientMetadata, OAuthMetadata

from suite import Suite, same

suite = Suite("oauth", "legacy auto")
CALLBACK = "http://127.0.0.1:7777/callback"


class Storage:
    """What a client keeps."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Form(html.parser.HTMLParser):
    """The fields of a page, as a browser would send them."""

    def __init__(self, text):
        super().__init__()
        self.fields, self.action = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.action = given["action"]
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.fields.append((given["name"], given.get("value", "")))


class Case:
    """A person with a service token, her browser, and a client that speaks the era `mode`."""

    client = None

    def __init__(self, hub, mode):
        self.hub, self.mode, self.storage, self.asked = hub, mode, Storage(), 0
        self.answer = None

    def token(self, *scopes):
        wanted = {"name": "oauth", "projects": ["default"], "agents": ["default"], "scopes": list(scopes)}
        return self.hub.ask("POST", "/api/v1/tokens", wanted)

    def provider(self, url, person):
        async def decide(question):
            self.asked += 1
            async with httpx2.AsyncClient() as browser:
                page = await browser.get(question)
                form = Form(page.text)
                fields = [(name, person if name == "token" else value) for name, value in form.fields]
                body = urllib.parse.urlencode([*fields, ("answer", "allow")])
                kind = {"content-type": "application/x-www-form-urlencoded", "origin": self.hub.url}
                done = await browser.post(urllib.parse.urljoin(question, form.action), content=body, headers=kind)
            assert done.status_code == 303, done.text
            sent = urllib.parse.parse_qs(urllib.parse.urlsplit(done.headers["location"]).query)
            self.answer = {name: values[0] for name, values in sent.items()}

        async def callback():
            return AuthorizationCodeResult(code=self.answer["code"], state=self.answer["state"], iss=self.answer["iss"])

        metadata = OAuthClientMetadata(client_name="sdk", redirect_uris=[CALLBACK])
        return OAuthClientProvider(url, metadata, self.storage, decide, callback)

    def open(self, url, auth):
        http = create_mcp_http_client(auth=auth)
        return Client(streamable_http_client(url, http_client=http), mode=self.mode)


def cases(hub, _upstream):
    return [("", lambda mode: Case(hub, mode))]


@suite.check()
async def the_whole_dance(case):
    url = f"{case.hub.url}/issues/mcp"
    person = case.token("issues:write")["token"]
    async with case.open(url, case.provider(url, person)) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        assert "create_issue" in tools and "git_log" not in tools, tools
        made = await client.call_tool("create_issue", {"title": "By the SDK"})
        assert not made.is_error, made
    same(case.asked, 1)
    assert case.storage.client.client_id.startswith("cli_"), case.storage.client
    first = case.storage.tokens
    assert first.access_token.startswith("sya_") and first.refresh_token.startswith("syr_")

    # When that has expired it gets the next one, and asks nobody.
    auth = case.provider(url, "nobody")
    auth.context.oauth_metadata = OAuthMetadata.model_validate(case.hub.ask("GET", "/.well-known/oauth-authorization-server"))
    await auth._initialize()
    auth.context.token_expiry_time = 1
    async with case.open(url, auth) as client:
        await client.list_tools()
    same(case.asked, 1)
    assert case.storage.tokens.refresh_token != first.refresh_token


@suite.check()
async def a_missing_scope_is_asked_for(case):
    url = f"{case.hub.url}/issues/mcp"
    person = case.token("issues:write")["token"]
    auth = case.provider(url, person)
    async with case.open(url, auth) as client:
        await client.list_tools()
        # As a client that was content with less: the hub names what is missing, and it asks again.
        less = await refresh(case, "issues:read")
        case.storage.tokens = auth.context.current_tokens = auth.context.current_tokens.model_copy(update=less)
        made = await client.call_tool("create_issue", {"title": "With a scope more"})
        assert not made.is_error, made
    same(case.asked, 2)
    assert "issues:write" in case.storage.tokens.scope


async def refresh(case, scope):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": case.storage.tokens.refresh_token,
        "client_id": case.storage.client.client_id,
        "scope": scope,
    }
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{case.hub.url}/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


@suite.check()
async def a_service_token_as_a_clients_own_secret(case):
    url = f"{case.hub.url}/issues/mcp"
    made = case.token("issues:read")
    auth = ClientCredentialsOAuthProvider(url, case.storage, made["id"], made["token"], scope="issues:read", issuer=case.hub.url)
    async with case.open(url, auth) as client:
        listed = await client.call_tool("list_issues", {})
        assert not listed.is_error, listed
    assert case.storage.tokens.access_token.startswith("sya_")
