"use strict";
const [form, alert, main] = ["form", "[role=alert]", "main"].map((name) => document.querySelector(name));
const find = document.querySelector("input[type=search]");

// What comes from the document is put in as text, never as HTML.
function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

const code = (text) => element("code", text);
const json = (value) => element("pre", JSON.stringify(value, null, 2));

function look(document, value) {
  if (!value?.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((inner, key) => inner[key], document);
}

function contents(document, content = {}) {
  return Object.entries(content).flatMap(([type, { schema, example }]) => [
    element("p", code(type)),
    ...(example === undefined ? [] : [json(example)]),
    element("details", element("summary", "Schema"), json(look(document, schema))),
  ]);
}

function parameter({ name, in: place, required, description, schema }) {
  return element("li", code(name), ` in the ${place}${required ? ", required" : ""}. ${description ?? ""} `, code(JSON.stringify(schema)));
}

function curl(method, path, operation) {
  const body = operation.requestBody?.content["application/json"].example;
  const quoted = body && `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
  const data = quoted ? ` \\\n  --json ${quoted}` : "";
  const url = new URL(`.${path}`, window.document.baseURI);
  return element("pre", `curl -X ${method} '${decodeURI(url)}' -H "Authorization: Bearer $SYX_TOKEN"${data}`);
}

function operation(document, method, path, told) {
  const shown = element("details", element("summary", element("b", method), code(path), ` ${told.summary}`));
  shown.dataset.text = `${method} ${path} ${told.summary} ${told.description}`.toLowerCase();
  // Only what is opened is built: there are hundreds.
  shown.addEventListener("toggle", () => {
    shown.append(element("p", told.description), curl(method, path, told));
    if (told.parameters?.length) shown.append(element("h3", "Parameters"), element("ul", ...told.parameters.map(parameter)));
    if (told.requestBody) shown.append(element("h3", "Body"), ...contents(document, told.requestBody.content));
    for (const [status, response] of Object.entries(told.responses)) {
      const { description, content } = look(document, response);
      shown.append(element("details", element("summary", `${status}: ${description}`), ...contents(document, content)));
    }
  }, { once: true });
  return shown;
}

function show(document) {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, told]) => [method.toUpperCase(), path, told]));
  main.replaceChildren(...document.tags.map(({ name, description }) => element("section",
    element("h2", name), element("p", description),
    ...all.filter(([, , told]) => told.tags.includes(name)).map((one) => operation(document, ...one)))));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = form.querySelector("input").value.trim();
  try {
    const answer = await fetch("openapi.json", { headers: { Authorization: `Bearer ${token}` } });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail);
    show(body);
    find.parentElement.hidden = false;
    alert.hidden = true;
  } catch (error) {
    alert.textContent = error.message;
    alert.hidden = false;
  }
});

find.addEventListener("input", () => {
  const words = find.value.toLowerCase().split(/\s+/);
  for (const one of main.querySelectorAll("details[data-text]")) {
    one.hidden = !words.every((word) => one.dataset.text.includes(word));
  }
});
