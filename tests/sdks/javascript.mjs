// One stream and one tool call by each official JavaScript SDK: javascript.mjs openai|anthropic URL TOKEN PROVIDER. Prints what it
// heard as JSON.
import { createRequire } from "node:module";

// The packages lie in the cache, not beside this file.
const load = createRequire(`${process.env.SDKS_NPM}/package.json`);
const [sdk, url, token, provider] = process.argv.slice(2);
const hello = [{ role: "user", content: "Hello" }];
const parameters = { type: "object", properties: { city: { type: "string" } } };
const heard = { text: [], tools: [] };

if (sdk === "openai") {
  const { default: OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0 });
  const asked = { model: `${provider}/text`, messages: hello, stream: true };
  for await (const chunk of await client.chat.completions.create(asked)) {
    const piece = chunk.choices[0]?.delta.content;
    if (piece) heard.text.push(piece);
  }
  const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
  const helper = client.chat.completions.stream({ model: `${provider}/tools`, messages: hello, tools });
  const { choices } = await helper.finalChatCompletion();
  heard.tools = choices[0].message.tool_calls.map((call) => [call.id, call.function.name, call.function.arguments]);
  const wrong = new OpenAI({ baseURL: `${url}/v1`, apiKey: "syx_wrong", maxRetries: 0 });
  heard.error = await wrong.models.list().catch((error) => error.constructor.name);
} else {
  const { default: Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: url, apiKey: token, maxRetries: 0 });
  const asked = { max_tokens: 1000, messages: hello };
  await client.messages.stream({ ...asked, model: `${provider}/text` }).on("text", (piece) => heard.text.push(piece)).finalMessage();
  const tools = [{ name: "get_weather", input_schema: parameters }];
  const { content } = await client.messages.stream({ ...asked, tools, model: `${provider}/tools` }).finalMessage();
  heard.tools = content.map((block) => [block.id, block.name, JSON.stringify(block.input)]);
  const wrong = new Anthropic({ baseURL: url, apiKey: "syx_wrong", maxRetries: 0 });
  heard.error = await wrong.messages.create({ ...asked, model: "mock/echo" }).catch((error) => error.constructor.name);
}
console.log(JSON.stringify(heard));
